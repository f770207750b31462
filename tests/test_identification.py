"""Identification: from weights, tokens and logits to what computes them."""

import numpy as np
import pytest

from identification.port import port
from identification.reading import Reading, answer
from identification.search import EXACT, Stage, identify, recover
from reference.architecture import SETTINGS, Architecture
from reference.transformer import forward
from reference.variant import Call, build

EVERYWHERE = Architecture(
    heads=8,
    block="parallel",
    norm_eps=3e-5,
    score_scale=0.4,
    rotary_fraction=0.5,
    sliding_window=7,
    global_every=2,
    local_theta=500.0,
    activation="gelu_erf",
)
"""Departures at every stage of the search."""


HARD = [
    # a narrow valley between the scale of scores and YaRN's
    (
        "5ea2c4",
        12000032,
        Architecture(
            heads=4,
            residual_multiplier=0.48,
            qkv_bias=True,
            value_scale=0.49,
            score_scale=2.8,
            rope_pairing="interleaved",
            yarn_factor=12.0,
            sliding_window=8,
            global_every=3,
            pattern_first=True,
            local_theta=660.0,
            gate_up_layout="up_gate",
            logit_scale=2.9,
        ),
    ),
    # two thetas fit nearly as well
    (
        "5ea2c4",
        12000057,
        Architecture(
            heads=4,
            norm="layer_norm",
            gain_offset=1.0,
            qkv_bias=True,
            value_scale=0.51,
            temperature_interval=12,
            sinks=True,
            rope_pairing="interleaved",
            rope_theta=740000.0,
            llama3_factor=7.2,
            nope_every=2,
            sliding_window=5,
            mlp_clamp=0.9,
        ),
    ),
    # two equal thetas stood for one
    (
        "5ea2c4",
        8000036,
        Architecture(
            heads=4,
            embedding_multiplier=7.6,
            gain_offset=1.0,
            qk_norm="no_gain",
            v_norm=True,
            score_softcap=3.0,
            rope_theta=11000.0,
            llama3_factor=9.4,
            sliding_window=12,
        ),
    ),
    # both layouts are wrong, and neither helps alone
    (
        "2cb8705b255319d641340034dacb8630",
        0,
        Architecture(
            heads=4,
            block="post",
            qkv_layout="per_group",
            qkv_bias=True,
            qk_norm="all_heads",
            score_scale=2.1,
            temperature_interval=15,
            rope_pairing="interleaved",
            yarn_factor=8.5,
            sliding_window=20,
            gate_up_layout="interleaved",
            activation="gelu_erf",
            logit_scale=4.6,
        ),
    ),
    # until a window closes, the other layers may have one; only one of the two goes on
    (
        "1f25d42e0b2191e8fbe213885630e403",
        0,
        Architecture(
            heads=8, yarn_factor=4.6, sliding_window=21, global_every=2, local_theta=440.0
        ),
    ),
    # a fit stopped just short of solving it
    (
        "5964440459c84a5216ec08702d12c223",
        0,
        Architecture(
            heads=4,
            embedding_multiplier=2.6,
            block="sandwich",
            norm="layer_norm",
            score_softcap=4.8,
            rope_theta=5700.0,
            rope_factor=8.0,
            sliding_window=17,
            mlp_clamp=1.9,
        ),
    ),
]
"""Children of seeds that a search once did not solve, and why."""


def traces(architecture):
    weights, tokens, logits = build("1", 0, architecture)[0]
    return weights, tokens, logits.astype(np.float32)


def told(original, **mistakes):
    """What identification says of a port of the original with these mistakes."""
    wrong = Reading(**vars(original) | mistakes)
    calls = [Call(w, t, answer(wrong, w, t, original)) for w, t, _ in build("1", 0, original)[1:]]
    found = identify(calls, original)
    return found and {
        n: s for n, s in vars(found).items() if s != vars(Reading(**vars(original)))[n]
    }


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(heads=4),
        Architecture(heads=8, block="parallel", sliding_window=7, activation="gelu_erf"),
    ],
)
def test_the_public_files_suffice(architecture):
    found, error = recover(*traces(architecture), SETTINGS)
    assert found == architecture
    assert error < 2e-5


