"""Every cheat of tests/attacks/ through the whole task: it scores 0 with its reason, and the run goes on.

NAME.py is a submission, run in the local sandbox beside the lost model's own code, port.py. NAME.sh is what an
agent does to its container, in Docker, where that code stands as model.py too. To add an attack, add a file:
its docstring, or first comment, says how it cheats and ends in "Scores: " and the reason.
"""

import re
from pathlib import Path

import pytest

from tests.harness import (
    CHECK,
    RIGHT,
    SUBMIT,
    containers_and_networks,
    leaked,
    run_cases,
    score,
    told,
    write,
)

FILES = {file.stem: file for file in sorted((Path(__file__).parent / "attacks").iterdir())}
REASONS = {
    name: re.search(r"^(?:# )?Scores: (.+)$", file.read_text(), re.MULTILINE)[1].split(" or ")
    for name, file in FILES.items()
}
IN_DOCKER = [name for name, file in FILES.items() if file.suffix == ".sh"]
HANGS = [name for name in FILES if name not in IN_DOCKER and REASONS[name] == ["timeout"]]
LOCAL = [name for name in FILES if name not in IN_DOCKER and name not in HANGS]
CHANGES = {"growing_port", "daemon_writes_the_result"}  # races
HONEST = [write({"model.py": RIGHT}), CHECK, SUBMIT]


def run(names: list[str], log_dir: Path, **options) -> dict:
    """The attacks, and an honest port when they are done: name -> sample."""
    scripts = {}
    for name in names:
        text = FILES[name].read_text()
        if FILES[name].suffix == ".py":
            scripts[name] = [write({"model.py": text, "port.py": RIGHT}), CHECK, SUBMIT]
        else:
            both = write({"model.py": RIGHT, "port.py": RIGHT})
            scripts[name] = [both, ("bash", {"command": text}), CHECK, SUBMIT]
    return run_cases(scripts | {"honest": HONEST}, log_dir, **options)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return run(LOCAL, tmp_path_factory.mktemp("local"), sandbox="local")


@pytest.fixture(scope="module")
def hangs(tmp_path_factory):
    """With 3 seconds for the process, not 180."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scorers.parity.SECONDS", 3)
        at_once = {"max_samples": 4, "max_subprocesses": 4}
        return run(HANGS, tmp_path_factory.mktemp("hangs"), sandbox="local", **at_once)


@pytest.fixture(scope="module")
def hostile(docker, tmp_path_factory):
    """Samples, and what is left of containers and networks; 20 seconds for the process."""
    before = containers_and_networks(docker)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scorers.parity.SECONDS", 20)
        samples = run(IN_DOCKER, tmp_path_factory.mktemp("docker"), max_samples=4)
    return samples, containers_and_networks(docker) - before


def check_rejected(name: str, sample):
    assert score(sample).value == 0
    assert score(sample).metadata["reason"] in REASONS[name], score(sample).explanation
    assert sample.limit is None
    reason, detail = score(sample).explanation.split(": ", 1)
    assert reason in REASONS[name] and 3 < len(detail) <= 2500
    assert leaked("\n".join(told(sample))) == set()
    check_agreement(sample)


def check_agreement(sample):
    """check_port has told the agent of the same kind of fault: an exit code, a type, no file, an error, no time."""
    _, detail = score(sample).explanation.split(": ", 1)
    assert sample.id in CHANGES or told(sample)[-1].split()[0] == detail.split()[0]


@pytest.mark.parametrize("name", LOCAL)
def test_attack(name, local):
    """0 with the reason; the source is kept, and check_port tells the agent something."""
    check_rejected(name, local[name])
    assert score(local[name]).metadata["source"] == FILES[name].read_text()
    assert told(local[name])[-1].strip()


@pytest.mark.parametrize("name", HANGS)
def test_attack_that_hangs(name, hangs):
    """Its time is up, wherever it hangs, and check_port tells the agent."""
    check_rejected(name, hangs[name])
    assert score(hangs[name]).explanation == "timeout: not done after 3 seconds"
    assert told(hangs[name])[-1] == "not done after 3 seconds"


@pytest.mark.parametrize("name", IN_DOCKER)
def test_attack_in_docker(name, hostile):
    """0 with the reason, and never an error of the sample, whatever becomes of the container."""
    samples, _ = hostile
    check_rejected(name, samples[name])


DOCKER = pytest.param("hostile", marks=pytest.mark.docker)


@pytest.mark.parametrize("run", ["local", "hangs", DOCKER])
def test_the_run_goes_on(run, request):
    """An honest port that the same machine runs last passes."""
    samples = request.getfixturevalue(run)
    honest = (samples[0] if run == "hostile" else samples)["honest"]
    assert score(honest).value == 1, score(honest).explanation


def test_nothing_is_left_of_the_containers(hostile):
    """`docker ps -a` and `docker network ls` are as before."""
    _, leftovers = hostile
    assert leftovers == set()


def test_explanations(local):
    """A person can act on them: they name the exception, the type, the shape."""

    def explanation(name):
        return score(local[name]).explanation

    assert "ZeroDivisionError" in explanation("raises_in_forward")
    assert "ValueError: nothing to see" in explanation("raises_at_import")
    assert "complex128" in explanation("complex")
    assert "(1, 0, " in explanation("one_position_short")
    assert "error nan" in explanation("some_nan")


def test_explanations_in_docker(hostile):
    """They tell what became of the file or of the container."""
    samples, _ = hostile
    for name, said in {
        "syntax_error": "SyntaxError",
        "fifo_as_port": "model.py not found",
        "unreadable_port": "Permission denied: 'model.py'",
        "locked_folder": "Permission denied",
        "container_killed": "not running",
        "memory_bomb": "exit code 2: Killed",
        "processes_taken": "exit code 12[56]:",  # 125: timeout cannot fork; 126: it cannot even start
    }.items():
        assert re.search(said, score(samples[name]).explanation)


@pytest.mark.parametrize("name", ["the_traces_only", "the_first_checkpoint_only", "oracle"])
def test_check_port_is_no_oracle(name, local):
    """It knows the traces only: what answers them and nothing else looks right to it."""
    assert told(local[name])[-1].endswith(": within 5e-4 on the traces")
