"""Which departures go together. What is ruled out computes the same as something simpler, or no model settles it."""

from reference.architecture import Architecture, departures

FACTORS = ("rope_factor", "llama3_factor", "yarn_factor")
REQUIRES = {
    "global_every": [{"sliding_window"}],  # without a window all layers are global
    "local_theta": [{"global_every"}],  # without a global layer it is another rope_theta
    "scaled_layers": [{"global_every"}, {*FACTORS}],
    "pattern_first": [{"global_every", "nope_every"}],
}
"""Choice -> sets; it departs only if one choice of each set departs, too."""
EXCLUDES = {
    "embedding_multiplier": {"residual_multiplier"},  # in most blocks, little but their ratio shows
    "qkv_clip": {"qk_norm", "v_norm", "value_scale"},  # models differ on which comes first
    "value_scale": {"v_norm"},  # the same
    "rope_factor": {"llama3_factor", "yarn_factor"},  # one scaling
    "llama3_factor": {"yarn_factor"},
    "nope_every": {"local_theta", "scaled_layers"},  # global layers that do not turn show neither
}
"""Choice -> those that do not depart together with it."""


def conflicts(architecture: Architecture) -> list[str]:
    """The rules that this combination of departures breaks, in words."""
    names = departures(architecture).keys()
    broken = []
    if architecture.qk_norm == "no_gain" and names & {"norm", "yarn_factor"}:
        broken.append("qk_norm no_gain with norm or yarn_factor")  # before RoPE, or after?
    for name in names:
        broken += [f"{name} with {other}" for other in sorted(EXCLUDES.get(name, set()) & names)]
        for needed in REQUIRES.get(name, []):
            if not needed & names:
                broken.append(f"{name} without {' or '.join(sorted(needed))}")
    return broken
