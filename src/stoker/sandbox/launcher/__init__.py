"""The launcher: the one privileged program. It builds a runtime's root once, then makes sandboxes in it, one per spec.

Run as `python -I -S -c ... launcher.serve.main()` with this folder as the top-level package `launcher`, by any Python
from 3.9 on, because a zygote is this same program inside the runtime's own interpreter. Standard library only; it
imports nothing of Stoker. Read `serve.py`, then `root.py`, `init.py`, `processes.py`, `runtime.py`, and `gvisor.py`.
"""
