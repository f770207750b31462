"""The reference: every choice against a naive second port, single steps against numbers."""

from dataclasses import replace
from functools import cache
from math import cos, e, exp, inf, log, sin, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build_dataset import draw
from reference import transformer
from reference.architecture import SETTINGS, Architecture
from reference.transformer import forward
from reference.variants import build
from tests.naive import port

RNG = np.random.default_rng(5)
PLAIN = Architecture(heads=4)
NO_ROPE = Architecture(heads=4, nope_every=1)

# A choice that needs others to show.
CONTEXT = {
    "global_every": {"sliding_window": 7},
    "local_theta": {"sliding_window": 7, "global_every": 2},
}


def few(name):
    """All other settings of a choice; of a range its ends and its middle."""
    others = SETTINGS[name][1:]
    return others if len(others) < 10 else (others[0], others[len(others) // 2], others[-1])


@cache
def model(seed, a):
    """The weights of a variant and some of its tokens."""
    weights, tokens, _ = build(seed, a)[0]
    return weights, tokens[:2, : 27 if a.sliding_window < inf else 12]


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


# Whole models


CASES = [(name, setting) for name in SETTINGS for setting in (SETTINGS[name][0], *few(name))]


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_every_setting_equals_the_naive_port(name, setting):
    a = replace(PLAIN, **{**CONTEXT.get(name, {}), name: setting})
    weights, tokens = model(1, a)
    near(forward(weights, tokens, a), port(weights, tokens, a))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_choice_shows(name):
    """So the comparison above would see a choice that the reference forgot."""
    a = replace(PLAIN, **{**CONTEXT.get(name, {}), name: few(name)[0]})
    weights, tokens = model(1, a)
    undone = replace(a, **{name: SETTINGS[name][0]})
    assert abs(forward(weights, tokens, a) - forward(weights, tokens, undone)).max() > 5e-3


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), count=st.integers(4, 12))
def test_departures_together_equal_the_naive_port(seed, count):
    a = draw(seed, count)
    weights, tokens = model(seed, a)
    near(forward(weights, tokens, a), port(weights, tokens, a))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 12), data=st.data())
def test_a_logit_depends_on_its_own_sequence_up_to_its_position(seed, count, data):
    a = draw(seed, count)
    weights, tokens = model(seed, a)
    logits = forward(weights, tokens, a)
    end = data.draw(st.integers(1, tokens.shape[1] - 1))
    near(forward(weights, tokens[:, :end], a), logits[:, :end])  # prefix invariance
    near(forward(weights, tokens[1:], a), logits[1:])  # batch invariance
    future = tokens.copy()
    future[:, end] = (future[:, end] + 1) % len(weights["embed"])
    changed = forward(weights, future, a)
    near(changed[:, :end], logits[:, :end])  # causality
    assert abs(changed[:, end] - logits[:, end]).max(-1).min() > 1e-3  # and the token does count


# Attention, seen through its probabilities


def attend(a, i=0, q=None, k=None, sinks=None, length=6, kv_heads=1):
    """The share that each head gives to each key, (heads, query, key). Token t is a unit vector.
    So is its value, times the KV head's number; q (heads, length, length) and k default to zero."""
    zero = np.zeros((a.heads, length, length))
    q, k = (zero if q is None else q), (zero[:kv_heads] if k is None else k)
    v = np.arange(1, kv_heads + 1)[:, None, None] * np.eye(length)
    parts = [head.T for tensor in (q, k, v) for head in tensor]
    weights = {
        "w_qkv": np.concatenate(parts),
        "w_o": np.eye(a.heads * length),
        "b_head": np.zeros(a.heads) if sinks is None else np.array(sinks),
    }
    out = transformer.attention(np.eye(length)[None], weights, i, a)
    return out.reshape(length, a.heads, length).swapaxes(0, 1)


def test_equal_scores_share_equally_among_keys_up_to_the_query():
    expected = np.tril(np.ones((6, 6))) / np.arange(1, 7)[:, None]
    near(attend(NO_ROPE), np.broadcast_to(expected, (4, 6, 6)))


