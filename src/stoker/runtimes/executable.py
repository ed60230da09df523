"""Whether this host's kernel would execute a file, by its first bytes; the text is that of Go's `os`, as on AWS."""

import platform

HEAD_BYTES = 256  # the kernel reads no longer a first line (execve(2))
WRONG_FORMAT = "exec format error"
# elf(5): e_ident[EI_MAG0..3], and e_machine of the processors that Stoker runs on, which are little-endian.
_ELF, _MACHINE_AT = b"\x7fELF", 18
_MACHINES = {"x86_64": 62, "aarch64": 183}


def is_executable_here(head: bytes) -> bool:
    """Of a file that begins with `head`: a script, or a program for this machine."""
    if head.startswith(_ELF):
        return int.from_bytes(head[_MACHINE_AT : _MACHINE_AT + 2], "little") == _MACHINES.get(platform.machine())
    return head.startswith(b"#!")
