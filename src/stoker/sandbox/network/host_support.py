"""Whether this host lets a node give sandboxes a way out, found by really trying; nothing is changed."""

import importlib.util
import os
import subprocess

from stoker.sandbox.host_remedies import Lack

_TRY_LIMIT_S = 2.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_CONSEQUENCE = 'functions have no way out: the settings network = "internet" and subnets are refused'
# All that the node's rules need of the kernel, in one transaction that nft only checks (nft(8), --check).
_TRIAL = """
table inet stoker_trial {
  chain output {
    type filter hook output priority filter;
    ct state established,related accept
    meta l4proto { tcp, udp } th dport 53 accept
    reject with icmpx type admin-prohibited
  }
  chain postrouting { type nat hook postrouting priority srcnat; masquerade; }
}
"""


def network_lack() -> Lack | None:
    """The first thing that is missing; None when there is nothing."""
    if os.geteuid() != 0:
        return Lack("root's rights, for a way out", _CONSEQUENCE, "run as root: sudo stoker up")
    if importlib.util.find_spec("pyroute2") is None:
        return Lack("the Python package pyroute2", _CONSEQUENCE, "pip install 'stoker[network]'")
    try:
        refusal = _refusal_of_nft()
    except FileNotFoundError:
        return Lack("the program nft", _CONSEQUENCE, "sudo apt-get install nftables")
    if refusal:
        return Lack(f"nftables ({refusal})", _CONSEQUENCE, "use a kernel with nf_tables and its address translation")
    return None


def _refusal_of_nft() -> str:
    """What the kernel has against our rules, in a line; nothing if it takes them."""
    try:
        tried = subprocess.run(
            ["nft", "--check", "-f", "-"],
            input=_TRIAL,
            capture_output=True,
            text=True,
            timeout=_TRY_LIMIT_S,
            env={"PATH": _PATH},
        )
    except subprocess.TimeoutExpired:
        return "nft did not answer"
    return "" if tried.returncode == 0 else (tried.stderr.strip().splitlines() or ["refused"])[0]
