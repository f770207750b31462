"""The reference: every choice against a naive second port, single steps against numbers."""

from dataclasses import replace
from functools import cache
from math import cos, e, exp, log, sin, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import transformer
from reference.architecture import RARITY, SETTINGS, Architecture
from reference.transformer import forward
from reference.variant import build
from tests.naive import port
from variants.draw import draw_architecture
from variants.ports import with_block

RNG = np.random.default_rng(5)
PLAIN = Architecture(heads=4)
NO_ROPE = Architecture(heads=4, nope_every=1)
REVERSED = Architecture(heads=4, rope_reversed=True)

# A choice that needs others to show.
CONTEXT = {
    "global_every": {"sliding_window": 7},
    "local_theta": {"sliding_window": 7, "global_every": 2},
    "scaled_layers": {"sliding_window": 7, "global_every": 2, "llama3_factor": 5.0},
    "pattern_first": {"sliding_window": 7, "global_every": 3, "nope_every": 2},
}


def few(name):
    """All other settings of a choice; of a range its ends and its middle."""
    others = SETTINGS[name][1:]
    return others if len(others) < 10 else (others[0], others[len(others) // 2], others[-1])


@cache
def model(number, arch):
    """The weights of a variant and some of its tokens."""
    weights, tokens, _ = build("5eed", number, arch)[0]
    return weights, tokens[:2, : 27 if arch.sliding_window else 12]


def drawn(number, count):
    return draw_architecture(np.random.default_rng([number, count]), count)


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
    weights = with_block(weights, a.block, undone.block)
    assert abs(forward(weights, tokens, a) - forward(weights, tokens, undone)).max() > 5e-3


MEETINGS = [  # choices whose order or whose layers matter to each other
    {"logit_scale": 3.0, "final_softcap": 3.0},
    {"score_scale": 2.0, "temperature_interval": 4, "inverse_layer_scale": True}
    | {"score_softcap": 1.0, "sinks": True},
    {"qkv_bias": True, "qkv_clip": 1.0, "qkv_layout": "per_group"},
    {"qk_norm": "all_heads", "qkv_layout": "per_group", "gain_offset": 1.0, "norm": "layer_norm"},
    {"qk_norm": "no_gain", "gain_offset": 1.0, "yarn_factor": 8.0},
    {"qk_norm": "head_after_rope", "yarn_factor": 8.0, "rope_reversed": True},
    {"yarn_factor": 8.0, "rotary_fraction": 0.5, "rope_pairing": "interleaved"},
    {"llama3_factor": 8.0, "rotary_fraction": 0.5, "rope_theta": 1e3},
    {"yarn_factor": 8.0, "scaled_layers": "global", "local_theta": 2e2}
    | {"sliding_window": 5, "global_every": 2, "pattern_first": True},
    {"sliding_window": 5, "global_every": 3, "nope_every": 2, "pattern_first": True},
    {"value_scale": 1.5, "sinks": True, "attention_gate": True},
    {"activation": "quick_gelu", "mlp_clamp": 0.7, "up_offset": 1.0}
    | {"gate_up_layout": "interleaved"},
    {"block": "post", "residual_multiplier": 0.3, "attention_gate": True, "qkv_bias": True},
]


@pytest.mark.parametrize("heads", [4, 8])
@pytest.mark.parametrize("meeting", MEETINGS, ids=" ".join)
def test_choices_that_meet_equal_the_naive_port(meeting, heads):
    a = Architecture(heads, **meeting)
    weights, tokens = model(2, a)
    near(forward(weights, tokens, a), port(weights, tokens, a))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), count=st.integers(4, 12))
def test_departures_together_equal_the_naive_port(seed, count):
    a = drawn(seed, count)
    weights, tokens = model(seed, a)
    near(forward(weights, tokens, a), port(weights, tokens, a))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 12), data=st.data())
def test_a_logit_depends_on_its_own_sequence_up_to_its_position(seed, count, data):
    a = drawn(seed, count)
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


def test_a_sink_takes_its_share_and_gives_nothing():
    p = attend(replace(NO_ROPE, sinks=True), sinks=[log(3), 0, -50, 1])
    near(p[0, :, 0], 1 / (np.arange(1, 7) + 3))
    near(p.sum(-1)[:, 1], [2 / 5, 2 / 3, 1, 2 / (2 + e)])


