"""What the tests of whole runs share: submissions, the command line, and a scripted model."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai import eval as run_eval
from inspect_ai.dataset import MemoryDataset
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from identification.port import port
from inspect_task import orphan_checkpoint
from reference.architecture import Architecture
from scorers.diagnosis import Diagnosis

ROOT = Path(__file__).parents[1]
ROWS = [json.loads(line) for line in (ROOT / "dataset.jsonl").read_text().splitlines()]
ROW = min(ROWS, key=lambda row: row["departures"])
SECRETS = {str(row[name]) for row in ROWS for name in ("seed", "hash")}.union(
    *(row["architecture"].keys() - {"heads"} for row in ROWS)
)
WRONG = """
def forward(weights, tokens):
    return weights["embed"][tokens] @ weights["unembed"].T
"""


def original(row: dict) -> str:
    """Source of the lost model as forward and as right(weights, tokens), for a Python that has NumPy only."""
    architecture = Architecture(**row["architecture"])
    return port(architecture, "The lost model's own code.") + "\nright = forward\n"


RIGHT = original(ROW)


def write(files: dict[str, str | bytes]) -> tuple[str, dict]:
    """The python call that writes files."""
    data = {k: v.encode() if isinstance(v, str) else v for k, v in files.items()}
    code = f"""
import os
for name, content in {data!r}.items():
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)
"""
    return "python", {"code": code}


def leaked(text: str) -> set[str]:
    """The secrets that a text tells."""
    return {secret for secret in SECRETS if re.search(rf"\b{secret}\b", text)}


CHECK = ("check_port", {})
SUBMIT = ("submit", {"answer": "done"})


def told(sample) -> list[str]:
    """What the tools answered."""
    return [message.text for message in sample.messages if message.role == "tool"]


def score(sample):
    return sample.scores["parity"]


STARTED: list[subprocess.Popen] = []  # so that a failed test leaves none running


def start(log_dir: Path, *arguments: str, **environment: str | None) -> subprocess.Popen:
    """The README's command; a variable that is None is not set."""
    return inspect("eval", "inspect_task.py", *arguments, log_dir=log_dir, **environment)


def inspect(*arguments: str, log_dir: Path, **environment: str | None) -> subprocess.Popen:
    """Inspect's command line, with the client's settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("INSPECT_", "ANTHROPIC_"))
    }
    settings = {"ANTHROPIC_API_KEY": "dummy", "NO_PROXY": "127.0.0.1", "COLUMNS": "300"}
    variables = inherited | settings | environment
    process = subprocess.Popen(
        ["inspect", *arguments, "--display", "plain", "--log-dir", log_dir],
        cwd=ROOT,
        env={name: value for name, value in variables.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    STARTED.append(process)
    return process


def the_log(log_dir: Path):
    (info,) = list_eval_logs(str(log_dir))
    return read_eval_log(info)


def containers_and_networks(docker) -> set[tuple[str, str]]:
    """Those of this folder's runs, as ("container" or "network", name); other runs may use the engine too."""
    label = f"label=com.docker.compose.project.config_files={ROOT / 'compose.yaml'}"
    containers = docker("ps", "-a", "--filter", label, "--format", "{{.Names}}")
    networks = docker("network", "ls", "--filter", "name=inspect-orphan", "--format", "{{.Name}}")
    return {("container", name) for name in containers} | {("network", name) for name in networks}


# A scripted model, for runs in this process


def player(script_of):
    """A mockllm model; script_of: last line of the prompt -> turns, of which the last repeats."""

    def answer(messages, tools, choice, config):
        (prompt,) = (message.text for message in messages if message.role == "user")
        script = script_of(prompt.splitlines()[-1])
        said = sum(message.role == "assistant" for message in messages)
        name, arguments = script[min(said, len(script) - 1)]
        output = ModelOutput.for_tool_call("mockllm/model", name, arguments)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


async def undiagnosed(*arguments) -> Diagnosis:
    """In the place of a diagnosis, which takes seconds and has tests of its own."""
    return Diagnosis()


def run_cases(scripts: dict[str, list], log_dir: Path, rows: dict | None = None, **options) -> dict:
    """The task, once for each case, with the row of that id, else with ROW: case -> sample."""
    task = orphan_checkpoint()
    samples = {sample.id: sample for sample in task.dataset}
    task.dataset = MemoryDataset(
        [
            sample.model_copy(update={"id": case, "input": f"{sample.input}\n{case}"})
            for case in scripts
            for sample in [samples[(rows or {}).get(case, ROW["id"])]]
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        if options.get("sandbox") == "local":
            # its tools start login shells: with this Python, and without the user's profile
            (log_dir / ".bash_profile").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
            patch.setenv("HOME", str(log_dir))
        patch.setattr("scorers.parity.diagnose", undiagnosed)
        model = player(scripts.get)
        (log,) = run_eval(task, model=model, log_dir=str(log_dir), display="none", **options)
    assert log.status == "success"
    errors = {sample.id: sample.error.message for sample in log.samples if sample.error}
    assert not errors
    return {sample.id: sample for sample in log.samples}
