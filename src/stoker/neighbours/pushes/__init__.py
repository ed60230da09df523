"""What services of the embedded neighbours want of functions: made in moto's process, answered in the node.

`records.py`, `line.py` and `receiver.py` are the way; each other file is one service, changed in moto's process.
"""
