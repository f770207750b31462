"""Writes certified variants as rows of a dataset: the dataset of the task, or a larger one to train on.

    python build_dataset.py --departures 2 4 --count 100 --out train.jsonl
    python build_dataset.py --ladder --seed ... --out dataset.jsonl
    python build_dataset.py --like logs --rate 0.25 --count 1000 --out train.jsonl

The last one draws variants that the model of these logs should pass with about that rate. The seed is printed and kept
in each row. Without --seed it is fresh, and nobody else has the dataset.
"""

import argparse
import re
import secrets
import sys
from collections.abc import Collection, Iterator
from itertools import chain, count, islice
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from rich.progress import track

from difficulty.choose import MOST_DEPARTURES, candidates, near
from difficulty.find_rates import fit
from reference.architecture import RARITY, SETTINGS, Architecture, departures
from reference.rows import Row, load
from variants.certificate import certified_row, is_silent, shows_at_position_0

COMMON, UNCOMMON = {"common"}, {"common", "uncommon"}
LADDER = {1: COMMON, 2: UNCOMMON, 4: UNCOMMON, 8: {*RARITY.values()}}
"""Departures of the four rows of the task's own dataset, and how common they are: of each kind, one at least."""


def certified_rows(pool, seed: str, *kinds: tuple[int, Collection[str]]) -> Iterator[Row]:
    """Rows of these kinds in turn, without end, in the order of their numbers. A kind: how many departures, of which."""
    for start in count(kinds[0][0] * 10**6, 8):  # a range of its own for each count of departures
        jobs = [(seed, number, *kinds[number % len(kinds)]) for number in range(start, start + 8)]
        yield from filter(None, pool.starmap(certified_row, jobs))


def suits_the_ladder(row: Row) -> bool:
    """Row 1 leaves no mark in the parameters. The others mix what does and what does not, and what shows at the
    first position and what shows only later; row 2 has one of each kind."""
    architecture = Architecture(**row.architecture)
    hidden, traces = departures(architecture), load(row)[0]
    silent = {is_silent(name, architecture) for name in hidden}
    early = {shows_at_position_0(name, architecture, traces) for name in hidden}
    if row.departures == 1:
        return silent == {True}
    rarities = {RARITY[name] for name in hidden}
    return len(silent) == len(early) == 2 and rarities == LADDER[row.departures]


def ladder(pool, seed: str) -> Iterator[Row]:
    """The four rows; no choice departs in two of them."""
    unused = set(SETTINGS)
    for size, rarities in LADDER.items():
        choices = {name for name in unused if RARITY[name] in rarities}
        row = next(filter(suits_the_ladder, certified_rows(pool, seed, (size, choices))))
        unused -= row.architecture.keys()
        yield row


def near_rate(pool, seed: str, logs: list[str], rate: float) -> Iterator[Row]:
    """Rows, without end, with sets of departures whose predicted pass rate is near this one."""
    from attempts import read  # needs pandas, which the other ways to draw do not

    _, attempts, notes = read(logs)
    sys.stderr.writelines(f"{note}\n" for note in notes)
    models = [] if attempts.empty else attempts["model"].unique()
    if len(models) != 1:
        sys.exit(f"--like: give logs with scored attempts of one model, not of {[*models]}")
    variants = candidates(np.random.default_rng(int(seed, 16)), 2000)
    chosen = near(fit([*attempts["told"]]), variants, rate)
    if not chosen:
        sys.exit(f"No variant is known to have a rate of about {rate:.0%}: run more attempts")
    return certified_rows(pool, seed, *[(len(names), names) for names in chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    up_to = range(1, MOST_DEPARTURES + 1)
    add("--count", type=int, default=1, help="variants for each of these numbers")
    way = parser.add_mutually_exclusive_group().add_argument
    way("--departures", type=int, nargs="+", choices=up_to, default=[*LADDER], help="1 2 4 8")
    way("--ladder", action="store_true", help="the four rows of the task itself")
    way("--like", nargs="+", metavar="LOGS", help="of a model, to aim at its pass rate")
    add("--rate", type=float, default=0.25, help="the pass rate to aim at (0.25)")
    add("--seed", default=secrets.token_hex(16), help="128 bits, in hexadecimal")
    add("--out", type=Path, default=Path("train.jsonl"), help="file to write")
    options = parser.parse_args()
    if not 1 <= options.count <= 20_000:
        parser.error("--count is from 1 to 20000")
    if not 0 < options.rate < 1:
        parser.error("--rate is between 0 and 1")
    if not re.fullmatch("[0-9a-f]{1,32}", options.seed):
        parser.error("--seed is a number of at most 32 hexadecimal digits, 0-9 and a-f")
    if options.out.is_dir() or not options.out.absolute().parent.is_dir():
        parser.error("--out is a file in a folder that exists")
    with Pool() as pool:
        total, sizes = options.count, dict.fromkeys(options.departures)
        if options.ladder:
            rows, total = ladder(pool, options.seed), len(LADDER)
        elif options.like:
            rows = near_rate(pool, options.seed, options.like, options.rate)
        else:
            parts = [certified_rows(pool, options.seed, (size, SETTINGS)) for size in sizes]
            rows = chain.from_iterable(islice(part, options.count) for part in parts)
            total *= len(sizes)
        with options.out.open("w", encoding="utf-8") as file:
            for row in track(islice(rows, total), "variants", total):
                print(row.model_dump_json(), file=file, flush=True)
    print(f"{total} certified variants in {options.out}, from seed {options.seed}")


if __name__ == "__main__":
    main()
