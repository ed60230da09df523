"""Ways out of a sandbox: the internet by address translation, and the subnets that the settings declare.

`records.py` and `declared.py` say what there is, `networks.py` is the node's side, and `program.py` with what it uses
the one program that changes the host's network. A sandbox without a way out (the default) needs nothing of this.
"""
