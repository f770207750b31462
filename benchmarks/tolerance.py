"""Where the tolerance comes from: the error of honest float32 ports against that of the nearest wrong port.

    python benchmarks/tolerance.py --variants 200

Variants have 2, 4, 6 and 8 departures in turn, certified or not. The float32 port is the reference with every
array in float32; its error is the worst over traces and probes. The nearest wrong port is the one among
build_dataset.changes() that is least off on the traces.
"""

import argparse
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_dataset import HONEST, LADDER, MARGIN, changes, draw, float32_error  # noqa: E402
from reference.transformer import forward  # noqa: E402
from reference.variants import build  # noqa: E402
from scorers.parity import TOLERANCE  # noqa: E402


def distances(seed: int) -> tuple[float, float]:
    """Worst error of the float32 port; error on the traces of the nearest wrong port."""
    a = draw(seed, LADDER[seed % len(LADDER)])
    calls = build(seed, a)
    wrong = [error for b in changes(a, calls[0][0]) if (error := off(b, calls[0])) is not None]
    return float32_error(a, calls), min(wrong)


def off(port, call) -> float | None:
    """Worst error of a port on the first two traces, on all where that is small; None if it does not run."""
    weights, tokens, logits = call
    try:
        with np.errstate(all="ignore"):
            few = float(abs(forward(weights, tokens[:2], port) - logits[:2]).max())
            return few if few > 0.1 else float(abs(forward(weights, tokens, port) - logits).max())
    except (KeyError, ValueError):
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=200)
    count = parser.parse_args().variants
    with Pool() as pool:
        found = list(track(pool.imap_unordered(distances, range(count)), total=count))
    honest, wrong = np.array(found).T
    certified = (wrong >= MARGIN) & (honest <= HONEST)
    rows = {
        "variants drawn": f"{count}",
        "certified": f"{certified.mean():.1%}",
        "float32 port, all: median, worst": f"{np.median(honest):.1e}, {honest.max():.1e}",
        "float32 port, certified: worst": f"{honest[certified].max():.1e}",
        "tolerance": f"{TOLERANCE:.1e}",
        "nearest wrong port, certified: least": f"{wrong[certified].min():.1e}",
        "nearest wrong port, certified: median": f"{np.median(wrong[certified]):.1e}",
    }
    for name, value in rows.items():
        print(f"{name:40}{value}")


if __name__ == "__main__":
    main()
