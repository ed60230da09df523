"""Container images: found by reference, fetched and verified by digest, unpacked once, made into root directories.

Read `reference.py`, `manifest.py`, then `pull.py` (finding, fetching), `layers.py` (unpacking), `roots.py` (merging),
`files.py` (the disk) and `store.py` (what the other rooms ask).
"""
