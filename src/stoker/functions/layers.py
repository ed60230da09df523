"""The layers of a function: which may go together, and how large they may be with its code.

What a layer is and who may use it is told by `layers/`; this room only asks. Source: reference, control plane, 4.1.
"""

from collections.abc import Sequence
from typing import Protocol

from stoker.arn import split_arn
from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.errors import InvalidParameterValueException
from stoker.functions.records import AttachedLayer
from stoker.lambda_model.call import Caller


class LayerVersions(Protocol):
    """Where functions look layers up."""

    async def find(self, arn: str, caller: Caller) -> AttachedLayer | None:
        """The layer version, None if there is none. Raises AccessDeniedException for another account's."""

    async def code_bytes(self, account_id: str, region: str) -> int:
        """What the layers of an account in a region use of its code storage."""


async def attached_layers(
    arns: Sequence[str], caller: Caller, versions: LayerVersions, code_store: CodeStore, layers_max: int
) -> tuple[AttachedLayer, ...]:
    """The layers that a request lists, in its order. Raises InvalidParameterValueException, AccessDeniedException."""
    if len(arns) > layers_max:
        raise InvalidParameterValueException(f"Cannot reference more than {layers_max} layers.")
    attached: dict[str, AttachedLayer] = {}
    for arn in arns:
        _check_region(arn, caller)
        layer = await versions.find(arn, caller)
        if layer is None:
            raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
        # Should it be deleted now, its package has to be there still when the function is written down.
        code_store.keep_for_now(layer.code)
        unversioned = arn.rpartition(":")[0]
        if unversioned in attached:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{attached[unversioned].arn} and {arn} are versions of the same layer."
            )
        attached[unversioned] = layer
    return tuple(attached.values())


async def check_unzipped_size(
    code: CodePackage, layers: Sequence[AttachedLayer], code_store: CodeStore, bytes_max: int
) -> None:
    """Raise InvalidParameterValueException when code and layers together are too large.

    The texts are AWS's as its users report them; the reference has none.
    """
    if not layers:
        return
    layer_bytes = sum([await code_store.unzipped_bytes(layer.code) for layer in layers])
    if layer_bytes > bytes_max:
        raise InvalidParameterValueException(f"Layers consume more than the available size of {bytes_max} bytes")
    total_bytes = layer_bytes + await code_store.unzipped_bytes(code)
    if total_bytes > bytes_max:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {bytes_max} bytes. "
            f"The actual size is {total_bytes} bytes."
        )


def _check_region(arn: str, caller: Caller) -> None:
    """Only for the caller's own layers: another account's are refused for want of a permission (control plane, 4.1)."""
    parts = split_arn(arn)
    if parts is not None and parts.account_id == caller.account_id and parts.region != caller.region:
        raise InvalidParameterValueException(
            f"Layers are not in the same region as the function. Layers are expected to be in region {caller.region}."
        )
