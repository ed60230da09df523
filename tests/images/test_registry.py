"""Finding and fetching images in a registry that behaves, and in one that does not."""

import base64
import json
import os
import time
from pathlib import Path

import pytest

from stoker.errors import AccessDeniedException, InvalidParameterValueException
from stoker.functions.architecture import host_architecture
from stoker.functions.records import Image as ImageRecord
from stoker.images.credentials import Registries
from stoker.images.errors import ImageError
from stoker.images.store import ImageStore
from tests.images import building
from tests.images.building import (
    ARCHITECTURE,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    Image,
    files,
    image,
    index,
    layer,
)
from tests.images.conftest import OpenStore
from tests.images.registry import Registry, running_registry

HOST = host_architecture()
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[HOST]
OTHER_PLATFORM = {"os": "linux", "architecture": {"amd64": "arm64", "arm64": "amd64"}[ARCHITECTURE]}
HERE = {"os": "linux", "architecture": ARCHITECTURE}


async def resolve(store: ImageStore, uri: str, architecture: str = HOST) -> ImageRecord:
    return await store.resolve(uri, "000000000000", "us-east-1", architecture)


async def fetch(store: ImageStore, uri: str) -> Path:
    """Where the root directory of the image is."""
    found = await resolve(store, uri)
    await store.fetch(found)
    root = store.found(found)
    assert root is not None
    return root.tree


async def refusal(store: ImageStore, uri: str, architecture: str = HOST) -> str:
    with pytest.raises(InvalidParameterValueException) as raised:
        await resolve(store, uri, architecture)
    return str(raised.value)


async def failure(store: ImageStore, uri: str) -> ImageError:
    """Of fetching; nothing of the image may be left."""
    found = await resolve(store, uri)
    with pytest.raises(ImageError) as raised:
        await store.fetch(found)
    return raised.value


def left(tmp_path: Path) -> set[str]:
    """The layers and roots on disk, and whatever else is there."""
    root = tmp_path / "images"
    return {str(path.relative_to(root)) for path in root.glob("*/*")} | {path.name for path in root.glob(".*")}


def layer_digest(image: Image, number: int) -> str:
    digest: str = json.loads(image.document)["layers"][number]["digest"]
    return digest


async def test_a_tag_is_pinned_to_the_digest_it_stands_for_now(
    store: ImageStore, registry: Registry, small: Image
) -> None:
    uri = registry.push("app", "1", small)
    before = await resolve(store, uri)
    registry.push("app", "1", image(layer(files({"c": "new"}))))
    assert before.uri == uri
    assert before.digest == small.manifest.removeprefix("sha256:")
    assert before.resolved_uri == f"{registry.host}/app@{small.manifest}"
    await store.fetch(before)
    assert (await resolve(store, uri)).digest != before.digest


@pytest.mark.parametrize("media_type", [INDEX, DOCKER_LIST])
async def test_of_an_index_the_image_for_the_architecture_is_taken(
    store: ImageStore, registry: Registry, small: Image, media_type: str
) -> None:
    other = image(layer(files({"c": "other"})), architecture=OTHER_PLATFORM["architecture"])
    attestation = {"os": "unknown", "architecture": "unknown"}
    both = index((other, OTHER_PLATFORM), (small, attestation), (small, HERE), media_type=media_type)
    uri = registry.push("app", "1", both)
    assert f"sha256:{(await resolve(store, uri, HOST)).digest}" == small.manifest
    assert f"sha256:{(await resolve(store, uri, OTHER)).digest}" == other.manifest


async def test_an_image_for_another_processor_is_refused(store: ImageStore, registry: Registry, small: Image) -> None:
    uri = registry.push("app", "1", small)
    assert f"not for the architecture {OTHER}" in await refusal(store, uri, OTHER)


async def test_the_root_has_the_files_of_every_layer(store: ImageStore, registry: Registry) -> None:
    uri = registry.push("team/app", "v1.2", image(layer(files({"a": "1", "b": "1"})), layer(files({"b": "2"}))))
    tree = await fetch(store, uri)
    assert ((tree / "a").read_text(), (tree / "b").read_text()) == ("1", "2")


async def test_docker_manifests_and_layers_that_are_not_compressed_are_taken(
    store: ImageStore, registry: Registry
) -> None:
    plain = layer(files({"a": "plain"}), "application/vnd.docker.image.rootfs.diff.tar")
    packed = layer(files({"b": "packed"}), "application/vnd.docker.image.rootfs.diff.tar.gzip")
    uri = registry.push("app", "1", image(plain, packed, manifest_type=DOCKER_MANIFEST))
    tree = await fetch(store, uri)
    assert ((tree / "a").read_text(), (tree / "b").read_text()) == ("plain", "packed")


async def test_a_layer_that_two_images_have_is_fetched_and_unpacked_once(store: ImageStore, registry: Registry) -> None:
    base = layer(files({"base": "shared"}))
    one, other = image(base, layer(files({"a": "1"}))), image(base, layer(files({"a": "2"})))
    trees = [await fetch(store, registry.push("app", tag, what)) for tag, what in (("1", one), ("2", other))]
    inodes = {os.stat(tree / "base").st_ino for tree in trees}
    assert len(inodes) == 1
    assert registry.requests[f"/v2/app/blobs/{layer_digest(one, 0)}"] == 1


