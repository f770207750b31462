"""A person at the task: Inspect's human_cli agent in the real container, with the commands that a person types."""

import re
import signal
import subprocess
import time
from pathlib import Path

from tests.harness import RIGHT, ROW, containers_and_networks, score, start, the_log

PERSON = ["--solver", "inspect_ai/human_cli", "-S", "answer=false", "--model", "none"]
TASK = Path("/opt/human_agent/task.py")  # what `task` is an alias of in a login shell


def test_a_person_can_attempt_a_variant(docker, tmp_path):
    """The command of docs/operations.md: the person has the files and no `task score`, an oracle of the probes."""
    before = containers_and_networks(docker)
    # unbuffered: Inspect prints the command and waits, and nothing else need follow it into the pipe
    run = start(tmp_path, *PERSON, "--sample-id", ROW["id"], PYTHONUNBUFFERED="1")
    try:
        (container,) = next(
            found for line in run.stdout if (found := re.findall(r"docker exec -it (\S+)", line))
        )

        def type_in(*command: str | Path, text: str = "") -> str:
            command = ("docker", "exec", "-i", container, *map(str, command))
            return subprocess.run(command, input=text, capture_output=True, text=True).stdout

        type_in("tee", "model.py", text=RIGHT)
        while "Running" not in type_in("python", TASK, "start"):  # until the service is up
            assert run.poll() is None
            time.sleep(0.5)
        told = type_in("python", TASK, "instructions")
        assert "traces.npz" in told
        commands = re.findall(r"^ +task (\w+)", told, re.MULTILINE)
        assert {"start", "submit", "quit"} <= set(commands) and "score" not in commands
        type_in("python", TASK, "submit", text="y\n")
        assert run.wait(timeout=120) == 0
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            run.wait(timeout=60)
        run.stdout.close()
    (sample,) = the_log(tmp_path).samples
    assert score(sample).value == 1, score(sample).explanation
    assert containers_and_networks(docker) == before
