"""How well the diagnosis says what failing ports compute.

    python benchmarks/diagnosis.py --ports 300

Ports with 1 to 3 mistakes of fresh variants with 1, 2, 4 and 8 departures: a departure undone, with another setting or
with a value of no menu, or one added; then the mistakes that porters are known for, alone and beside a departure that
is missed. named: all mistakes are. wrongly: something is told that the port has right or does not do. What makes no
difference is no mistake. First come the unfinished ports of tests/unfinished, against what was read from their sources.
"""

import argparse
import json
import sys
import time
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from identification.reading import Reading, answer  # noqa: E402
from identification.search import EXACT  # noqa: E402
from reference.architecture import SETTINGS, Architecture, departures  # noqa: E402
from reference.rows import Row, load  # noqa: E402
from reference.variant import Call, build  # noqa: E402
from scorers.diagnosis import explain  # noqa: E402
from scorers.reader import TOLERANCE  # noqa: E402
from scorers.silencing import silenced_calls  # noqa: E402
from variants.draw import draw_architecture  # noqa: E402
from variants.rules import conflicts  # noqa: E402

KNOWN = {  # what the original has, and what the port makes of it
    "rotary_fraction .25 for .5": ({"rotary_fraction": 0.5}, {"rotary_fraction": 0.25}),
    "tanh GELU for the exact one": ({"activation": "gelu_erf"}, {"activation": "gelu_tanh"}),
    "window of W + 1 keys": ({"sliding_window": 9}, {"sliding_window": 10}),
    "gains as 2 + w": ({"gain_offset": 1.0}, {"gain_offset": 2.0}),
    "logits divided by s": ({"logit_scale": 0.4}, {"logit_scale": 2.5}),
    "interleaved pairs for halves": ({}, {"rope_pairing": "interleaved"}),
    "parallel block as serial": ({"block": "parallel"}, {"block": "pre"}),
    "sandwich without post norms": ({"block": "sandwich"}, {"block": "pre"}),
    "b_head ignored": ({"sinks": True}, {"sinks": False}),
    "b_qkv ignored": ({"qkv_bias": True}, {"qkv_bias": False}),
    "w_gate ignored": ({"attention_gate": True}, {"attention_gate": False}),
    "query head h reads KV head h % KV": ({}, {"slip": "tiled_heads"}),
}


def mistake(random: np.random.Generator, original: Reading) -> dict:
    """A change of one choice: undone, another setting, a value of no menu, or added."""
    hidden = [*departures(original)]
    name = str(random.choice(hidden if random.random() < 0.75 else [*SETTINGS]))
    baseline, *others = SETTINGS[name]
    setting, kind = getattr(original, name), random.integers(3)
    if name not in hidden or kind == 1:
        return {name: others[random.integers(len(others))]}
    if kind == 2 and type(setting) is int:
        return {name: setting + random.choice([-1, 1]).item()}
    if kind == 2 and type(setting) is float and setting:
        near = [1.03 * setting, 1 / setting if 0.05 < setting < 20 else 2 * setting]
        return {name: near[random.integers(2)]}
    return {name: baseline}


def attempt(job: tuple[int, int, str]) -> dict:
    """One port, made and diagnosed. The last of the job is a known mistake or, if empty, 1 to 3 random ones."""
    number, count, known = job
    random = np.random.default_rng([number, count, *known.encode()])
    while True:
        original = Reading(**vars(draw_architecture(random, count)))
        has, wrong = KNOWN.get(known, ({}, {}))
        original, mistakes = Reading(**vars(original) | has), dict(wrong)
        for _ in range(number % 2 if known else 1 + number % 3):
            mistakes |= {n: s for n, s in mistake(random, original).items() if n not in mistakes}
        port = Reading(**vars(original) | mistakes)
        calls = build(f"{random.integers(2**62):x}", 0, original)[1:]
        mistakes = {n for n in mistakes if shows(calls, original, port, n)}
        if mistakes and not conflicts(original) and (not known or mistakes >= wrong.keys()):
            break
    silenced = [call for pair in silenced_calls(original, calls).values() for call in pair]
    logits = [
        np.concatenate([answer(port, w, t, original).ravel() for w, t, _ in asked])
        for asked in (calls, silenced)
    ]
    start = time.process_time()
    told = explain(Architecture(**true_fields(original)), calls, *logits)
    seconds = time.process_time() - start
    named = {*told.missed, *told.other_value, *told.added}
    hidden = departures(original).keys()
    return {
        "port": known or "1 to 3 random mistakes",
        "beside": "a missed departure" if known and number % 2 else "",
        "departures": 3 if known else count,
        "named": mistakes <= named,
        "wrongly missed": bool((named - mistakes) & hidden),
        "wrongly added": bool(named - mistakes - hidden),
        "wrongly found": bool(mistakes & {*told.found}),
        "seconds": seconds,
        "what": f"{original}|{port}|{mistakes}|{told}",
    }


