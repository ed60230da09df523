"""Who may use a layer version: its own account, and those that its policy names."""

from stoker.errors import AccessDeniedException
from stoker.lambda_model.call import Caller
from stoker.layers.policy import ACTION, allows
from stoker.layers.records import LayerTarget, LayerVersion


def check_access(version: LayerVersion | None, target: LayerTarget, caller: Caller) -> None:
    """Raise AccessDeniedException for a version of another account that does not allow it, or does not exist.

    Telling the two apart would tell strangers which layers there are.
    """
    if target.account_id == caller.account_id:
        return
    if version is None or not allows(version, caller.account_id):
        raise AccessDeniedException(
            f"User: arn:aws:iam::{caller.account_id}:root is not authorized to perform: {ACTION} on resource: "
            f"{target.arn} because no resource-based policy allows the {ACTION} action"
        )
