"""What every test needs: the project on the path, this Python in the local sandbox, and maybe a Docker engine."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
for library in ("OMP", "OPENBLAS", "MKL"):  # before NumPy is imported, here and in subprocesses
    os.environ[f"{library}_NUM_THREADS"] = "1"


def pytest_addoption(parser):
    parser.addoption("--sweep", action="store_true", help="run the sweeps too, which take minutes")
    parser.addoption("--count", type=int, default=5, help="variants of each kind in a sweep")


def pytest_itemcollected(item):
    """Tests with Docker can run beside the others, as in make test."""
    if "docker" in item.fixturenames:
        item.add_marker("docker")


@pytest.fixture(scope="module")
def docker():
    """Runs a docker command and returns the lines it prints; skips where no engine answers. After a module, also
    after a failed one, its runs are ended and its containers and networks removed, and that there are any fails."""
    from tests.harness import STARTED, containers_and_networks

    def run(*arguments: str) -> list[str]:
        command = ["docker", *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    try:
        run("version")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Docker engine answers `docker version`: {error}")
    before = containers_and_networks(run)
    yield run
    for process in STARTED:
        process.kill()
    left = containers_and_networks(run) - before
    for kind, name in sorted(left):  # containers first: they use the networks
        run(kind, "rm", "--force", name)
    assert left == set()
