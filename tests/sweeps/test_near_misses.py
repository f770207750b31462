"""Every wrong port that the certificate told apart on the traces fails the grade, and no port in single precision does.

pytest tests/sweeps/test_near_misses.py --sweep --count 250 -s      # variants with 1, 2, 4 and 8 departures each
"""

import pandas as pd

from reference.architecture import Architecture
from reference.rows import load
from scorers.parity import TOLERANCE
from tests.sweeps.conftest import fresh_row, in_parallel
from variants.certificate import changes, distance, single_precision_error


def measure(departures: int) -> dict:
    """Of one variant: its wrong ports, how many pass, the nearest one's error, and the honest port's."""
    row = fresh_row(departures)
    architecture, (_, *probes) = Architecture(**row.architecture), load(row)
    worst: dict[int, float] = {}
    for call in sorted(probes, key=lambda call: -call.tokens.size):  # the longest tells most
        for number, port in enumerate(changes(architecture, call.weights)):
            if worst.get(number, 0) < 1:  # what is that far off is not the nearest
                worst[number] = max(worst.get(number, 0), distance(port, call))
    return {
        "departures": departures,
        "wrong ports": len(worst),
        "pass": sum(error <= TOLERANCE for error in worst.values()),
        "nearest": min(worst.values()),
        "honest": single_precision_error(architecture, probes),
    }


def test_near_misses_fail_and_single_precision_passes(of_each):
    jobs = [departures for departures in (8, 4, 2, 1) for _ in range(of_each)]
    variants = pd.DataFrame(in_parallel(measure, jobs))
    table = {
        departures: {
            "variants": len(group),
            "wrong ports": group["wrong ports"].sum(),
            "of them pass": group["pass"].sum(),
            "nearest: least": f"{group['nearest'].min():.1e}",
            "median": f"{group['nearest'].median():.1e}",
            "single precision fails": (group["honest"] > TOLERANCE).sum(),
            "its worst error": f"{group['honest'].max():.1e}",
        }
        for departures, group in [*variants.groupby("departures"), ("all", variants)]
    }
    print(pd.DataFrame(table).T.to_string())
    assert (variants["wrong ports"] > 0).all()
    assert variants["pass"].sum() == 0
    assert (variants["honest"] <= TOLERANCE).all()
