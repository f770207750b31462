"""What a lost config can hide: one field per choice, Llama's setting as the baseline.

A departure is a field that differs from its baseline. Where the settings are a range, they are all of its
numbers of two significant digits, or whole numbers: such a value must be fitted, it cannot be picked from a
menu. Each docstring says which models made the choice; <model> can be read in Hugging Face transformers 5.23,
models/<model>/modeling_<model>.py and configuration_<model>.py, other places are named. Every choice is
tested against a model of transformers (tests/test_transformers.py), unless its docstring says it is not.
"""

from dataclasses import dataclass, field, fields
from math import inf


def choice(baseline, *others):
    return field(default=baseline, metadata={"settings": (baseline, *others)})


def two_digits(lo, hi):
    return [n for e in range(-9, 9) for d in range(10, 100) if lo <= (n := float(f"{d}e{e}")) <= hi]


@dataclass(frozen=True)
class Architecture:
    heads: int
    """Query heads. Lost in every variant, so no departure; head size and KV heads follow from the shapes."""
    embedding_multiplier: float = choice(1.0, *two_digits(1.5, 20))
    """x = c E[t]. granite 12, minicpm3 `scale_emb` 12, gemma sqrt(d)."""
    residual_multiplier: float = choice(1.0, *two_digits(0.15, 0.7))
    """x + r f(x), both branches, after a norm of the branch. granite 0.22, minicpm3 1.4 / sqrt(layers)."""
    block: str = choice("pre", "post", "sandwich", "parallel", "parallel_two_norms")
    """Where norms stand. post: olmo2, exaone4. sandwich: gemma2, glm4. parallel: cohere, gptj, phi.
    parallel_two_norms: gpt_neox."""
    norm: str = choice("rms", "layer_norm")
    """Every norm of the model is an RMSNorm, or a LayerNorm without bias: cohere, dbrx, mpt."""
    gain_offset: float = choice(0.0, 1.0)
    """norm(x) (w + offset). 1: gemma, gemma2, gemma3, qwen3_next, nemotron."""
    norm_eps: float = choice(1e-6, *two_digits(5e-6, 2e-4))
    """Added to the mean square under the root. olmo2, cohere, gpt_oss 1e-5; glm 1.5625e-7."""
    qkv_layout: str = choice("q_k_v", "per_group", "per_group_interleaved")
    """Rows of the fused projection. q_k_v: phi3. per_group, for each KV head [its q heads, k, v]: falcon
    (40B), and gpt_neox and bloom, where a group is one head. per_group_interleaved, the same with q, k, v
    innermost: checkpoints of Megatron-LM, format 1.0 (convert_megatron_gpt2_checkpoint.py in the repository of
    transformers); not tested against a model, as transformers only converts it."""
    qkv_clip: float = choice(inf, *two_digits(1.0, 2.5))
    """q, k, v clipped to +-c as projected. olmo, dbrx, mpt `clip_qkv`."""
    qk_norm: str | None = choice(None, "head", "head_after_rope", "no_gain")
    """Norm of each head of q and k. head: qwen3, gemma3. head_after_rope: hunyuan_v1_dense. no_gain, where
    the checkpoint has no gains: llama4, nanochat; after RoPE, but an RMSNorm and a rotation commute."""
    v_norm: bool = choice(False, True)
    """Norm of each head of v, without gain: gemma3n, gemma4."""
    score_scale: float = choice(1.0, *two_digits(0.25, 0.7), *two_digits(1.4, 3.0))
    """Scores are s q.k / sqrt(head size). gemma2 sqrt(head size / `query_pre_attn_scalar`), granite."""
    inverse_layer_scale: bool = choice(False, True)
    """Scores of layer i divided by i + 1: gpt2 `scale_attn_by_inverse_layer_idx`."""
    score_softcap: float | None = choice(None, *two_digits(1.0, 6.0))
    """c tanh(score / c), after scaling, before the mask. gemma2 50."""
    sinks: bool = choice(False, True)
    """A learned logit per head joins the softmax and takes its share of it: gpt_oss."""
    alibi: bool = choice(False, True)
    """No rotation; score - 2^(-8 (h + 1) / heads) (query - key) for head h: bloom, mpt."""
    rope_pairing: str = choice("half", "interleaved")
    """Dimension j turns with j + width / 2; or 2 j with 2 j + 1: gptj, cohere, glm, llama4."""
    rope_theta: float = choice(1e4, *two_digits(1e3, 1e6))
    """Base of the frequencies. cohere 5e5, gpt_oss 1.5e5, smollm3 2e6."""
    rotary_fraction: float = choice(1.0, 0.5, 0.25)
    """Only this share of each head turns. 0.25: gpt_neox, stablelm; 0.5: phi, glm, nemotron."""
    rope_factor: float = choice(1.0, *two_digits(1.5, 8.0))
    """Angles divided by f, linear scaling: llama `rope_type` linear; gemma3 8, but only on global layers."""
    nope_every: float = choice(inf, 2, 3)
    """Layers i with (i + 1) % n = 0 do not rotate. 4: smollm3, llama4."""
    sliding_window: float = choice(inf, *range(5, 25))
    """A query sees W keys, itself included. mistral, gemma2 4096; gpt_oss 128."""
    global_every: float = choice(inf, 2, 3)
    """Layers i with (i + 1) % n = 0 have no window. 2: gemma2, gpt_oss; 4: cohere2, olmo3; 6: gemma3."""
    local_theta: float | None = choice(None, *two_digits(1e2, 1e5))
    """Another rope_theta on layers with a window. gemma3 1e4 against 1e6."""
    gate_up_layout: str = choice("gate_up", "up_gate", "interleaved")
    """Rows of the fused MLP input. gate_up: phi3, glm. up_gate: moonshine. interleaved: gpt_oss."""
    activation: str = choice("silu", "gelu_tanh", "gelu_erf", "quick_gelu", "relu_squared")
    """gelu_tanh: gemma, gpt2. gelu_erf: gpt_neox, falcon. quick_gelu: imagegpt. relu_squared: nemotron."""
    swiglu_clamp: float | None = choice(None, *two_digits(0.7, 2.5))
    """g = min(gate, c), u = clip(up, +-c), then g sigmoid(1.702 g) (u + 1): gpt_oss 7."""
    logit_scale: float = choice(1.0, *two_digits(0.2, 0.7), *two_digits(1.5, 5.0))
    """s z. cohere `logit_scale` 0.0625; granite divides by `logits_scaling`."""
    final_softcap: float | None = choice(None, *two_digits(3.0, 20.0))
    """c tanh(z / c), after the scale, as muse_glimmer has both. gemma2, gemma3n 30; nanochat 15."""


SETTINGS = {f.name: f.metadata["settings"] for f in fields(Architecture) if f.metadata}
"""Choice -> its settings, the baseline first."""


def departures(a: Architecture) -> dict:
    """Choice -> setting, of every choice that is not at its baseline."""
    return {name: getattr(a, name) for name in SETTINGS if getattr(a, name) != SETTINGS[name][0]}
