"""Runs the load generator `load.py` in its process, and bounds it from outside."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.load import CALL_LIMIT_S, Load

ROOT = Path(__file__).parents[1]


class LoadError(Exception):
    """The load generator had to give up; the text says over what."""


async def generate(load: Load) -> dict[str, Any]:
    """The load's `Outcome` as a dictionary. The generator's own limits bound it; the one here is for when it cannot
    keep them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        json.dumps(asdict(load)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(load.leg_s + 2 * CALL_LIMIT_S):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise LoadError(lines[-1] if lines else f"the load generator ended with {process.returncode}")
    outcome: dict[str, Any] = json.loads(output)
    return outcome
