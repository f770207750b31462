"""How often the search of baselines/ passes a dataset in the long run, computed from what it knows.

python tests/true_rates.py calibration/dataset.jsonl --knowledge 0.65 --spread 1.5
"""

import argparse
import sys
from math import prod
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.search import shares
from difficulty.choose import BAND
from guards.arguments import read_rows

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--knowledge", type=float, default=0.8)
    parser.add_argument("--spread", type=float, default=1.5)
    options = parser.parse_args()
    known = shares(options.knowledge, options.spread) | {"heads": 1}
    rates = [prod(known[name] for name in row.architecture) for row in read_rows(options.dataset)]
    inside = sum(BAND[0] <= rate <= BAND[1] for rate in rates)
    print(f"true rate {mean(rates):.0%}; in the band: {inside} of {len(rates)} variants")