@pytest.mark.parametrize(
    ("every", "i", "local"),
    [(None, 0, 1), (None, 5, 1), (2, 0, 1), (2, 1, 0), (3, 1, 1), (3, 2, 0)],
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


@pytest.mark.parametrize(("n", "turned"), [(None, [1, 1, 1]), (2, [1, 0, 1]), (3, [1, 1, 0])])
def test_nope_layers_do_not_turn(n, turned):
    q, k = RNG.standard_normal((4, 6, 6)), RNG.standard_normal((1, 6, 6))
    a = replace(PLAIN, nope_every=n)
    plain = attend(NO_ROPE, 0, q, k)
    assert [int(abs(attend(a, i, q, k) - plain).max() > 1e-3) for i in range(3)] == turned


@pytest.mark.parametrize(("n", "turned"), [(2, [0, 1, 0, 1]), (3, [0, 1, 1, 0])])
def test_a_pattern_may_begin_with_the_first_layer(n, turned):
    q, k = RNG.standard_normal((4, 6, 6)), RNG.standard_normal((1, 6, 6))
    a = replace(PLAIN, nope_every=n, pattern_first=True)
    plain = attend(NO_ROPE, 0, q, k)
    assert [int(abs(attend(a, i, q, k) - plain).max() > 1e-3) for i in range(4)] == turned


def test_temperature_grows_with_the_position_of_the_query():
    q, k = RNG.standard_normal((4, 6, 6)), RNG.standard_normal((1, 6, 6))
    warm, plain = (attend(replace(NO_ROPE, temperature_interval=n), 0, q, k) for n in (2, None))
    for position, factor in [(1, 1), (2, 1 + 0.1 * log(2)), (5, 1 + 0.1 * log(3))]:
        near(log_ratio(warm, position), factor * log_ratio(plain, position))


def log_ratio(p, position):
    """Differences of scores."""
    return np.log(p[:, position, 0] / p[:, position, position])


@pytest.mark.parametrize(
    ("layout", "expected"),  # rows of q_0, q_1, q_2, q_3; k_0, k_1; v_0, v_1
    [
        ("q_k_v", [[[0, 1], [2, 3], [4, 5], [6, 7]], [[8, 9], [10, 11]], [[12, 13], [14, 15]]]),
        ("per_group", [[[0, 1], [2, 3], [8, 9], [10, 11]], [[4, 5], [12, 13]], [[6, 7], [14, 15]]]),
    ],
)
def test_fused_rows(layout, expected):
    x = np.arange(16.0) + 100 * np.arange(6).reshape(2, 3, 1)
    weights = {"w_qkv": np.eye(16), "w_o": np.eye(8)}
    parts = transformer.project(x, weights, replace(PLAIN, qkv_layout=layout))
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
    a = replace(a, rope_theta=100.0)
    x = RNG.standard_normal((2, 9, 3, 8))
    given_x = x.copy()
    y = transformer.rope(x, False, a)
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
    y = transformer.rope(x, False, a)[0]
    near(y[9, 0] @ y[4, 1], y[5, 0] @ y[0, 1])
    assert abs(y[9, 0] @ y[4, 1] - y[4, 0] @ y[9, 1]) > 1e-3  # and has a direction


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("layers", ["all", "global"])
def test_local_layers_have_their_own_base_and_maybe_no_factor(local, layers):
    a = replace(PLAIN, rope_theta=100.0, local_theta=9.0, rope_factor=5.0, scaled_layers=layers)
    frequency, size = transformer.frequencies(4, local, a)
    divided = 1 if local and layers == "global" else 5
    near(frequency, np.array([1, 1 / 3 if local else 1 / 10]) / divided)
    assert size == 1


def test_llama3_keeps_fast_pairs_and_divides_slow_ones():
    a = replace(PLAIN, rope_theta=32.0, llama3_factor=4.0)
    frequency, size = transformer.frequencies(20, False, a)
    plain = 32.0 ** -(np.arange(10) / 10)
    turns = 32 * plain / (2 * np.pi)
    near(frequency[turns > 4], plain[turns > 4])
    near(frequency[turns < 1], plain[turns < 1] / 4)
    between = (turns > 1) & (turns < 4)
    assert between.sum() > 2
    assert (frequency[between] < plain[between]).all()
    assert (frequency[between] > plain[between] / 4).all()
    assert size == 1


def test_yarn_keeps_the_first_pair_and_divides_those_that_turn_less_than_once():
    frequency, size = transformer.frequencies(24, False, replace(PLAIN, yarn_factor=8.0))
    plain = 1e4 ** -(np.arange(12) / 12)  # pair 3 is the first that does not turn once in 32
    near(frequency / plain, [1, 1 - 7 / 24, 1 - 14 / 24, *[1 / 8] * 9])
    near(size, 1 + 0.1 * log(8))


def test_rope_reversed_turns_back():
    x = RNG.standard_normal((1, 9, 3, 8))
    near(transformer.rope(transformer.rope(x, False, PLAIN), False, REVERSED), x)


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
    near(transformer.mlp(np.ones((1, 1, 1)), w, a)[0, 0], np.array(expected))


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
    a = replace(PLAIN, activation="quick_gelu", mlp_clamp=2.0, up_offset=1.0)
    assert transformer.mlp(np.ones((1, 1, 1)), w, a).item() == pytest.approx(expected, rel=1e-12)


def test_the_norm_of_all_heads_is_one():
    w = {"w_qkv": np.eye(16), "w_o": np.eye(8), "norm_q": np.arange(8.0), "norm_k": np.arange(4.0)}
    x = RNG.standard_normal((1, 1, 16))
    q, k, v = transformer.project(x, w, replace(PLAIN, qk_norm="all_heads", norm_eps=0.0))
    near(q.ravel(), x[0, 0, :8] / sqrt((x[0, 0, :8] ** 2).mean()) * np.arange(8))
    near(k.ravel(), x[0, 0, 8:12] / sqrt((x[0, 0, 8:12] ** 2).mean()) * np.arange(4))
    near(v.ravel(), x[0, 0, 12:])


def test_bias_then_clip_then_value_scale():
    w = {"w_qkv": np.eye(16), "w_o": np.eye(8), "b_qkv": np.full(16, 0.5)}
    a = replace(PLAIN, qkv_bias=True, qkv_clip=1.0, value_scale=3.0)
    q, k, v = transformer.project(np.full((1, 1, 16), 0.2), w, a)
    near([q.max(), k.max(), v.max()], [0.7, 0.7, 2.1])
    q, k, v = transformer.project(np.full((1, 1, 16), 0.9), w, a)
    near([q.max(), k.max(), v.max()], [1, 1, 3])


def test_the_gate_multiplies_before_the_output_projection():
    w = {"w_qkv": np.eye(16), "w_o": np.eye(8), "w_gate": np.zeros((8, 16))}
    x = RNG.standard_normal((1, 3, 16))
    plain = transformer.attention(x, w, 0, PLAIN)
    near(transformer.attention(x, w, 0, replace(PLAIN, attention_gate=True)), plain / 2)


@pytest.mark.parametrize(("cap", "expected"), [(None, 30.0), (30.0, 30 * tanh(1)), (2.0, 2.0)])
def test_softcap(cap, expected):
    assert transformer.softcap(30.0, cap) == pytest.approx(expected, rel=1e-12)


# The table of choices


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_distinct_and_of_two_digits(name):
    baseline, *others = SETTINGS[name]
    assert getattr(PLAIN, name) == baseline
    assert len({baseline, *others}) == len(others) + 1 > 1
    assert RARITY[name] in ("common", "uncommon", "rare")
    if len(others) > 5 and isinstance(others[0], float):
        assert others == [float(f"{other:.1e}") for other in others]
        assert others == sorted(others)


@pytest.mark.parametrize(
    ("name", "ends", "size"),
    [
        ("rope_theta", (1e3, 1e6), 270),
        ("score_softcap", (1.0, 6.0), 51),
        ("sliding_window", (5, 24), 20),
        ("score_scale", (0.25, 3.0), 46 + 17),
        ("norm_eps", (1e-5, 2e-4), 90 + 11),
    ],
)
def test_ranges_hold_every_number_of_two_digits(name, ends, size):
    others = SETTINGS[name][1:]
    assert (others[0], others[-1], len(others)) == (*ends, size)


def test_single_precision_stays_single():
    """So that the certificate's port in single precision is one."""
    for number in range(12):
        arch = drawn(number, 12)
        weights, tokens = model(number, arch)
        assert forward(weights, tokens, arch, dtype=np.float32).dtype == np.float32
