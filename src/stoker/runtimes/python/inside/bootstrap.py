"""What /var/runtime/bootstrap.py is on AWS: hands the process over to AWS's runtime client.

It runs beside the customer's handler, on every Python that Lambda offers (3.9 too), so it imports next to nothing.
"""

import os
import sys


def arranged_path(path: "list[str]", environment: "dict[str, str]") -> "list[str]":
    """`path` in AWS's order: the task, the layers, the runtime, the standard library.

    The customer's own boto3 wins over the runtime's. What the host has installed for itself is not to be found: a
    function that needs it would run here and fail on AWS. In a sandbox something empty covers it.
    """
    first = [environment.get("LAMBDA_TASK_ROOT", "/var/task")]
    if environment.get("LAMBDA_RUNTIME_DIR", "/var/runtime") == "/var/runtime":
        first += [f"/opt/python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages", "/opt/python"]
    else:
        # Without a sandbox /opt is the host's own, and layers come by PYTHONPATH.
        path = [entry for entry in path if not _is_of_the_host(entry)]
    return list(dict.fromkeys(first + path))


def _is_of_the_host(entry: str) -> bool:
    folder = entry.rstrip("/").rpartition("/")[2]
    return folder in ("site-packages", "dist-packages") and entry.startswith(sys.base_prefix + "/")


def main() -> None:
    sys.path[:] = arranged_path(sys.path, dict(os.environ))
    # Only now that the path is right: the customer may bring a newer runtime client in the package, as on AWS.
    from awslambdaric.__main__ import main as run

    try:
        run(["bootstrap.py", os.environ["_HANDLER"]])
    except SystemExit as error:
        # On AWS the status of a function that left by sys.exit is never told.
        if error.code is not None and not isinstance(error.code, int):
            sys.stderr.write(f"{error.code}\n")
        sys.exit(0)


if __name__ == "__main__":
    main()
