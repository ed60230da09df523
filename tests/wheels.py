"""Wheels of packages that tests make up, for pip to find in a directory."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def wheel_files(name: str, version: str, files: Mapping[str, str], requires: str = "") -> dict[str, str]:
    """What such a package is when it is installed."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    found = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
    lines = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in found.items()]
    return {**found, f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,", ""])}


def write_wheel(directory: Path, name: str, version: str, files: Mapping[str, str], requires: str = "") -> None:
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in wheel_files(name, version, files, requires).items():
            archive.writestr(path, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
