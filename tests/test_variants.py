"""Variants: what a seed makes of an architecture."""

import hashlib
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from build_dataset import draw
from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward
from reference.variants import build, load
from scorers.parity import TOLERANCE
from tests.naive import port

ROWS = [json.loads(line) for line in Path(__file__).parents[1].joinpath("dataset.jsonl").open()]

# sha256 of every weight and token. They change only with a decision to change the variants.
PINS = {
    "plain": "5b63fc465688b2477fe2bcd623cee3a724af8e9b5850142d11d8cc9baae0d7e5",
    "every tensor": "a6e1c48b12817670441917a922fc8d2ab5cf31a392818d3d46598d416fd16c0d",
    "parallel": "f4dfee81b08f76a6f3c370b33327ab56b9d1f0b5ba1ed4d6dff8e15f6284ff60",
    "2-1100019": "27315c20c6d6f81e2bde3bd64d0c26ec42023b3ba9fc7dfd01001ea0d4d8bfc9",
    "4-1200002": "2301ef43e6ba5f7dc3f4e22e7f91989852b32e6d21c7ec7df56380f37eb1e53b",
    "6-1300000": "606b4cd7a03cbd82eb6ddf8a931a3b3511fc7cd7a165955c747032d8f994f3b5",
    "8-1400001": "682badef8c2307305aa40210cbef395ad5c1dfefeceefeed6bf642b5cd91892a",
}

VARIANTS = {
    "plain": lambda: (0, Architecture(heads=4)),
    "every tensor": lambda: (
        7,
        Architecture(heads=8, block="sandwich", gain_offset=1.0, qk_norm="head", sinks=True),
    ),
    "parallel": lambda: (
        3,
        Architecture(heads=2, block="parallel", embedding_multiplier=12.0, logit_scale=0.25),
    ),
    **{row["id"]: lambda row=row: (row["seed"], load(row)[0]) for row in ROWS},
}
DRAWN = [(seed, draw(seed, seed % 13)) for seed in range(26)]


@cache
def calls_of(seed, a):
    return build(seed, a)


def sha256(calls):
    """Of all bytes that a call sends, and what gives them their meaning."""
    h = hashlib.sha256()
    for weights, tokens, _ in calls:
        for name, tensor in [*weights.items(), ("tokens", tokens)]:
            h.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode() + tensor.tobytes())
    return h.hexdigest()


@pytest.mark.parametrize("name", VARIANTS)
def test_bytes_are_pinned(name):
    assert sha256(build(*VARIANTS[name]())) == PINS[name]


def test_build_is_deterministic():
    built_anew = build.__wrapped__
    one, two = (built_anew(11, draw(11, 12)) for _ in range(2))
    assert sha256(one) == sha256(two)
    assert all((x == y).all() for (_, _, x), (_, _, y) in zip(one, two, strict=True))


def test_another_seed_is_another_model():
    a = Architecture(heads=4)
    one, two = (build(seed, a)[0] for seed in (0, 24))
    same_shape = [n for n, t in one[0].items() if n in two[0] and t.shape == two[0][n].shape]
    assert same_shape and max((one[0][n] == two[0][n]).mean() for n in same_shape) < 0.01
    assert (one[1] != two[1]).any()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_load_builds_what_the_row_spells_out(row):
    a, calls = load(row)
    assert {"heads": a.heads, **departures(a)} == row["architecture"]
    assert sha256(calls) == sha256(build.__wrapped__(row["seed"], a))