@pytest.mark.parametrize(
    ("heads", "slopes"),
    [
        (2, [1 / 16, 1 / 256]),
        (4, [1 / 4, 1 / 16, 1 / 64, 1 / 256]),
        (8, [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]),
    ],
)
def test_alibi_slopes(heads, slopes):
    p = attend(Architecture(heads=heads, alibi=True))
    near(-np.log(p[:, 5, 0] / p[:, 5, 5]) / 5, slopes)
    near(-np.log(p[:, 4, 3] / p[:, 4, 4]), slopes)


def test_a_sink_takes_its_share_and_gives_nothing():
    p = attend(replace(NO_ROPE, sinks=True), sinks=[log(3), 0, -50, 1])
    near(p[0, :, 0], 1 / (np.arange(1, 7) + 3))
    near(p.sum(-1)[:, 1], [2 / 5, 2 / 3, 1, 2 / (2 + e)])


@pytest.mark.parametrize(
    ("every", "i", "local"), [(inf, 0, 1), (inf, 5, 1), (2, 0, 1), (2, 1, 0), (3, 1, 1), (3, 2, 0)]
)
def test_a_window_is_w_keys_with_the_query_itself(every, i, local):
    seen = attend(replace(NO_ROPE, sliding_window=3, global_every=every), i)[0] > 0
    reach = 3 if local else 6
    assert seen.tolist() == [[t - reach < key <= t for key in range(6)] for t in range(6)]


@pytest.mark.parametrize("i", [0, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"score_scale": 1.7},
        {"inverse_layer_scale": True},
        {"score_softcap": 1.3},
        {"score_softcap": 1.3, "score_scale": 1.7, "inverse_layer_scale": True},
    ],
)
def test_scores_are_scaled_then_capped(changes, i):
    a = replace(NO_ROPE, **changes)
    q, k = 3 * RNG.standard_normal((4, 6, 6)), RNG.standard_normal((1, 6, 6))
    p = attend(a, i, q, k)
    for h in range(4):
        scores = [q[h, 5] @ k[0, key] * a.score_scale / sqrt(6) for key in range(6)]
        scores = [score / (i + 1 if a.inverse_layer_scale else 1) for score in scores]
        if c := a.score_softcap:
            scores = [c * tanh(score / c) for score in scores]
        powers = [exp(score) for score in scores]
        near(p[h, 5], np.array(powers) / sum(powers))


@pytest.mark.parametrize(("kv_heads", "groups"), [(1, [1, 1, 1, 1]), (2, [1, 1, 2, 2])])
def test_consecutive_query_heads_share_a_kv_head(kv_heads, groups):
    near(attend(NO_ROPE, kv_heads=kv_heads).sum(-1)[:, 3], groups)


@pytest.mark.parametrize(("n", "turned"), [(inf, [1, 1, 1]), (2, [1, 0, 1]), (3, [1, 1, 0])])
def test_nope_layers_do_not_turn(n, turned):
    q, k = RNG.standard_normal((4, 6, 6)), RNG.standard_normal((1, 6, 6))
    a = replace(PLAIN, nope_every=n)
    plain = attend(NO_ROPE, 0, q, k)
    assert [int(abs(attend(a, i, q, k) - plain).max() > 1e-3) for i in range(3)] == turned


@pytest.mark.parametrize(
    ("layout", "expected"),  # rows of q_0, q_1, q_2, q_3; k_0, k_1; v_0, v_1
    [
        ("q_k_v", [[[0, 1], [2, 3], [4, 5], [6, 7]], [[8, 9], [10, 11]], [[12, 13], [14, 15]]]),
        ("per_group", [[[0, 1], [2, 3], [8, 9], [10, 11]], [[4, 5], [12, 13]], [[6, 7], [14, 15]]]),
        (
            "per_group_interleaved",
            [[[0, 4], [1, 5], [8, 12], [9, 13]], [[2, 6], [10, 14]], [[3, 7], [11, 15]]],
        ),
    ],
)
def test_fused_rows(layout, expected):
    y = np.arange(16.0) + 100 * np.arange(6).reshape(2, 3, 1)
    parts = transformer.split_qkv(y, 2, replace(PLAIN, qkv_layout=layout))
    assert [part[0, 0].tolist() for part in parts] == expected
    assert all((part[1, 2] == part[0, 0] + 500).all() for part in parts)