def true_fields(original: Reading) -> dict:
    return {name: value for name, value in vars(original).items() if name != "slip"}


def shows(calls: list[Call], original: Reading, port: Reading, name: str) -> bool:
    """Does the port answer otherwise if this mistake is mended? No, if it cannot be made."""
    mended = Reading(**vars(port) | {name: getattr(original, name)})
    try:
        pairs = [[answer(one, w, t, original) for one in (port, mended)] for w, t, _ in calls[8:]]
    except (KeyError, ValueError):
        return False
    return max(abs(one - other).max() for one, other in pairs) > EXACT


def unfinished(number: int) -> dict:
    """What is told of an unfinished port, beside what its source says."""
    folder = ROOT / "tests/unfinished"
    row = Row(**json.loads((folder / "rows.jsonl").read_text().splitlines()[number]))
    original, calls, port = Architecture(**row.architecture), load(row)[1:], dict[str, object]()
    exec((folder / f"{number:02d}.py").read_text(), port)
    silenced = [call for pair in silenced_calls(original, calls).values() for call in pair]
    logits = [
        np.concatenate([port["forward"](w, t).ravel() for w, t, _ in asked])
        for asked in (calls, silenced)
    ]
    truth = np.concatenate([call.logits.ravel() for call in calls])
    if abs(logits[0] - truth).max() <= TOLERANCE:
        return {"port": number, "reason": "passed"}
    told = explain(original, calls, *logits)
    by_hand = json.loads((folder / "told.json").read_text())[f"{number:02d}"]
    settled = dict.fromkeys(told.found, "found") | dict.fromkeys(told.missed, "missed")
    settled |= dict.fromkeys(told.other_value, "other")
    against = [
        n for n, said in settled.items() if said not in by_hand[n] and by_hand[n] != "unclear"
    ]
    against += [names for names in told.one_of if {by_hand[n] for n in names} == {"found"}]
    return {
        "port": number,
        "reason": told.reason,
        "departures": row.departures,
        "settled": len([*told.found, *told.missed, *told.other_value]),
        "found": len(told.found),
        "contradicted": against or "",
        "right": ", ".join(told.right),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ports", type=int, default=300, help="random ones")
    parser.add_argument("--known", type=int, default=20, help="of each known mistake")
    parser.add_argument("--out", help="a CSV of every port")
    arguments = parser.parse_args()
    jobs = [(number, (1, 2, 4, 8)[number // 3 % 4], "") for number in range(arguments.ports)]
    jobs += [(number, 3, known) for known in KNOWN for number in range(arguments.known)]
    with Pool() as pool:
        left = pd.DataFrame(pool.map(unfinished, range(24), 1))
        print(left.fillna("").to_string(index=False))
        print(f"settled {left['settled'].sum():.0f} of {left['departures'].sum():.0f}", flush=True)
        ports = pd.DataFrame(pool.map(attempt, jobs, 1))
    rates = ["named", "wrongly missed", "wrongly added", "wrongly found"]
    told = ports.groupby(["port", "beside", "departures"], sort=False)
    table = told[rates].mean().assign(ports=told.size(), seconds=told["seconds"].median())
    print(table.round(2).to_string())
    random = ports[ports["port"].str.contains("random")]
    print(random[rates].mean().round(3).to_string())
    print(f"median seconds {ports['seconds'].median():.2f}, longest {ports['seconds'].max():.1f}")
    if arguments.out:
        ports.to_csv(arguments.out)


if __name__ == "__main__":
    main()