@pytest.mark.parametrize(("seed", "a"), DRAWN, ids=lambda value: str(value)[:20])
def test_calls(seed, a):
    traces, *probes = calls_of(seed, a)
    weights, tokens, _ = traces
    other = probes[1][0]
    vocabulary = len(weights["embed"])

    assert tokens.shape == (8, 48)
    assert set(tokens.ravel()) == set(range(vocabulary))
    assert any(len(set(sequence)) < 48 for sequence in tokens)  # some repeat tokens

    assert [id(w) for w, _, _ in probes] == [id(weights), id(other)] * (len(probes) // 2)
    shapes = [probe.shape for _, probe, _ in probes]
    assert shapes[::2] == shapes[1::2]  # both checkpoints see each shape
    lengths = [length for _, length in shapes]
    assert len(set(shapes)) >= 4 and len({batch for batch, _ in shapes}) >= 3
    assert (min(lengths), max(lengths)) == (1, 48)
    seen = {tuple(row[:7]) for row in tokens}
    for _, probe, _ in probes:
        assert probe.min() >= 0 and probe.max() < vocabulary
        assert not any(tuple(row[:7]) in seen for row in probe if len(row) >= 7)

    for _, given, logits in (traces, *probes):
        assert logits.shape == (*given.shape, vocabulary) and logits.dtype == np.float64
        assert np.isfinite(logits).all() and logits.std() > 0.05
    near = probes[-1]
    np.testing.assert_allclose(near[2], forward(near[0], near[1], a), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("seed", "a"), DRAWN, ids=lambda value: str(value)[:20])
def test_checkpoints(seed, a):
    calls = calls_of(seed, a)
    one, two = calls[0][0], calls[2][0]
    assert {n: (t.shape, t.dtype) for n, t in one.items()} == {
        n: (t.shape, np.float32) for n, t in two.items()
    }
    assert max((one[name] == two[name]).mean() for name in one) < 0.01
    neutral = r"embed|unembed|final_norm|layers\.\d\.(w_(qkv|o|in|out)|norm_[1-4qk]|b_head)"
    assert all(re.fullmatch(neutral, name) for name in one)
    assert not any(choice in name for name in one for choice in SETTINGS if choice != "norm")

    names = {name.split(".")[2] for name in one if name.startswith("layers.")}
    norms = {"parallel": 1, "sandwich": 4}.get(a.block, 2)
    expected = {"w_qkv", "w_o", "w_in", "w_out", *(f"norm_{n + 1}" for n in range(norms))}
    expected |= {"norm_q", "norm_k"} if a.qk_norm in ("head", "head_after_rope") else set()
    expected |= {"b_head"} if a.sinks else set()
    assert names == expected


def sizes(seed, a):
    w = calls_of(seed, a)[0][0]
    head_dim = w["layers.0.w_o"].shape[1] // a.heads
    return {
        "layers": sum(name.endswith("w_o") for name in w),
        "hidden": w["embed"].shape[1],
        "vocabulary": w["embed"].shape[0],
        "mlp": w["layers.0.w_out"].shape[1],
        "head_dim": head_dim,
        "kv_heads": (w["layers.0.w_qkv"].shape[0] // head_dim - a.heads) / 2,
    }


def test_shapes_vary_with_the_seed():
    drawn = [(a.heads, sizes(seed, a)) for seed, a in DRAWN]
    for name in drawn[0][1]:
        assert len({size[name] for _, size in drawn}) > 1, name
    assert all(heads % size["kv_heads"] == 0 for heads, size in drawn)
    assert {heads // size["kv_heads"] for heads, size in drawn} >= {1, 2, 4}


@pytest.mark.parametrize(("multiplier", "scale"), [(1.0, 1.0), (20.0, 0.2), (3.3, 5.0)])
def test_the_size_of_a_tensor_does_not_give_a_multiplier_away(multiplier, scale):
    a = Architecture(heads=2, embedding_multiplier=multiplier, logit_scale=scale)
    sizes = {"embed": [], "unembed": []}
    for seed in range(12):
        w = build(seed, a)[0][0]
        sizes["embed"].append(w["embed"].std() * multiplier / 0.03)
        sizes["unembed"].append(w["unembed"].std() * scale * np.sqrt(w["embed"].shape[1]) / 4)
    for values in sizes.values():
        assert 0.45 < min(values) < 0.8 and 1.2 < max(values) < 1.55


SINGLE = [(row["seed"], load(row)[0]) for row in ROWS] + [
    (seed, draw(seed, 8)) for seed in range(4)
]


@pytest.mark.parametrize(("seed", "a"), SINGLE, ids=lambda value: str(value)[:20])
def test_a_port_in_single_precision_passes_with_room(seed, a):
    worst = 0
    for weights, tokens, logits in build(seed, a)[1:]:
        answer = port(weights, tokens[-1:], a, np.float32)
        assert answer.dtype == np.float32
        worst = max(worst, abs(answer - logits[-1:]).max())
    assert 0 < worst <= TOLERANCE / 5
