"""Whether a function may ask for a runtime: retired by AWS, not offered here, or not prepared on this host.

Names that AWS never had are refused at the front door, in AWS's words.
"""

import asyncio

from stoker.errors import InvalidParameterValueException
from stoker.functions.unsupported import not_supported
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeBuild, RuntimeNotReadyError

# Runtimes whose functions AWS lets nobody create or update any more (Developer Guide, "Deprecated runtimes").
RETIRED = frozenset(
    {
        *(
            "nodejs",
            "nodejs4.3",
            "nodejs4.3-edge",
            "nodejs6.10",
            "nodejs8.10",
            "nodejs10.x",
            "nodejs12.x",
            "nodejs14.x",
        ),
        *("python2.7", "python3.6", "python3.7", "java8", "go1.x", "ruby2.5", "ruby2.7", "provided"),
        *("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1"),
    }
)


async def require_runtime(runtimes: RuntimeCatalogue, name: str) -> RuntimeBuild:
    """The runtime, ready to run. Raises InvalidParameterValueException that says what to do instead."""
    if name in RETIRED:
        raise InvalidParameterValueException(
            f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if not runtimes.is_known(name):
        raise not_supported(f"the runtime {name}")
    try:
        return await asyncio.to_thread(runtimes.find, name)
    except RuntimeNotReadyError as error:
        raise InvalidParameterValueException(str(error)) from None


async def find_runtime(runtimes: RuntimeCatalogue, name: str) -> RuntimeBuild | None:
    """The runtime if it is ready; a function outlives the readiness of its runtime. An image has none."""
    found = runtimes.found(name)
    if found is not None or not name:
        return found
    try:
        return await asyncio.to_thread(runtimes.find, name)
    except (RuntimeNotReadyError, KeyError):
        return None
