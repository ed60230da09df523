"""Images that the tests build themselves: tar layers, configuration, manifest, and OCI layouts of them."""

import gzip
import hashlib
import io
import json
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"

# Of the interpreter's library: what is large, or of no use in a function.
_NOT_NEEDED = {"test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "pydoc_data", "site-packages"}
_NOT_NEEDED |= {"turtledemo", "distutils", "unittest", "sqlite3", "curses", "dbm", "wsgiref", "xmlrpc", "venv"}
_NOT_NEEDED |= {f"config-{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}-linux-gnu"}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Layer:
    """A layer as it is fetched, and the digest of what it holds."""

    blob: bytes
    diff_id: str
    media_type: str


@dataclass
class Image:
    """Blobs by digest; `manifest` is the digest of the manifest."""

    manifest: str
    manifest_type: str = MANIFEST
    blobs: dict[str, bytes] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()

    @property
    def document(self) -> bytes:
        return self.blobs[self.manifest]


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, target: str = "", **more: Any
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, mode, target
    for member, value in more.items():
        setattr(info, member, value)
    return info


def tar_of(*members: tuple[tarfile.TarInfo, bytes] | tarfile.TarInfo, style: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of exactly these entries, hostile or not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            if info.isreg():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def files(contents: Mapping[str, str | bytes]) -> bytes:
    """An archive of files, executable if they begin with `#!`."""
    members = []
    for name, content in contents.items():
        data = content.encode() if isinstance(content, str) else content
        members.append((entry(name, mode=0o755 if data.startswith(b"#!") else 0o644), data))
    return tar_of(*members)


def layer(archive: bytes, media_type: str = GZIP_LAYER) -> Layer:
    blob = gzip.compress(archive, 1, mtime=0) if media_type.endswith("gzip") else archive
    return Layer(blob, digest_of(archive), media_type)


def image(*layers: Layer, architecture: str = ARCHITECTURE, manifest_type: str = MANIFEST, **settings: Any) -> Image:
    """`settings` are the configuration's: Entrypoint, Cmd, Env, WorkingDir."""
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
    }
    config = json.dumps(document).encode()
    blobs = {digest_of(config): config, **{digest_of(one.blob): one.blob for one in layers}}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": _descriptor(CONFIG, config),
            "layers": [_descriptor(one.media_type, one.blob) for one in layers],
        }
    ).encode()
    blobs[digest_of(manifest)] = manifest
    return Image(digest_of(manifest), manifest_type, blobs, layers)


def index(*images: tuple[Image, Mapping[str, str]], media_type: str = INDEX) -> Image:
    """Of images with their platforms."""
    entries = [
        {**_descriptor(one.manifest_type, one.document), "platform": dict(platform_)} for one, platform_ in images
    ]
    document = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    blobs = {digest: blob for one, _ in images for digest, blob in one.blobs.items()}
    return Image(digest_of(document), media_type, {**blobs, digest_of(document): document})


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def write_layout(place: Path, tags: Mapping[str, Image]) -> None:
    """An OCI image layout."""
    (place / "blobs" / "sha256").mkdir(parents=True)
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entries = []
    for tag, one in tags.items():
        for digest, blob in one.blobs.items():
            (place / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(blob)
        notes = {"org.opencontainers.image.ref.name": tag}
        entries.append({**_descriptor(one.manifest_type, one.document), "annotations": notes})
    (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def write_archive(path: Path, tags: Mapping[str, Image]) -> None:
    """The same as a tar file, as `docker save` writes one."""
    folder = path.with_name(f"{path.name}.parts")
    write_layout(folder, tags)
    with tarfile.open(path, "w") as archive:
        archive.add(folder, ".")
    shutil.rmtree(folder)


# Images that run.

BASH_RUNTIME = r"""#!/bin/bash
# A runtime in bash alone, which speaks TCP: it answers with what it sees.
set -eu
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API##*:} runtime=/2018-06-01/runtime/invocation
while true; do
    exec 3<>"/dev/tcp/$host/$port"
    printf 'GET %s/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' $runtime >&3
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
        case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
    done
    exec 3>&-
    touch /app/written 2>/dev/null && root=writable || root=read-only
    touch /tmp/written && tmp=writable || tmp=read-only
    variables=$(env | base64 -w0)
    answer="{\"arguments\":\"$*\",\"directory\":\"$PWD\",\"uid\":$UID,\"root\":\"$root\",\"tmp\":\"$tmp\""
    answer="$answer,\"variables\":\"$variables\",\"listing\":\"$(echo /* /dev/*)\"}"
    echo "answered $id"
    exec 3<>"/dev/tcp/$host/$port"
    printf 'POST %s/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' \
        $runtime "$id" ${#answer} "$answer" >&3
    read -r _ <&3
    exec 3>&-
done
"""


def bash_base() -> Layer:
    """A few megabytes: bash, three programs and their libraries."""
    programs = [Path(shutil.which(name) or name) for name in ("bash", "env", "base64", "touch")]
    return layer(_archive_of({f"bin/{program.name}": program for program in programs}, programs))


def python_base() -> Layer:
    """The tests' own interpreter, as much of its library as AWS's runtime client needs, and that client."""
    packages, home = Path(sysconfig.get_paths()["purelib"]), Path(sys.base_prefix)
    binary, library = home / "bin" / PYTHON, home / "lib" / PYTHON
    inside = f"usr/local/lib/{PYTHON}"
    parts = {f"usr/local/bin/{PYTHON}": binary, inside: library}
    for pattern in ("awslambdaric", "snapshot_restore_py", "simplejson", "runtime_client*.so"):
        parts |= {f"{inside}/site-packages/{path.name}": path for path in packages.glob(pattern)}
    return layer(_archive_of(parts, [binary, *packages.glob("runtime_client*.so"), *library.rglob("*.so")]))


def _archive_of(parts: Mapping[str, Path], programs: Iterable[Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for name, path in parts.items():
            archive.add(path, name, filter=None if "site-packages" in name else _needed)
        for path in _libraries(programs):
            archive.add(path, str(path).lstrip("/"))
    return buffer.getvalue()


def _needed(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    is_left_out = _NOT_NEEDED & set(info.name.split("/")) or info.name.endswith((".opt-1.pyc", ".opt-2.pyc", ".a"))
    return None if is_left_out else info


def _libraries(programs: Iterable[Path]) -> list[Path]:
    found = set()
    command = ["ldd", *map(str, programs)]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        path = next((word for word in line.split() if word.startswith("/") and not word.endswith(":")), None)
        if path is not None:
            found.add(Path(path))
    return sorted(found)