async def test_an_image_that_was_fetched_needs_its_registry_no_more(
    store: ImageStore, open_store: OpenStore, registry: Registry, small: Image
) -> None:
    found = await resolve(store, registry.push("app", "1", small))
    await store.fetch(found)
    registry.forget()
    await store.fetch(found)
    after_restart = await open_store()
    await after_restart.fetch(found)
    assert await after_restart.find(found) is not None


# Names


@pytest.mark.parametrize(
    "uri",
    [
        "app:1",
        "library/app:1",
        "registry.example/app",
        "registry.example/App:1",
        "registry.example/a/../b:1",
        "",
        "x" * 2000,
    ],
)
async def test_what_names_no_image_is_refused_in_awss_words(store: ImageStore, uri: str) -> None:
    assert await refusal(store, uri) == f"Source image {uri} is not valid. Provide a valid source image."


async def test_an_image_that_is_not_there_is_refused_in_awss_words(store: ImageStore, registry: Registry) -> None:
    uri = f"{registry.host}/app:none"
    assert await refusal(store, uri) == f"Source image {uri} does not exist. Provide a valid source image."


async def test_a_host_can_stand_for_a_registry_elsewhere(
    open_store: OpenStore, registry: Registry, small: Image
) -> None:
    store = await open_store({"*.dkr.ecr.*.amazonaws.com": f"http://{registry.host}"})
    registry.push("app", "1", small)
    found = await resolve(store, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1")
    assert found.resolved_uri == f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@{small.manifest}"


def test_only_registries_on_this_machine_and_configured_ones_are_asked_without_tls() -> None:
    registries = Registries({"plain.example": "http://plain.example:5000"})
    assert registries.address("registry.example:5000").url == "https://registry.example:5000"
    assert not registries.address("registry.example:5000").may_be_plain
    assert registries.address("127.0.0.1:5000").url == "http://127.0.0.1:5000"
    assert registries.address("plain.example").may_be_plain
    assert registries.address("docker.io").url == "https://registry-1.docker.io"


@pytest.mark.parametrize("kind", [INDEX, "application/vnd.oci.image.layer.v1.tar+zstd"])
async def test_kinds_of_layers_that_cannot_be_unpacked_are_refused_by_name(
    store: ImageStore, registry: Registry, kind: str
) -> None:
    uri = registry.push("app", "1", image(layer(files({"a": "1"}), kind)))
    told = await refusal(store, uri)
    assert told.startswith(
        f"The image manifest, config or layer media type for the source image {uri} is not supported"
    )
    assert kind in told


# Credentials


async def test_a_token_is_fetched_with_the_credentials_of_the_settings(
    open_store: OpenStore, registry: Registry, small: Image
) -> None:
    registry.user = ("me", "secret word")
    uri = registry.push("app", "1", small)
    store = await open_store({registry.host: f"http://me:secret%20word@{registry.host}"})
    assert (await fetch(store, uri) / "a").exists()


@pytest.mark.parametrize("asks_for_basic", [False, True])
async def test_what_docker_login_wrote_down_is_used(
    open_store: OpenStore, registry: Registry, small: Image, tmp_path: Path, asks_for_basic: bool
) -> None:
    registry.user, registry.asks_for_basic = ("me", "secret"), asks_for_basic
    uri = registry.push("app", "1", small)
    config = tmp_path / "config.json"
    encoded = base64.b64encode(b"me:secret").decode()
    config.write_text(json.dumps({"auths": {registry.host: {"auth": encoded}}}))
    store = await open_store(docker_config=config)
    assert (await fetch(store, uri) / "a").exists()


async def test_without_the_right_credentials_access_is_denied_in_awss_words(
    open_store: OpenStore, registry: Registry, small: Image
) -> None:
    registry.user = ("me", "secret")
    uri = registry.push("app", "1", small)
    for urls in ({}, {registry.host: f"http://me:wrong@{registry.host}"}):
        store = await open_store(urls)
        with pytest.raises(AccessDeniedException, match="Lambda does not have permission to access the ECR image"):
            await resolve(store, uri)


async def test_a_token_is_not_told_to_whom_a_registry_sends_on(
    open_store: OpenStore, registry: Registry, small: Image
) -> None:
    registry.user = ("me", "secret")
    uri = registry.push("app", "1", small)
    with running_registry() as elsewhere:
        elsewhere.blobs |= small.blobs
        registry.faults["/blobs/" + layer_digest(small, 0)] = [f"to http://{elsewhere.host}"]
        await fetch(await open_store({registry.host: f"http://me:secret@{registry.host}"}), uri)
        assert elsewhere.authorizations == [""]


# Faults


@pytest.mark.parametrize("fault", ["429", "500", "503", "truncate"])
async def test_a_registry_that_fails_now_and_then_is_asked_again(
    store: ImageStore, registry: Registry, small: Image, fault: str
) -> None:
    uri = registry.push("app", "1", small)
    registry.faults = {"/manifests/1": [fault], layer_digest(small, 0): [fault, fault]}
    assert (await fetch(store, uri) / "a").read_text() == "lower"


FAULTS = {
    "500": ("InternalError", "status 500"),
    "429": ("InternalError", "status 429"),
    "404": ("ImageDeleted", "does not have it"),
    "403": ("ImageAccessDenied", "does not allow it"),
    "corrupt": ("InvalidImage", "has the digest"),
    "truncate": ("InternalError", "broke off"),
    "silence": ("InternalError", "broke off"),
    "drip": ("InternalError", "too slowly"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_layer_that_does_not_come_right_has_a_clear_reason_and_leaves_nothing_half_done(
    store: ImageStore, registry: Registry, tmp_path: Path, fault: str
) -> None:
    large = image(layer(files({"a": "lower"})), layer(files({"b": os.urandom(200_000)})))
    uri = registry.push("app", "1", large)
    registry.faults = {layer_digest(large, 1): [f"forever {fault}"]}
    began_s = time.monotonic()
    error = await failure(store, uri)
    kind, text = FAULTS[fault]
    assert error.fault == kind
    assert text in error.text
    assert time.monotonic() - began_s < 10
    # The layer before it is whole; of this one and of the root there is nothing.
    assert left(tmp_path) == {f"layers/{large.layers[0].diff_id.removeprefix('sha256:')}"}
    assert registry.requests[f"/v2/app/blobs/{layer_digest(large, 1)}"] == (1 if kind != "InternalError" else 3)
    registry.faults.clear()
    assert (await fetch(store, uri) / "b").exists()


@pytest.mark.parametrize("fault", ["corrupt", "truncate", "404"])
async def test_a_manifest_that_does_not_come_right_is_refused(
    store: ImageStore, registry: Registry, small: Image, fault: str
) -> None:
    uri = registry.push("app", "1", small)
    registry.faults = {f"/manifests/{small.manifest}": [f"forever {fault}"]}
    assert "source image" in (await refusal(store, uri)).lower()


async def test_a_layer_whose_content_is_not_what_the_configuration_says_is_refused(
    store: ImageStore, registry: Registry, tmp_path: Path
) -> None:
    honest = layer(files({"a": "1"}))
    forged = image(type(honest)(honest.blob, layer(files({"a": "2"})).diff_id, honest.media_type))
    error = await failure(store, registry.push("app", "1", forged))
    assert (error.fault, left(tmp_path)) == ("InvalidImage", set())


async def test_nobody_listening_is_told(store: ImageStore) -> None:
    with running_registry() as registry:
        host = registry.host
    assert "cannot be reached" in await refusal(store, f"{host}/app:1")


# Disk


async def test_what_a_crash_left_half_done_is_swept_at_the_next_start(
    open_store: OpenStore, tmp_path: Path, registry: Registry, small: Image
) -> None:
    half = tmp_path / "images" / ".temporary-0123" / "layer"
    half.mkdir(parents=True)
    (half / "file").write_text("half")
    store = await open_store()
    assert left(tmp_path) == set()
    await fetch(store, registry.push("app", "1", small))


async def test_unused_images_go_and_layers_only_with_their_last_image(
    store: ImageStore, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = layer(files({"base": "shared"}))
    kept, gone = image(base, layer(files({"a": "1"}))), image(base, layer(files({"a": "2"})))
    await fetch(store, registry.push("app", "kept", kept))
    await fetch(store, registry.push("app", "gone", gone))
    in_use = {kept.manifest.removeprefix("sha256:")}
    assert await store.delete_unused(in_use) == 0  # just asked for: perhaps not yet written down
    monkeypatch.setattr("stoker.images.store.FRESH_S", -1.0)
    assert await store.delete_unused(in_use) == 1
    assert left(tmp_path) == {f"roots/{kept.manifest[7:]}", *(f"layers/{one.diff_id[7:]}" for one in kept.layers)}
    assert (await fetch(store, f"{registry.host}/app:gone") / "a").read_text() == "2"


# Layouts


@pytest.mark.parametrize("writes", ["write_layout", "write_archive"])
async def test_images_lie_in_layouts_on_this_machine_too(
    open_store: OpenStore, tmp_path: Path, small: Image, writes: str
) -> None:
    place = tmp_path / "local" / "team"
    place.mkdir(parents=True)
    getattr(building, writes)(place / ("app" if writes == "write_layout" else "app.tar"), {"1": small})
    store = await open_store(images_dir=tmp_path / "local")
    found = await resolve(store, "localhost/team/app:1")
    assert found.resolved_uri == f"localhost/team/app@{small.manifest}"
    assert (await fetch(store, "localhost/team/app:1") / "b").read_text() == "upper"
    assert "does not exist" in await refusal(store, "localhost/team/app:2")
    assert "does not exist" in await refusal(store, "localhost/team/none:1")