# Rotation


@pytest.mark.parametrize("factor", [1.0, 4.0])
@pytest.mark.parametrize(
    ("pairing", "fraction", "pairs"),
    [
        ("half", 1.0, [(0, 4), (1, 5), (2, 6), (3, 7)]),
        ("half", 0.5, [(0, 2), (1, 3)]),
        ("half", 0.25, [(0, 1)]),
        ("interleaved", 1.0, [(0, 1), (2, 3), (4, 5), (6, 7)]),
        ("interleaved", 0.5, [(0, 1), (2, 3)]),
    ],
)
def test_rope_turns_each_pair_by_its_angle(pairing, fraction, pairs, factor):
    a = replace(PLAIN, rope_pairing=pairing, rotary_fraction=fraction, rope_factor=factor)
    x = RNG.standard_normal((2, 9, 3, 8))
    given_x = x.copy()
    y = transformer.rope(x, 100.0, a)
    assert (x == given_x).all()  # it works on a copy
    assert (y[:, 0] == x[:, 0]).all()
    expected = x[1, 7, 2].copy()
    for (one, two), frequency in zip(pairs, 100.0 ** -(np.arange(len(pairs)) / len(pairs))):
        angle = 7 * frequency / factor
        turn = [[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]
        expected[[one, two]] = turn @ expected[[one, two]]
    near(y[1, 7, 2], expected)


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_rope_is_relative(pairing, fraction):
    a = replace(PLAIN, rope_pairing=pairing, rotary_fraction=fraction)
    x = np.broadcast_to(RNG.standard_normal((1, 1, 2, 16)), (1, 12, 2, 16))
    y = transformer.rope(x, 1e4, a)[0]
    near(y[9, 0] @ y[4, 1], y[5, 0] @ y[0, 1])
    assert abs(y[9, 0] @ y[4, 1] - y[4, 0] @ y[9, 1]) > 1e-3  # and has a direction


# Norms, caps and the MLP


@pytest.mark.parametrize(
    ("norm", "eps", "offset", "expected"),
    [
        ("rms", 1e-6, 0.0, [2 / sqrt(7.500001), 8 / sqrt(7.500001)]),
        ("rms", 1.5, 1.0, [1, 4]),
        ("layer_norm", 1e-6, 0.0, [-3 / sqrt(1.250001), 3 / sqrt(1.250001)]),
        ("layer_norm", 1.0, 1.0, [-3, 3]),
    ],
)
def test_norms_of_1_2_3_4(norm, eps, offset, expected):
    a = replace(PLAIN, norm=norm, norm_eps=eps, gain_offset=offset)
    gain = np.array([2.0, 1.0, 1.0, 2.0])
    x = np.array([1.0, 2, 3, 4])
    near(transformer.norm(x, gain, a)[[0, 3]], expected)


def test_a_norm_without_gain_has_no_offset():
    x = RNG.standard_normal((3, 5))
    a = replace(PLAIN, gain_offset=1.0)
    near(transformer.norm(x, None, a), transformer.norm(x, np.zeros(5), a))


@pytest.mark.parametrize("name", ["head", "head_after_rope"])
def test_the_norm_of_a_head_comes_where_it_says(name):
    """Gains 1 and 0 in a rotation pair: after RoPE they leave one entry; before, RoPE turns it."""
    w = {"norm_q": np.array([1.0, 0]), "norm_k": np.array([1.0, 0]), "w_o": np.eye(8)}
    q, k, v = np.tile([[3.0, 4]], (4, 1)), np.array([[3.0, 4]]), np.array([[1.0, 0]])
    w["w_qkv"] = np.concatenate([q.ravel(), k.ravel(), v.ravel()])[:, None] * np.eye(1)
    w["w_o"] = np.eye(8)
    x = np.ones((1, 2, 1))
    x[0, 1] = 2.0
    a = replace(PLAIN, qk_norm=name, norm_eps=0.0)
    out = transformer.attention(x, w, 0, a)[0, 1, 0]
    unit = np.array([3, 4]) / sqrt(12.5)
    if name == "head":  # turned by 1 against 0
        scores = [unit[0] ** 2 * cos(1) / sqrt(2), unit[0] ** 2 / sqrt(2)]
    else:
        turned = unit[0] * cos(1) - unit[1] * sin(1)
        scores = [turned * unit[0] / sqrt(2), turned**2 / sqrt(2)]
    p = exp(scores[1]) / (exp(scores[0]) + exp(scores[1]))
    near(out, (1 - p) * 1 + p * 2)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("silu", 1.0, 0.7310585786300049),
        ("silu", -2.0, -0.2384058440442351),
        ("gelu_tanh", 1.0, 0.8411919906082768),
        ("gelu_tanh", -2.0, -0.045402305912223),
        ("gelu_erf", 1.0, 0.8413447460685429),
        ("gelu_erf", -2.0, -0.04550026389635842),
        ("quick_gelu", 1.0, 0.8457957659328212),
        ("quick_gelu", -2.0, -2 / (1 + exp(3.404))),
        ("relu_squared", 3.0, 9.0),
        ("relu_squared", -2.0, 0.0),
    ],
)
def test_activations(name, x, expected):
    assert transformer.ACTIVATIONS[name](x) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("layout", "expected"),  # relu squared of 2 is 4, of 3 is 9, of 5 is 25, of 7 is 49
    [("gate_up", [4 * 5, 9 * 7]), ("up_gate", [25 * 2, 49 * 3]), ("interleaved", [4 * 3, 25 * 7])],
)
def test_gate_and_up_rows(layout, expected):
    w = {"w_in": np.array([[2.0], [3], [5], [7]]), "w_out": np.eye(2)}
    a = replace(PLAIN, activation="relu_squared", gate_up_layout=layout)
    near(transformer.mlp(np.ones((1, 1, 1)), w, 0, a)[0, 0], np.array(expected))


