"""How variants are drawn and certified, and how rows are written and read."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import inf
from pathlib import Path

import numpy as np
import pytest
from inspect_ai._util.error import PrerequisiteError

import build_dataset
from build_dataset import (
    MARGIN,
    alternatives,
    changes,
    conflicts,
    digest,
    distance,
    draw,
    head_counts,
    mixed,
    nearest,
    read_rows,
)
from reference.architecture import SETTINGS, Architecture, departures
from reference.variants import build, load
from scorers.parity import TOLERANCE

ROOT = Path(__file__).parents[1]
DATASET = ROOT / "dataset.jsonl"
ROWS = [json.loads(line) for line in DATASET.open()]
ROW = ROWS[0]


# Drawing


@pytest.mark.parametrize("count", range(13))
def test_draw_gives_that_many_departures_and_no_conflict(count):
    drawn = [draw(seed, count) for seed in range(60)]
    assert {len(departures(a)) for a in drawn} == {count}
    assert not any(conflicts(a) for a in drawn)
    assert drawn == [draw(seed, count) for seed in range(60)]
    assert len({a.heads for a in drawn}) == 3
    assert len(set(drawn)) > (50 if count else 2)
    for a in drawn:
        assert all(setting in SETTINGS[name] for name, setting in departures(a).items())


def test_draw_covers_every_choice_and_every_setting_of_the_short_ones():
    drawn = [departures(draw(seed, 8)).items() for seed in range(800)]
    found = Counter(pair for items in drawn for pair in items)
    names = Counter(name for items in drawn for name, _ in items)
    assert names.keys() == SETTINGS.keys()
    short = {(n, s) for n in SETTINGS if len(SETTINGS[n]) < 8 for s in SETTINGS[n][1:]}
    assert short <= found.keys()


@pytest.mark.parametrize(
    ("settings", "broken"),
    [
        ({}, []),
        ({"sliding_window": 7, "global_every": 2, "local_theta": 100.0}, []),
        ({"global_every": 2}, ["global_every without sliding_window"]),
        ({"sliding_window": 7, "local_theta": 100.0}, ["local_theta without global_every"]),
        (
            {"embedding_multiplier": 2.0, "residual_multiplier": 0.5},
            ["embedding_multiplier with residual_multiplier"],
        ),
        ({"qkv_clip": 1.5, "qk_norm": "head"}, ["qkv_clip with qk_norm"]),
        ({"qkv_clip": 1.5, "v_norm": True}, ["qkv_clip with v_norm"]),
        ({"swiglu_clamp": 1.0, "activation": "gelu_erf"}, ["swiglu_clamp with activation"]),
        *[
            ({"alibi": True, name: SETTINGS[name][1]}, [f"alibi with {name}"])
            for name in ("rope_pairing", "rope_theta", "rotary_fraction", "rope_factor")
        ],
        *[
            ({"alibi": True, name: SETTINGS[name][1]}, [f"alibi with {name}"])
            for name in ("nope_every", "score_softcap", "sinks")
        ],
    ],
)
def test_conflicts(settings, broken):
    assert conflicts(Architecture(heads=4, **settings)) == broken


# Certifying


@pytest.mark.parametrize(
    ("name", "setting", "expected"),
    [
        ("norm", "rms", ["layer_norm"]),
        ("sinks", True, [False]),
        ("block", "post", ["pre", "sandwich", "parallel", "parallel_two_norms"]),
        ("block", "pre", ["post", "sandwich", "parallel", "parallel_two_norms"]),
        ("qk_norm", "head", [None, "head_after_rope", "no_gain"]),
        ("rotary_fraction", 0.5, [1.0, 0.25]),
        ("nope_every", 2, [inf, 3]),
        # a range: its baseline, and 20% down and up; or its ends and its middle
        ("rope_factor", 4.0, [1.0, 3.2, 4.8]),
        ("score_softcap", 2.0, [None, 1.6, 2.4]),
        ("qkv_clip", 1.5, [inf, 1.2, 1.8]),
        ("rope_factor", 1.0, [1.5, 4.8, 8.0]),
        ("score_softcap", None, [1.0, 3.5, 6.0]),
        # whole numbers: one down and up
        ("sliding_window", 10, [inf, 9, 11]),
        ("sliding_window", inf, [5, 15, 24]),
    ],
)
def test_alternatives(name, setting, expected):
    found = alternatives(name, setting)
    pairs = list(zip(found, expected, strict=True))
    assert all(a == (b if isinstance(b, str | None) else pytest.approx(b)) for a, b in pairs)


@pytest.mark.parametrize("head_dim", [16, 24])
@pytest.mark.parametrize(("heads", "kv"), [(2, 2), (4, 2), (4, 4), (8, 2), (8, 4), (8, 8)])
def test_head_counts_are_all_that_fit_the_shapes(heads, kv, head_dim):
    rows, width = (heads + 2 * kv) * head_dim, heads * head_dim
    weights = {"layers.0.w_qkv": np.empty((rows, 8)), "layers.0.w_o": np.empty((8, width))}
    fit = [
        n
        for n in range(1, width + 1)
        if any(
            n * size == width and (n + 2 * groups) * size == rows
            for size in range(2, width + 1, 2)
            for groups in range(1, n + 1)
            if n % groups == 0
        )
    ]
    assert heads in fit
    assert head_counts(weights) == fit


@cache
def row_model(n):
    a, calls = load(ROWS[n])
    return a, calls[0]


@pytest.mark.parametrize("n", range(len(ROWS)))
def test_what_a_variant_is_told_apart_from(n):
    """Every setting of every choice that fits, every head count, every pair of departures."""
    a, (weights, _, _) = row_model(n)
    ports = [*changes(a, weights)]
    assert a not in ports
    spelled = [{**vars(port)} for port in ports]
    changed = [frozenset(n for n in new if new[n] != vars(a)[n]) for new in spelled]
    hidden = set(departures(a))
    assert {names for names in changed if len(names) > 1} == {
        frozenset(pair) for pair in combinations(hidden, 2)
    }
    one = Counter(name for names in changed if len(names) == 1 for name in names)
    assert one["heads"] == len(head_counts(weights)) - 1 >= 1
    for name in hidden - {"qk_norm"}:
        assert one[name] == len(alternatives(name, getattr(a, name)))
    forbidden = {n for n in SETTINGS for s in SETTINGS[n][1:2] if conflicts(replace(a, **{n: s}))}
    assert one.keys() >= set(SETTINGS) - forbidden
    no_port = "no_gain" if "layers.0.norm_q" in weights else "head"  # gains unused, or none to use
    assert no_port not in {port.qk_norm for port in ports}


def test_the_gains_of_q_and_k_are_used_by_every_port():
    a = Architecture(heads=2, qk_norm="head")
    ports = changes(a, build(0, a)[0][0])
    assert {port.qk_norm for port in ports} == {None, "head", "head_after_rope"}


@pytest.mark.parametrize(
    ("settings", "choice"),
    [  # something that does nothing here, and a choice that gives it away
        ({"alibi": True, "qk_norm": "head_after_rope"}, {"qk_norm"}),
        ({"alibi": True, "nope_every": 2}, {"nope_every"}),
        ({"alibi": True, "rope_factor": 3.0}, {"rope_factor"}),
        ({"global_every": 2}, {"global_every"}),
        ({"global_every": 2, "norm": "layer_norm"}, {"global_every"}),
        ({"sliding_window": 60}, {"sliding_window"}),
        ({"sliding_window": 48, "block": "post"}, {"sliding_window"}),
        ({"qkv_clip": 50.0}, {"qkv_clip"}),
        ({"swiglu_clamp": 50.0}, {"swiglu_clamp"}),
        ({"score_softcap": 1e5}, {"score_softcap"}),
        ({"final_softcap": 1e6}, {"final_softcap"}),
        ({"norm_eps": 1e-12}, {"norm_eps"}),
        ({"logit_scale": 1.0001}, {"logit_scale"}),
        ({"rope_theta": 1e15, "rotary_fraction": 0.25}, {"rope_theta"}),
        # only the ratio shows: each change is seen by itself, both together are not
        (
            {"embedding_multiplier": 5.0, "residual_multiplier": 0.5, "block": "sandwich"},
            {"embedding_multiplier", "residual_multiplier"},
        ),
    ],
    ids=str,
)
def test_aliases_are_not_certified(settings, choice):
    a = Architecture(heads=4, **settings)
    traces = build(3, a)[0]
    error, port = nearest(a, traces)
    assert error < MARGIN
    assert {name for name in SETTINGS if getattr(port, name) != getattr(a, name)} == choice
    assert distance(port, traces) == error


def test_the_margin_is_ten_tolerances():
    assert pytest.approx(10 * TOLERANCE) == MARGIN


@pytest.mark.parametrize("n", range(len(ROWS)))
def test_rows_are_certified_and_mixed(n):
    a, traces = row_model(n)
    assert nearest(a, traces) == (inf, None)
    assert mixed(a, ROWS[n]["seed"], traces)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rope_factor": 3.0}, False),  # one kind alone
        ({"sinks": True, "logit_scale": 2.0}, False),  # both at position 0
        ({"rope_factor": 3.0, "score_scale": 0.5}, False),  # both later
        ({"rope_factor": 3.0, "logit_scale": 2.0}, False),  # neither in the parameters
        ({"rope_factor": 3.0, "block": "sandwich"}, True),
        ({"qk_norm": "head", "final_softcap": 4.0}, True),
    ],
    ids=str,
)
def test_mixed(settings, expected):
    a = Architecture(heads=4, **settings)
    assert mixed(a, 0, build(0, a)[0]) == expected


@pytest.mark.parametrize("where", [(0, 0, 0), (1, 47, 3), (5, 20, 7), (7, 47, -1)])
@pytest.mark.parametrize(("value", "expected"), [(2.5, 2.5), (0.001, 0.001), (np.nan, inf)])
def test_distance_is_the_worst_error_on_the_traces(where, value, expected):
    a, (weights, tokens, logits) = row_model(0)
    moved = logits.copy()
    moved[where] += value
    moved[4, 4, 4] += 1e-4
    assert distance(a, (weights, tokens, moved)) == pytest.approx(expected, rel=1e-6)


def test_ports_that_the_parameters_do_not_fit_are_far():
    a, traces = row_model(0)
    assert distance(a, traces) == 0
    assert distance(replace(a, block="sandwich"), traces) == inf  # no norm_3
    assert distance(replace(a, heads=5), traces) == inf


# Rows


def test_one_row_for_each_rung_and_every_hash_holds():
    rows = read_rows(DATASET)
    assert rows == ROWS
    assert [len(departures(Architecture(**row["architecture"]))) for row in rows] == [2, 4, 6, 8]
    assert [row["departures"] for row in rows] == [2, 4, 6, 8]
    assert read_rows(DATASET, 6) == [ROWS[2]]


def changed(**fields):
    return json.dumps({**ROW, **fields})


def spelled(**settings):
    return changed(architecture={**ROW["architecture"], **settings})


ARCHITECTURE = ROW["architecture"]
NO_HEADS = {name: setting for name, setting in ARCHITECTURE.items() if name != "heads"}
ONE_LESS = dict([*ARCHITECTURE.items()][:-1])
NO_HASH = {name: value for name, value in ROW.items() if name != "hash"}

BROKEN = {  # no row to name
    "not JSON": ("{", ["not JSON"]),
    "nothing but brackets": ("[" * 100_000, ["not JSON"]),
    "a list": ("[]", ["fields", "architecture"]),
    "a number": ("3", ["fields", "architecture"]),
    "null": ("null", ["fields", "architecture"]),
    "a string": ('"row"', ["fields", "architecture"]),
    "a field less": (json.dumps(NO_HASH), ["hash"]),
    "a field more": (changed(extra=1), ["fields"]),
    "another id": (changed(id="foo"), ["id"]),
    "a list for the id": (changed(id=[1]), ["id"]),
}
REFUSED = {
    "unknown choice": (spelled(colour=1), ["colour"]),
    "unknown choice of two lines": (spelled(**{"two\nlines": 1}), ["architecture"]),
    "out of range": (spelled(rope_factor=9.0), ["rope_factor", "9.0"]),
    "three digits": (spelled(rope_factor=4.23), ["rope_factor", "4.23"]),
    "NaN": (spelled(rope_factor=float("nan")), ["rope_factor", "nan"]),
    "null for a number": (spelled(rope_factor=None), ["rope_factor", "None"]),
    "a string for a number": (spelled(rope_factor="3.0"), ["rope_factor", "'3.0'"]),
    "a list for a setting": (spelled(rope_factor=[3.0]), ["rope_factor", "[3.0]"]),
    "an object for a setting": (spelled(block={}), ["block", "{}"]),
    "a list for heads": (spelled(heads=[8]), ["heads", "[8]"]),
    "a fraction for heads": (spelled(heads=float(ARCHITECTURE["heads"])), ["heads"]),
    "heads out of range": (spelled(heads=3), ["heads", "3"]),
    "no heads": (changed(architecture=NO_HEADS), ["heads"]),
    "a list for the architecture": (changed(architecture=[1]), ["architecture"]),
    "a string for the architecture": (changed(architecture="llama"), ["architecture"]),
    "null for the architecture": (changed(architecture=None), ["architecture"]),
    "wrong count": (changed(departures=3), ["departures", "3"]),
    "a string for the count": (changed(departures="2"), ["departures"]),
    "a list for the count": (changed(departures=[2]), ["departures", "[2]"]),
    "a fraction for the count": (changed(departures=float(ROW["departures"])), ["departures"]),
    "a departure less": (changed(architecture=ONE_LESS), ["departures"]),
    "conflict": (spelled(activation="gelu_tanh"), ["swiglu_clamp with activation"]),
    "lone": (spelled(local_theta=300.0), ["local_theta without"]),
    "wrong hash": (changed(hash="0" * 16), ["hash"]),
    "a list for the hash": (changed(hash=[1]), ["hash"]),
    "another seed": (changed(seed=ROW["seed"] + 1), ["seed"]),
    "a string for the seed": (changed(seed="x"), ["seed"]),
    "a negative seed": (changed(seed=-1), ["seed"]),
    "a fraction for the seed": (changed(seed=float(ROW["seed"])), ["seed"]),
    "a list for the seed": (changed(seed=[ROW["seed"]]), ["seed"]),
    "an object for the seed": (changed(seed={}), ["seed"]),
    "null for the seed": (changed(seed=None), ["seed"]),
}


def refusal(path, departure_count=None):
    """The message with which the dataset is refused, of one line."""
    with pytest.raises(PrerequisiteError) as refused:
        read_rows(path, departure_count)
    message = str(refused.value)
    assert len(message.splitlines()) == 1 and len(message) < 500
    return message


@pytest.mark.parametrize("name", [*BROKEN, *REFUSED])
def test_a_row_that_this_code_would_not_write_is_refused(name, tmp_path):
    line, words = {**BROKEN, **REFUSED}[name]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + line + "\n")
    message = refusal(path)
    where = "rows.jsonl, line 2" + (f", row {ROW['id']}" if name in REFUSED else "")
    assert message.startswith(where)
    assert all(word in message.removeprefix(where) for word in words), message


@pytest.mark.parametrize(
    ("content", "count", "words"),
    [
        (None, None, ["cannot be read", "No such file"]),
        (b"\xff\xfe", None, ["cannot be read", "utf-8"]),
        (b"", None, ["no row"]),
        (json.dumps(ROW).encode(), 5, ["no row with 5 departures", "[2]"]),
    ],
    ids=["missing", "not text", "empty", "no such rung"],
)
def test_a_dataset_without_rows_is_refused(content, count, words, tmp_path):
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    message = refusal(path, count)
    assert all(word in message for word in ["rows.jsonl", *words])


def test_a_directory_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path)


def test_the_hash_sees_thousandths_but_not_the_sign_of_zero():
    calls = [(None, None, np.array([0.0, 1.25]))]

    def moved(x, y):
        return digest([(None, None, np.array([x, y]))])

    assert digest(calls) == moved(-0.0, 1.25 + 1e-9) == moved(-1e-9, 1.25)
    assert len({digest(calls), moved(0.001, 1.25), moved(0, 1.251), moved(1.25, 0)}) == 4


# The command


def run(out, *arguments):
    command = [sys.executable, ROOT / "build_dataset.py", *arguments, "--out", out]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)
    return out.read_bytes()


def test_the_command_writes_rows_that_can_be_read(tmp_path):
    first = run(tmp_path / "1", "--departures", "1", "2", "--seed", "5")
    rows = read_rows(tmp_path / "1")
    assert [row["departures"] for row in rows] == [1, 2]
    assert [*first.splitlines()] == [json.dumps(row).encode() for row in rows]
    for row in rows:
        a, calls = load(row)
        assert nearest(a, calls[0]) == (inf, None)
    again = run(tmp_path / "2", "--departures", "1", "2", "1", "--seed", "5")
    assert again == first
    run(tmp_path / "3", "--departures", "1", "--count", "2", "--seed", "6")
    other = read_rows(tmp_path / "3")
    assert len({row["seed"] for row in other}) == len({row["hash"] for row in other}) == 2
    assert not {row["hash"] for row in other} & {row["hash"] for row in rows}


@pytest.mark.parametrize("seed", [0, 7])
def test_no_two_rungs_or_seeds_share_a_variant(seed, monkeypatch, tmp_path):
    """As long as 20,000 variants are certified out of 50,000 seeds, and 97% are."""
    first = {}

    def spy(pool, start, k, mix):
        first[start] = k
        return iter([{}])

    monkeypatch.setattr(build_dataset, "certified_rows", spy)
    for value in (seed, seed + 1):
        rungs = [str(k) for k in range(1, 13)]
        arguments = ["--departures", *rungs, "--seed", str(value), "--out", str(tmp_path / "x")]
        monkeypatch.setattr(sys, "argv", ["build_dataset.py", *arguments])
        build_dataset.main()
    assert len(first) == 24 and np.diff(sorted(first)).min() >= 50_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count", "0"],
        ["--count", "20001"],
        ["--departures", "0"],
        ["--departures", "13"],
        ["--departures", "2", "x"],
        ["--seed", "-1"],
    ],
    ids=" ".join,
)
def test_bad_arguments_are_refused_before_any_work(arguments, tmp_path, monkeypatch, capsys):
    out = tmp_path / "rows.jsonl"
    monkeypatch.setattr(sys, "argv", ["build_dataset.py", *arguments, "--out", str(out)])
    with pytest.raises(SystemExit, match="2"):
        build_dataset.main()
    assert arguments[0] in capsys.readouterr().err
    assert not out.exists()
