"""How well identification reads off what a failing port computes, from its answers to the graded calls.

    python benchmarks/identification.py --ports 300

Ports with 1 to 3 mistakes of fresh variants with 1, 2, 4 and 8 departures: a departure undone, with another setting or
with a value of no menu, or one added. Then the mistakes that porters are known for, alone and beside a departure that
is missed. A port is named if all its mistakes are, and nothing else; what makes no difference is no mistake.
"""

import argparse
import sys
import time
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from identification.reading import Reading, answer
from identification.search import EXACT, identify
from reference.architecture import SETTINGS, departures
from reference.variant import Call, build
from variants.draw import draw_architecture
from variants.rules import conflicts

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
        divides = name.endswith(("scale", "factor", "multiplier"))
        near = [1.03 * setting, 1 / setting if divides else 2 * setting]
        return {name: near[random.integers(2)]}
    return {name: baseline}


def attempt(job: tuple[int, int, str]) -> dict:
    """One port, made and identified. The last of the job is a known mistake or, if empty, 1 to 3 random ones."""
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
        if {broken.split()[0] for broken in conflicts(port)} & mistakes.keys():
            continue  # it would stand for something simpler
        mistakes = {n for n in mistakes if shows(calls, original, port, n)}
        if mistakes and not conflicts(original) and (not known or mistakes >= wrong.keys()):
            break
    answers = [Call(w, t, answer(port, w, t, original)) for w, t, _ in calls]
    start = time.process_time()
    found = identify(answers, original)
    seconds = time.process_time() - start
    named = {n for n, s in vars(found or original).items() if s != getattr(original, n)}
    return {
        "port": known or "1 to 3 random mistakes",
        "beside": "a missed departure" if known and number % 2 else "",
        "departures": 3 if known else count,
        "named": named == mistakes,
        "not identified": not found,
        "wrongly missed": bool((named - mistakes) & departures(original).keys()),
        "seconds": seconds,
        "what": f"{original}|{port}|{mistakes}|{named}",
    }


def shows(calls: list[Call], original: Reading, port: Reading, name: str) -> bool:
    """Does the port answer otherwise if this mistake is mended? No, if it cannot be made."""
    mended = Reading(**vars(port) | {name: getattr(original, name)})
    try:
        pairs = [[answer(one, w, t, original) for one in (port, mended)] for w, t, _ in calls[8:]]
    except (KeyError, ValueError):
        return False
    return max(abs(one - other).max() for one, other in pairs) > EXACT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ports", type=int, default=300, help="random ones; and 20 of each known")
    count = parser.parse_args().ports
    jobs = [(number, (1, 2, 4, 8)[number // 3 % 4], "") for number in range(count)]
    jobs += [(number, 3, known) for known in KNOWN for number in range(20)]
    with Pool() as pool:
        ports = pd.DataFrame(pool.map(attempt, jobs, 1))
    told = ports.groupby(["port", "beside", "departures"], sort=False)
    rates = told[["named", "not identified", "wrongly missed"]].mean()
    print(rates.assign(ports=told.size(), seconds=told["seconds"].median()).round(2).to_string())
    random = ports[ports["port"].str.contains("random")]
    print(random[["named", "not identified", "wrongly missed"]].mean().round(3).to_string())
    print(f"median seconds {ports['seconds'].median():.2f}, longest {ports['seconds'].max():.1f}")


if __name__ == "__main__":
    main()
