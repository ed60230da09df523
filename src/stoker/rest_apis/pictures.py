"""What a deployment keeps: the definition of its API at that time."""

import zlib

import msgspec

from stoker.rest_apis.records import Definition, Deployment


def pictured(definition: Definition) -> bytes:
    """Compressed, since an API may have hundreds of deployments, and all but a few of them only lie there."""
    return zlib.compress(msgspec.json.encode(definition))


def definition_in(deployment: Deployment) -> Definition:
    return msgspec.json.decode(zlib.decompress(deployment.definition), type=Definition)
