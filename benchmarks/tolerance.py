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
from types import ModuleType

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_dataset import LADDER, MARGIN, changes, draw  # noqa: E402
from reference.transformer import forward  # noqa: E402
from reference.variants import build  # noqa: E402
from scorers.parity import TOLERANCE  # noqa: E402

IN_FLOAT32 = {  # what would make an array of the reference float64
    "np.float64": "np.float32",
    "np.arange(": "arange(",
    "np.sqrt(2 / np.pi)": repr(float(np.sqrt(2 / np.pi))),
    "np.sqrt(2)": repr(float(np.sqrt(2))),
}


def float32_forward():
    """forward() of the reference, in float32 throughout."""
    source = (ROOT / "reference" / "transformer.py").read_text()
    for double, single in IN_FLOAT32.items():
        source = source.replace(double, single)
    port = ModuleType("float32_port")
    port.__dict__["arange"] = lambda *bounds: np.arange(*bounds, dtype=np.float32)
    exec(source, port.__dict__)
    return port.forward


def distances(seed: int) -> tuple[float, float]:
    """Worst error of the float32 port; error on the traces of the nearest wrong port."""
    a = draw(seed, LADDER[seed % len(LADDER)])
    port, calls = float32_forward(), build(seed, a)
    honest = [port(weights, tokens, a) for weights, tokens, _ in calls]
    assert all(logits.dtype == np.float32 for logits in honest)
    wrong = [error for b in changes(a, calls[0][0]) if (error := off(b, calls[0])) is not None]
    return max(float(abs(z - truth).max()) for z, (_, _, truth) in zip(honest, calls)), min(wrong)


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
    print(f"variants                          {count}")
    print(f"float32 port, median and worst    {np.median(honest):.1e} {honest.max():.1e}")
    print(f"tolerance                         {TOLERANCE:.1e}")
    print(f"margin of the certificate         {MARGIN:.1e}")
    print(f"certified                         {(wrong >= MARGIN).mean():.1%}")
    certified = wrong[wrong >= MARGIN]
    print(
        f"nearest wrong port, if certified  {certified.min():.1e} (median {np.median(certified):.1e})"
    )


if __name__ == "__main__":
    main()
