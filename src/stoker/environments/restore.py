"""The restore phase: a runtime that waited since its init goes on, and runs what its function does after a restore.

Reference: runtime side, 2.6. The callers' texts are those of AWS's service description.
"""

import asyncio
import secrets
from collections.abc import Callable

from stoker.environments.outcomes import FailedInit
from stoker.errors import LambdaError, SnapStartException, SnapStartTimeoutException
from stoker.role_sessions import RoleCredentials
from stoker.runtime_api.credentials import Credentials
from stoker.runtime_api.exchange import Exchange, TimedOut

RESTORE_LIMIT_S = 10.0
# The type of the error when the hooks take longer.
HOOK_TIMEOUT = "Runtime.RestoreHookUserTimeout"


def new_token() -> str:
    """What one environment shows when it asks for its credentials."""
    return secrets.token_hex(32)


def served_credentials(token: str, new: Callable[[], RoleCredentials]) -> Credentials | None:
    """What an environment with `token` is answered; None for one without, which has its keys in variables."""
    return Credentials(token, new) if token else None


async def restored(exchange: Exchange, ran_out_of_memory: Callable[[object], bool]) -> FailedInit | None:
    """Let the runtime go on; None once it waits for its first event."""
    try:
        async with asyncio.timeout(RESTORE_LIMIT_S):
            result = await exchange.restore()
    except TimeoutError:
        return FailedInit(TimedOut())
    return None if result is None else FailedInit(result, ran_out_of_memory(result))


def restore_refusal(failure: FailedInit) -> LambdaError:
    """What the caller whose invocation needed the restore is told."""
    if isinstance(failure.answer, TimedOut):
        return SnapStartTimeoutException("Lambda couldn't restore the snapshot within the timeout limit.")
    return SnapStartException(
        "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."
    )
