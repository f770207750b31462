"""Runs a function in a process of its own, on one core, so that the event loop stays free."""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anyio import run_process

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTHONSAFEPATH": ""}
"""One core. And with PYTHONSAFEPATH set, Python would not look for modules in ROOT."""
RESULT = b"\nThe result, pickled:\n"
"""Stands between what others print, a sitecustomize.py for one, and the result."""


async def in_a_process(function: Callable, *arguments: Any) -> Any:
    """What a function of this repository returns. CalledProcessError: it raised; stderr says what."""
    job, command = pickle.dumps((function, arguments)), [sys.executable, "-m", __name__]
    done = await run_process(command, input=job, cwd=ROOT, env=os.environ | ENVIRONMENT)
    return pickle.loads(done.stdout.partition(RESULT)[2])


if __name__ == "__main__":
    function, arguments = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(RESULT + pickle.dumps(function(*arguments)))
