"""What missing one choice does to a port: where the error starts, and how large it is.

    python benchmarks/fingerprints.py        # writes docs/fingerprints.png

Each choice departs alone, with what it requires, in 20 variants; the port lacks it. A cell of the
picture is the median, over these variants, of the worst error at that position of the traces.
"""

import secrets
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from reference.architecture import SETTINGS
from reference.transformer import forward
from reference.variant import build
from scorers.parity import TOLERANCE
from variants.draw import with_departures, with_what_it_requires
from variants.ports import with_block


def error(name: str, random: np.random.Generator) -> np.ndarray:
    """Worst error at each position, (48,), in a fresh variant."""
    architecture = with_departures(random, with_what_it_requires(random, name, []))
    weights, tokens, logits = build(secrets.token_hex(16), 0, architecture)[0]
    port = replace(architecture, **{name: SETTINGS[name][0]})
    answer = forward(with_block(weights, architecture.block, port.block), tokens, port)
    return abs(answer - logits).max((0, 2))


if __name__ == "__main__":
    random = np.random.default_rng()
    errors = {name: np.median([error(name, random) for _ in range(20)], 0) for name in SETTINGS}
    order = sorted(errors, key=lambda name: ((errors[name] > TOLERANCE).argmax(), -errors[name][0]))
    plt.figure(figsize=(9, 8), layout="constrained")
    table = np.ma.masked_less([errors[name] for name in order], TOLERANCE)  # right is white
    plt.imshow(table, norm="log", vmin=0.1, vmax=40, aspect="auto", cmap="viridis_r")
    plt.colorbar(label="worst absolute error of a logit; white: within the tolerance")
    plt.yticks(range(len(order)), order, fontsize=8)
    plt.xlabel("position in the sequence")
    plt.title("Error of a port that misses one choice")
    plt.savefig(Path(__file__).parents[1] / "docs/fingerprints.png", dpi=110, facecolor="white")
