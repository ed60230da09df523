"""What people use today, fetched at pinned versions and measured beside this project.

`fetch.py` says which versions; each other file knows how one of them is started, and nothing of what is measured.
"""
