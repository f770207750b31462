"""Grading a log again: its sources, in fresh sandboxes, by the verifier of today."""

import subprocess

from inspect_ai.log import ProvenanceData, list_eval_logs, read_eval_log

from identification.port import port
from reference.architecture import Architecture
from tests.made_logs import ROOT, ROWS, log, sample, save

ROW = ROWS[0]


def test_the_sources_of_a_log_are_graded_again(tmp_path):
    """The command of the file, as it stands but for the sandbox: one that was misjudged, a wrong one, none, one that is
    invalidated, one that is not in the log, and one whose source is not."""
    right = port(Architecture(**ROW["architecture"]), "")
    sources = {
        1: right,
        2: right.replace("def forward(weights, tokens):", "def forward(weights):"),
        3: "",
    }
    samples = [sample(ROW, epoch, source=source) for epoch, source in sources.items()]
    samples[2].scores["parity"].answer = "no_file"
    samples.append(sample(ROW, 4, source=right))
    samples[3].invalidation = ProvenanceData(author="me", reason="the engine was restarted")
    samples.append(sample(ROW, 6, source=""))  # one that timed out
    old = save(log(samples), tmp_path / "old.eval")
    words = ["inspect", "eval", "inspect_task.py", "--solver", "baselines/replay.py@replay"]
    words += ["-S", f"log={old}", "--model", "none", "--epochs", "6", "--sample-id", ROW["id"]]
    words += ["--sandbox", "local", "--display", "none", "--log-dir", str(tmp_path / "new")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (new,) = list_eval_logs(str(tmp_path / "new"))
    graded = {sample.epoch: sample for sample in read_eval_log(new).samples}
    reasons = {n: one.scores["parity"].answer for n, one in graded.items() if one.scores}
    assert (reasons[1], reasons[3]) == ("passed", "no_file")
    assert graded[1].scores["parity"].value == 1 and graded[2].scores["parity"].value == 0
    assert 4 not in reasons and "invalidated" in graded[4].error.message
    assert 6 not in reasons and "does not hold" in graded[6].error.message
    assert 5 not in reasons and "not found" in graded[5].error.message
