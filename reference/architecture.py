"""What a lost config can hide: one field per choice, with Llama's setting as the baseline.

A departure is a field that differs from its baseline. Each field has a rarity among published models, then its
settings. A setting from a range (all numbers of two significant digits, or whole numbers) must be fitted: it cannot
be picked from a menu. The docstrings name models that made the choice: <model> can be read in Hugging Face
transformers 5.23, models/<model>/modeling_<model>.py. A value is the default of configuration_<model>.py or stands in
the config.json of a published checkpoint. Every choice is tested against a whole model of transformers
(tests/test_transformers.py).
"""

from dataclasses import dataclass, field, fields

HEADS = (4, 8)
ORIGINAL_CONTEXT = 32
"""Positions that the model was first trained on; llama3_factor and yarn_factor extend that."""


def choice(rarity, baseline, *settings):
    return field(default=baseline, metadata={"rarity": rarity, "settings": settings})


def two_digits(low, high):
    """All numbers of two significant digits in [low, high]."""
    numbers = [float(f"{digits}e{power}") for power in range(-9, 9) for digits in range(10, 100)]
    return [number for number in numbers if low <= number <= high]


@dataclass(frozen=True)
class Architecture:
    heads: int
    """Query heads. Lost in every variant, so no departure; head size and KV heads follow from the shapes."""
    embedding_multiplier: float = choice("uncommon", 1.0, *two_digits(1.5, 20))
    """x = c E[t]. granite 12, minicpm3 `scale_emb` 12, gemma sqrt(d)."""
    residual_multiplier: float = choice("uncommon", 1.0, *two_digits(0.15, 0.7))
    """x + r f(x), both branches, after a norm of the branch. granite 0.22, minicpm3 1.4 / sqrt(layers)."""
    block: str = choice("uncommon", "pre", "post", "sandwich", "parallel", "parallel_two_norms")
    """Where norms stand. post: olmo2, exaone4. sandwich: gemma2, glm4. parallel: cohere, gptj, phi.
    parallel_two_norms: gpt_neox."""
    norm: str = choice("uncommon", "rms", "layer_norm")
    """Every norm of the model is an RMSNorm, or a LayerNorm without bias: cohere, dbrx, mpt."""
    gain_offset: float = choice("uncommon", 0.0, 1.0)
    """norm(x) (w + offset). 1: gemma, gemma2, gemma3, qwen3_next, nemotron."""
    norm_eps: float = choice("common", 1e-6, *two_digits(1e-5, 2e-4))
    """Added to the mean square under the root. olmo2, cohere, gpt_oss 1e-5; glm 1.5625e-7."""
    qkv_layout: str = choice("uncommon", "q_k_v", "per_group")
    """Rows of the fused projection. q_k_v: phi3. per_group, for each KV head [its q heads, k, v]: falcon
    (40B), and gpt_neox and bloom, where a group is one head."""
    qkv_bias: bool = choice("common", False, True)
    """A bias on q, k and v, none on the output projection: qwen2, seed_oss."""
    qkv_clip: float | None = choice("rare", None, *two_digits(1.0, 2.5))
    """q, k, v clipped to +-c as projected. olmo, dbrx, mpt `clip_qkv`."""
    qk_norm: str | None = choice("common", None, "head", "all_heads", "head_after_rope", "no_gain")
    """Norm of q and k. head, of each: qwen3, gemma3. all_heads, of all together: olmo2, olmo3. head_after_rope:
    hunyuan_v1_dense. no_gain, of each head, where the checkpoint has no gains: muse_glimmer; llama4 and nanochat
    after RoPE, where an RMSNorm gives the same, as a rotation keeps lengths."""
    v_norm: bool = choice("rare", False, True)
    """Norm of each head of v, without gain: gemma3n, gemma4."""
    value_scale: float = choice("rare", 1.0, *two_digits(0.4, 0.8), *two_digits(1.3, 2.0))
    """c v. mimo_v2_flash `attention_value_scale` 0.707."""
    score_scale: float = choice("uncommon", 1.0, *two_digits(0.25, 0.7), *two_digits(1.4, 3.0))
    """Scores are s q.k / sqrt(head size). gemma2 sqrt(head size / `query_pre_attn_scalar`), granite."""
    inverse_layer_scale: bool = choice("rare", False, True)
    """Scores of layer i divided by i + 1: gpt2 `scale_attn_by_inverse_layer_idx`."""
    temperature_interval: int | None = choice("uncommon", None, *range(4, 17))
    """q (1 + 0.1 ln(1 + floor(position / n))): ministral3, mistral4; llama4 on NoPE layers, position + 1."""
    score_softcap: float | None = choice("uncommon", None, *two_digits(1.0, 6.0))
    """c tanh(score / c), after scaling, before the mask. gemma2 50."""
    sinks: bool = choice("uncommon", False, True)
    """A learned logit per head joins the softmax and takes its share of it: gpt_oss, mimo_v2_flash, granite_swa."""
    attention_gate: bool = choice("uncommon", False, True)
    """Attention's output times sigmoid(W x), before the output projection: qwen3_next, afmoe."""
    rope_pairing: str = choice("common", "half", "interleaved")
    """Dimension j turns with j + width / 2; or 2 j with 2 j + 1: gptj, cohere, glm, llama4."""
    rope_reversed: bool = choice("rare", False, True)
    """Turns by minus the angle: nanochat."""
    rope_theta: float = choice("common", 1e4, *two_digits(1e3, 9.9e3), *two_digits(1.1e4, 1e6))
    """Base of the frequencies. cohere 5e5, gpt_oss 1.5e5, smollm3 2e6."""
    rotary_fraction: float = choice("uncommon", 1.0, 0.5, 0.25)
    """Only this share of each head turns. 0.25: gpt_neox, stablelm; 0.5: phi, glm, nemotron."""
    rope_factor: float = choice("uncommon", 1.0, *two_digits(1.5, 8.0))
    """Frequencies divided by f, linear scaling: llama `rope_type` linear; gemma3 8, only on global layers."""
    llama3_factor: float | None = choice("common", None, *two_digits(2.0, 16.0))
    """The same where a pair turns less than once in ORIGINAL_CONTEXT; not where it turns more than 4 times; a
    mixture between: llama (3.1 and later) 8, apertus 8."""
    yarn_factor: float | None = choice("common", None, *two_digits(2.0, 32.0))
    """The same, but mixed by pair index, from one turn to 32 in ORIGINAL_CONTEXT, and cos and sin times
    1 + 0.1 ln f (YaRN): olmo3 8; gpt_oss 32, its ends of the ramp not rounded; ministral3 16, whose `mscale` leaves
    cos and sin as they are."""
    scaled_layers: str = choice("uncommon", "all", "global")
    """The layers that these factors apply to. global, those without a window: gemma3, olmo3."""
    nope_every: int | None = choice("uncommon", None, 2, 3)
    """Layers i with (i + 1) % n = 0 do not rotate. 4: smollm3, llama4."""
    sliding_window: int | None = choice("common", None, *range(5, 25))
    """A query sees W keys, itself included. mistral, gemma2 4096; gpt_oss 128."""
    global_every: int | None = choice("common", None, 2, 3)
    """Layers i with (i + 1) % n = 0 have no window. 2: gemma2, gpt_oss; 4: cohere2, olmo3; 6: gemma3."""
    pattern_first: bool = choice("uncommon", False, True)
    """The layers of nope_every and global_every are those with i % n = 0: cwm, granite_swa, modernbert_decoder."""
    local_theta: float | None = choice("uncommon", None, *two_digits(1e2, 1e5))
    """Another rope_theta on layers with a window. gemma3 1e4 against 1e6."""
    gate_up_layout: str = choice("uncommon", "gate_up", "up_gate", "interleaved")
    """Rows of the fused MLP input. gate_up: phi3, glm. up_gate: moonshine. interleaved: gpt_oss."""
    activation: str = choice(
        "common", "silu", "gelu_tanh", "gelu_erf", "quick_gelu", "relu_squared"
    )
    """gelu_tanh: gemma, gpt2. gelu_erf: gpt_neox, falcon. quick_gelu: gpt_oss, minimax_m3_vl. relu_squared: nemotron."""
    mlp_clamp: float | None = choice("uncommon", None, *two_digits(0.7, 2.5))
    """g = min(gate, c), before the activation, and u = clip(up, +-c): gpt_oss and minimax_m3_vl 7, deepseek_v4 10."""
    up_offset: float = choice("rare", 0.0, 1.0)
    """activation(g) (u + offset). 1: gpt_oss, minimax_m3_vl."""
    logit_scale: float = choice("uncommon", 1.0, *two_digits(0.2, 0.7), *two_digits(1.5, 5.0))
    """s z. cohere `logit_scale` 0.0625; granite divides by `logits_scaling`."""
    final_softcap: float | None = choice("uncommon", None, *two_digits(3.0, 20.0))
    """c tanh(z / c), after the scale, as muse_glimmer has both. gemma2, gemma3n 30; nanochat 15."""


CHOICES = fields(Architecture)[1:]
SETTINGS = {choice.name: (choice.default, *choice.metadata["settings"]) for choice in CHOICES}
"""Choice -> its settings, the baseline first."""
RARITY = {choice.name: choice.metadata["rarity"] for choice in CHOICES}
"""Choice -> "common", "uncommon" or "rare" among published models."""


def departures(architecture: Architecture) -> dict:
    """Choice -> setting, of every choice that is not at its baseline."""
    settings = {name: getattr(architecture, name) for name in SETTINGS}
    return {name: setting for name, setting in settings.items() if setting != SETTINGS[name][0]}
