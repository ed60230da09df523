"""What only a machine's owner may ask of the kernel is refused, call by call."""

from collections.abc import Callable

import pytest

from .conftest import Answer

pytestmark = pytest.mark.namespaces_only("the kernel that answers here is the function's own")

Attack = Callable[..., Answer]
REFUSED = {"EPERM", "EACCES", "ENOSYS"}


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("mounts", ["mount", "umount2", "pivot_root", "open_tree", "fsopen", "move_mount", "mount_setattr"]),
        ("other namespaces", ["setns"]),
        ("other processes", ["ptrace", "process_vm_readv"]),
        ("modules", ["init_module", "finit_module", "delete_module"]),
        ("programs in the kernel", ["bpf", "perf_event_open", "userfaultfd", "io_uring_setup"]),
        ("keys", ["keyctl", "add_key", "request_key"]),
        ("the machine", ["kexec_load", "reboot", "swapon", "settimeofday", "sethostname", "acct", "quotactl", "iopl"]),
        ("the kernel's log", ["syslog"]),
        ("files by handle", ["open_by_handle_at"]),
    ],
)
def test_the_kernel_refuses_a_function_to_touch(claim: str, names: list[str], attack: Attack) -> None:
    answers = attack("kernel.system_calls", {"names": names}).value
    assert {name: answer for name, answer in answers.items() if answer not in REFUSED} == {}, claim


def test_a_function_cannot_make_namespaces(attack: Attack) -> None:
    answers = attack("kernel.unshare").value
    assert {name: answer for name, answer in answers.items() if answer not in REFUSED} == {}


def test_a_function_cannot_clone_into_namespaces_behind_the_filters_back(attack: Attack) -> None:
    assert attack("kernel.clone_into_a_user_namespace").value in REFUSED


def test_a_function_cannot_enter_the_first_processs_namespaces(attack: Attack) -> None:
    answers = attack("kernel.enter_namespaces_of_init").value
    assert {name: answer for name, answer in answers.items() if answer not in REFUSED} == {}


def test_a_function_opens_no_raw_socket_and_no_odd_one(attack: Attack) -> None:
    answers = attack("kernel.sockets").value
    answers.pop("netlink route")  # reading one's own interfaces is what getifaddrs(3) does
    refused = REFUSED | {"EAFNOSUPPORT"}
    assert {name: answer for name, answer in answers.items() if answer not in refused} == {}


def test_a_function_cannot_change_its_network(attack: Attack) -> None:
    assert attack("kernel.add_an_address").value in REFUSED


def test_a_function_cannot_make_devices(attack: Attack) -> None:
    answers = attack("kernel.make_device").value
    assert {name: answer for name, answer in answers.items() if answer not in REFUSED} == {}


def test_a_function_cannot_change_its_root(attack: Attack) -> None:
    assert attack("kernel.change_root").value in REFUSED


def test_a_function_cannot_become_root(attack: Attack) -> None:
    answers = attack("kernel.become_root").value
    # EINVAL: the sandbox's user namespace has no user 0 at all.
    assert {name: answer for name, answer in answers.items() if answer not in REFUSED | {"EINVAL"}} == {}


def test_a_function_cannot_leave_its_control_group(attack: Attack) -> None:
    answers = attack("kernel.leave_the_control_group").value
    answers.pop("seen")
    refused = REFUSED | {"ENOENT", "EROFS"}
    assert {path: answer for path, answer in answers.items() if answer not in refused} == {}
