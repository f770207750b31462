"""What every test needs: the project on the path, this Python in the local sandbox, and maybe a Docker engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(ROOT))
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported, here and in subprocesses
    os.environ[f"{library}_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def docker():
    """Runs a docker command and returns the lines it prints; skips where no engine answers."""

    def run(*arguments: str) -> list[str]:
        command = ["docker", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split(
            "\n"
        )

    try:
        run("version")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Docker engine answers `docker version`: {error}")
    return run
