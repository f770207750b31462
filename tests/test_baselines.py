"""The plain Llama of baselines/: right for what is plain, and for nothing else."""

from inspect_ai import eval as run_eval

from baselines import vanilla_model
from baselines.vanilla import vanilla
from inspect_task import orphan_checkpoint
from reference.architecture import Architecture
from reference.variant import build


def test_vanilla_is_the_baseline_and_nothing_else():
    """The plain Llama port is right for originals without departures whose head size it guesses."""
    guessed = 0
    for number in range(6):
        for weights, tokens, logits in build("1", number, Architecture(heads=4)):
            width, rows = weights["layers.0.w_o"].shape[1], len(weights["layers.0.w_qkv"])
            if vanilla_model.head_size(rows, width) == width / 4:
                guessed += 1
                assert abs(vanilla_model.forward(weights, tokens) - logits).max() < 5e-4
    assert guessed


def test_vanilla_passes_no_row(tmp_path):
    (log,) = run_eval(
        orphan_checkpoint(),
        model="mockllm/model",
        solver=vanilla(),
        sandbox="local",
        display="none",
        log_dir=str(tmp_path),
    )
    assert log.status == "success"
    assert [sample.scores["parity"].value for sample in log.samples] == [0] * len(log.samples)