@pytest.mark.parametrize(
    ("gate", "up", "expected"),
    [  # of gpt_oss, with a limit of 2
        (1, 1, 2 / (1 + exp(-1.702))),
        (3, -9, -2 / (1 + exp(-3.404))),  # both are limited
        (-5, 9, -5 * 3 / (1 + exp(8.51))),  # the gate has no limit below
        (1, -1, 0),
    ],
)
def test_clamped_swiglu(gate, up, expected):
    w = {"w_in": np.array([[gate], [up]], float), "w_out": np.eye(1)}
    a = replace(PLAIN, swiglu_clamp=2.0)
    assert transformer.mlp(np.ones((1, 1, 1)), w, 0, a).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("cap", "expected"), [(None, 30.0), (30.0, 30 * tanh(1)), (2.0, 2.0)])
def test_softcap(cap, expected):
    assert transformer.softcap(30.0, cap) == pytest.approx(expected, rel=1e-12)


# The table of choices


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_distinct_and_of_two_digits(name):
    baseline, *others = SETTINGS[name]
    assert getattr(PLAIN, name) == baseline
    assert len(set(others)) == len(others) > 0
    if len(others) > 5 and isinstance(others[0], float):
        assert others == [float(f"{other:.1e}") for other in others]
        assert others == sorted(others)


@pytest.mark.parametrize(
    ("name", "ends", "size"),
    [
        ("rope_theta", (1e3, 1e6), 271),
        ("score_softcap", (1.0, 6.0), 51),
        ("sliding_window", (5, 24), 20),
        ("score_scale", (0.25, 3.0), 46 + 17),
        ("norm_eps", (5e-6, 2e-4), 51 + 90 + 10),
    ],
)
def test_ranges_hold_every_number_of_two_digits(name, ends, size):
    others = SETTINGS[name][1:]
    assert (others[0], others[-1], len(others)) == (*ends, size)
