"""The solvers without a language model: what they can find, and what they submit."""

import json
from pathlib import Path

import numpy as np
import pytest
from baselines.recover import port, recover
from inspect_ai import eval as run_eval
from inspect_ai._util.error import PrerequisiteError
from reference.variants import build, load

from baselines import vanilla_model
from baselines.search import search
from baselines.vanilla import vanilla
from inspect_task import orphan_checkpoint
from reference.architecture import SETTINGS, Architecture
from reference.transformer import forward
from scorers.parity import TOLERANCE

ROWS = [json.loads(line) for line in Path(__file__).parents[1].joinpath("dataset.jsonl").open()]


def scores(solver, log_dir, departures=None):
    (log,) = run_eval(
        orphan_checkpoint(departures=departures),
        model="mockllm/model",
        solver=solver,
        sandbox="local",
        display="none",
        log_dir=str(log_dir),
    )
    assert log.status == "success"
    return [sample.scores["parity"] for sample in log.samples]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_public_files_suffice(row):
    """With every choice known, weights and float32 traces lead to a port that passes on the probes."""
    _, ((weights, tokens, logits), *probes) = load(row)
    found, _ = recover(weights, tokens, logits.astype(np.float32), list(SETTINGS))
    for probe_weights, probe_tokens, truth in probes:
        assert abs(forward(probe_weights, probe_tokens, found) - truth).max() <= TOLERANCE


def test_what_is_not_known_is_not_found():
    """Without any choice the search ends, says by how much it is off, and moves nothing but the heads."""
    weights, tokens, logits = load(ROWS[0])[1][0]
    found, error = recover(weights, tokens, logits.astype(np.float32), [])
    assert found == Architecture(heads=found.heads)
    assert error == pytest.approx(abs(forward(weights, tokens, found) - logits).max(), rel=1e-3)
    assert error > TOLERANCE


def test_a_found_architecture_becomes_one_file_for_numpy():
    a, ((weights, tokens, logits), *_) = load(ROWS[-1])
    source = port(a, "found")
    assert "scipy" not in source and "from reference" not in source
    module: dict = {}
    exec(source, module)
    assert abs(module["forward"](weights, tokens) - logits).max() < 1e-9


def test_vanilla_is_the_baseline_and_nothing_else():
    """The plain Llama port is right for originals without departures whose head size it guesses."""
    guessed = 0
    for seed in range(6):
        a = Architecture(heads=4)
        for weights, tokens, logits in build(seed, a):
            width, rows = weights["layers.0.w_o"].shape[1], len(weights["layers.0.w_qkv"])
            if vanilla_model.head_size(rows, width) == width / a.heads:
                guessed += 1
                assert abs(vanilla_model.forward(weights, tokens) - logits).max() < TOLERANCE
    assert guessed


def test_vanilla_passes_no_row(tmp_path):
    found = scores(vanilla(), tmp_path)
    assert [score.value for score in found] == [0] * len(ROWS)
    assert {score.metadata["reason"] for score in found} <= {"wrong_logits", "crashed"}


def test_search_submits_what_it_finds(tmp_path):
    (score,) = scores(search(knowledge=1.0), tmp_path, departures=2)
    assert score.value == 1, score.explanation


@pytest.mark.parametrize("knowledge", [-0.1, 1.1, "all"])
def test_a_wrong_share_is_one_clear_line(knowledge):
    with pytest.raises(PrerequisiteError) as error:
        search(knowledge=knowledge)
    assert str(knowledge) in str(error.value.message)
    assert "\n" not in str(error.value.message)
