"""Measures a node beside the floor below which nothing that runs AWS's own Python client can get: `python -m bench`.

Read `__main__.py`, then `measure.py` (what is measured, in which order), then `floor.py`, `node.py` and `load.py`.
"""
