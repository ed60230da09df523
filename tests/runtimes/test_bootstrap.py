import subprocess
import sys

from stoker.runtimes.python.inside.bootstrap import arranged_path
from stoker.runtimes.python.packages import BOOTSTRAP

RELEASE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_path_is_in_the_order_of_aws() -> None:
    library = f"{sys.base_prefix}/lib/python{RELEASE}"
    before = ["/var/runtime", "/var/runtime", library, f"{library}/lib-dynload", f"{library}/site-packages"]
    assert arranged_path(before, {}) == [
        "/var/task",
        f"/opt/python/lib/python{RELEASE}/site-packages",
        "/opt/python",
        "/var/runtime",
        library,
        f"{library}/lib-dynload",
        # Covered by something empty in a sandbox.
        f"{library}/site-packages",
    ]


def test_a_path_of_the_customers_own_is_kept() -> None:
    assert "/var/task/vendor/site-packages" in arranged_path(["/var/task/vendor/site-packages"], {})


def test_without_a_sandbox_neither_the_hosts_opt_nor_its_packages_are_looked_at() -> None:
    environment = {"LAMBDA_TASK_ROOT": "/work/f", "LAMBDA_RUNTIME_DIR": "/cache/runtime"}
    before = ["/cache/runtime", f"{sys.base_prefix}/lib/python{RELEASE}/site-packages"]
    assert arranged_path(before, environment) == ["/work/f", "/cache/runtime"]


def test_what_ships_inside_imports_nothing_of_ours() -> None:
    for file in BOOTSTRAP.parent.glob("*.py"):
        assert "stoker" not in file.read_text()


def test_the_bootstrap_costs_a_cold_start_no_imports() -> None:
    # -S and -I: what is loaded then is Python's own.
    code = f"import sys; b = set(sys.modules); exec(open({str(BOOTSTRAP)!r}).read().split('def main')[0])"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"{code}; print(set(sys.modules) - b)"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "set()"