@pytest.mark.parametrize(("seed", "number", "architecture"), HARD)
def test_variants_that_were_not_solved_once(seed, number, architecture):
    weights, tokens, logits = build(seed, number, architecture)[0]
    found, _ = recover(weights, tokens, logits.astype(np.float32), SETTINGS)
    assert found == architecture


def test_settings_of_ranges_are_those_of_the_catalogue():
    """A fit leaves 0.39999999; what is submitted is 0.4, so that the other checkpoint is answered as well."""
    found, _ = recover(*traces(Architecture(heads=4, score_scale=0.4, logit_scale=2.1)), SETTINGS)
    assert (found.score_scale, found.logit_scale) == (0.4, 2.1)


def test_what_is_not_known_is_not_found():
    files = traces(Architecture(heads=4, rope_theta=2e3, gate_up_layout="interleaved"))
    found, error = recover(*files, [])
    assert found == Architecture(heads=found.heads)
    assert error == pytest.approx(abs(forward(*files[:2], found) - files[2]).max(), rel=1e-3)
    assert error > 1e-3


@pytest.mark.parametrize(
    "mistakes",
    [
        {"local_theta": None},
        {"sliding_window": 8},
        {"activation": "gelu_tanh", "rotary_fraction": 0.25},
        {"score_scale": 0.4123},
        {"score_scale": 2.5, "norm_eps": 1e-6, "rope_pairing": "interleaved"},
        {"block": "pre"},
        {"slip": "tiled_heads"},
        {"logit_scale": 0.37, "final_softcap": 31.7},
    ],
    ids=str,
)
def test_a_wrong_port_is_read_off(mistakes):
    assert told(EVERYWHERE, **mistakes) == pytest.approx(mistakes)


@pytest.mark.parametrize("name", ["sinks", "qkv_bias", "attention_gate"])
def test_a_parameter_that_a_port_ignores_is_read_off(name):
    assert told(Architecture(heads=4, **{name: True}), **{name: False}) == {name: False}


def test_gains_that_are_offset_twice():
    assert told(Architecture(heads=4, gain_offset=1.0), gain_offset=2.0) == {"gain_offset": 2.0}


def test_a_sandwich_without_its_post_norms():
    original = Architecture(heads=4, block="sandwich")
    assert told(original, block="pre") == {"block": "pre"}


def test_calls_of_a_checkpoint_are_looked_at_together():
    """Also where each has a dict of its own with the same parameters."""
    calls = build("1", 0, EVERYWHERE)[1:]
    copies = [Call(dict(weights), tokens, logits) for weights, tokens, logits in calls]
    for sequences, length in ((8, 1), (4, 5)):
        one, other = (Stage(each, {}, EXACT).part(sequences, length) for each in (calls, copies))
        assert one.calls[0].tokens.shape == (sequences, length)
        assert np.array_equal(one.calls[0].tokens, other.calls[0].tokens)


def test_a_right_port_has_no_mistake():
    assert told(EVERYWHERE) == {}


def test_a_port_outside_the_catalogue_is_not_named():
    def cubed(call):
        return Call(call.weights, call.tokens, call.logits + 1e-2 * call.logits**3)

    assert (
        identify([cubed(call) for call in build("1", 0, Architecture(heads=4))[1:]], EVERYWHERE)
        is None
    )


def test_a_found_architecture_becomes_one_file_for_numpy():
    weights, tokens, logits = build("1", 0, EVERYWHERE)[0]
    source = port(EVERYWHERE, "found")
    assert "scipy" not in source and "from reference" not in source
    module: dict = {}
    exec(source, module)
    assert abs(module["forward"](weights, tokens) - logits).max() < 1e-9
