"""Draws variants, certifies that each can be identified, and writes and reads the rows of a dataset.

    python build_dataset.py --departures 4 --count 100 --seed 7 --out train.jsonl

A variant is certified if no other port that a solver may think of comes near the original on the traces:
every other setting of every choice, every other head count that the shapes allow, and every pair of
departures undone or altered is off by at least ten tolerances somewhere; and if a port in single precision is
within a fifth of the tolerance on every call.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, count, islice, product
from multiprocessing import Pool
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
from inspect_ai._util.error import PrerequisiteError
from rich.progress import track

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward
from reference.variants import build, load

MARGIN = 5e-3
"""Ten times the tolerance: what every wrong port is off by."""
HONEST = 1e-4
"""A fifth of the tolerance: what a port in single precision may be off by."""
HEADS = (2, 4, 8)
LADDER = (2, 4, 6, 8)
ROOT = Path(__file__).parent
IN_FLOAT32 = {  # what would make an array of the reference float64
    "np.float64": "np.float32",
    "np.arange(": "arange(",
    "np.sqrt(2 / np.pi)": repr(float(np.sqrt(2 / np.pi))),
    "np.sqrt(2)": repr(float(np.sqrt(2))),
}

# Which departures are drawn together. What is ruled out computes the same as something simpler, or no model
# says in which order the two go.
REQUIRES = {
    "global_every": {"sliding_window"},  # without a window all layers are global
    "local_theta": {"global_every"},  # without a global layer it is another rope_theta
}
EXCLUDES = {
    "embedding_multiplier": {"residual_multiplier"},  # in most blocks, little but their ratio shows
    "qkv_clip": {"qk_norm", "v_norm"},  # models differ on which comes first
    "rope_factor": {"local_theta"},  # gemma3 has it on global layers only
    "nope_every": {"local_theta"},  # if no global layer turns, it is another rope_theta
    "swiglu_clamp": {"activation"},  # has its own
    "alibi": {"rope_pairing", "rope_theta", "rotary_fraction", "rope_factor", "nope_every"}
    | {"local_theta"}  # nothing turns
    | {"score_softcap", "sinks"},  # no model has both
}


def conflicts(a: Architecture) -> list[str]:
    """The rules that this combination of departures breaks, in words."""
    names = set(departures(a))
    lone = [f"{n} without {other}" for n in names for other in REQUIRES.get(n, set()) - names]
    return lone + [f"{n} with {other}" for n in names for other in EXCLUDES.get(n, set()) & names]


def draw(seed: int, count: int) -> Architecture:
    """An architecture with `count` departures and no conflict; one that requires others brings them along."""
    rng = Random(seed)
    a = Architecture(heads=rng.choice(HEADS))
    while len(departures(a)) < count:
        needed = [rng.choice([name for name in SETTINGS if name not in departures(a)])]
        for name in needed:
            needed += REQUIRES.get(name, set()) - departures(a).keys()
        changed = replace(a, **{name: rng.choice(SETTINGS[name][1:]) for name in needed})
        if len(departures(changed)) <= count and not conflicts(changed):
            a = changed
    return a


def alternatives(name: str, setting: Any) -> list[Any]:
    """The other settings of a choice. Of a range: the baseline, and 20% (of whole numbers: 1) down and up
    or, from the baseline, its two ends and its middle."""
    baseline, *others = SETTINGS[name]
    if len(others) < 10:
        near = others
    elif setting == baseline:
        near = [others[0], others[len(others) // 2], others[-1]]
    elif isinstance(setting, int):
        near = [setting - 1, setting + 1]
    else:
        near = [0.8 * setting, 1.2 * setting]
    return [other for other in (baseline, *near) if other != setting]


def head_counts(weights: dict[str, np.ndarray]) -> list[int]:
    """Query heads that fit the shapes: an even head size, and KV heads that divide the query heads."""
    rows, width = weights["layers.0.w_qkv"].shape[0], weights["layers.0.w_o"].shape[1]
    splits = [(n, width // n) for n in range(1, width // 2 + 1) if width % (2 * n) == 0]
    kv_heads = {n: (rows // size - n) / 2 for n, size in splits if rows % size == 0}
    return [n for n, kv in kv_heads.items() if kv == int(kv) and n % kv == 0]


def changes(a: Architecture, weights: dict[str, np.ndarray]) -> Iterator[Architecture]:
    """The ports that a certified variant is told apart from. What needs parameters that the checkpoint does
    not have is no port of it; nor is what leaves the gains of q and k unused, or has none to use."""
    hidden = departures(a)
    options = {name: alternatives(name, getattr(a, name)) for name in SETTINGS}
    no_port = "head" if "layers.0.norm_q" not in weights else "no_gain"
    options["qk_norm"] = [option for option in options["qk_norm"] if option != no_port]
    for name in SETTINGS:
        for option in options[name]:
            port = replace(a, **{name: option})
            if name in hidden or not conflicts(port):
                yield port
    for heads in head_counts(weights):
        if heads != a.heads:
            yield replace(a, heads=heads)
    for one, other in combinations(hidden, 2):
        for first, second in product(options[one], options[other]):
            yield replace(a, **{one: first, other: second})


def distance(port: Architecture, traces: tuple) -> float:
    """Worst absolute error of a port on the traces, or on the first of them if that is enough; inf if
    the parameters do not fit it."""
    weights, tokens, logits = traces
    try:
        with np.errstate(all="ignore"):
            for part in (slice(0, 1), slice(0, None)):
                error = abs(forward(weights, tokens[part], port) - logits[part]).max()
                if error >= MARGIN:
                    break
    except (KeyError, ValueError):
        return np.inf
    return np.nan_to_num(error, nan=np.inf)


def nearest(a: Architecture, traces: tuple) -> tuple[float, Architecture | None]:
    """The first port that is too near the original and its distance, or (inf, None): then it is certified."""
    for port in changes(a, traces[0]):
        if (error := distance(port, traces)) < MARGIN:
            return error, port
    return np.inf, None


def float32_forward() -> Callable[..., np.ndarray]:
    """forward() of the reference with every array in single precision, as an honest port may have it."""
    source = (ROOT / "reference" / "transformer.py").read_text(encoding="utf-8")
    for double, single in IN_FLOAT32.items():
        source = source.replace(double, single)
    port = ModuleType("float32_port")
    port.__dict__["arange"] = lambda *bounds: np.arange(*bounds, dtype=np.float32)
    exec(source, port.__dict__)
    return port.forward


def float32_error(a: Architecture, calls: list[tuple]) -> float:
    """Worst absolute error of that port on all calls; inf if something overflows."""
    port = float32_forward()
    with np.errstate(all="ignore"):
        errors = [abs(port(w, tokens, a) - logits).max() for w, tokens, logits in calls]
    return np.nan_to_num(np.max(errors), nan=np.inf)


def mixed(a: Architecture, seed: int, traces: tuple) -> bool:
    """Do departures show at position 0 and others only later, some in the parameters and others not at all?"""
    weights, tokens, logits = traces
    undone = [replace(a, **{name: SETTINGS[name][0]}) for name in departures(a)]
    shapes = [{n: t.shape for n, t in build(seed, b)[0][0].items()} for b in (a, *undone)]
    later = {distance(b, (weights, tokens[:, :1], logits[:, :1])) < 1e-9 for b in undone}
    visible = {shape != shapes[0] for shape in shapes[1:]}
    return len(later) == len(visible) == 2


def digest(calls: list[tuple]) -> str:
    """Hash of all logits of a variant, to three decimals, which no platform moves."""
    rounded = [np.round(logits, 3) + 0.0 for _, _, logits in calls]
    return hashlib.sha256(b"".join(z.tobytes() for z in rounded)).hexdigest()[:16]


def certified_row(seed: int, count: int, mix: bool) -> dict[str, Any] | None:
    """The row of this seed if its variant is certified (and mixed, where that is asked for)."""
    a = draw(seed, count)
    calls = build(seed, a)
    if mix and not mixed(a, seed, calls[0]):
        return None
    if float32_error(a, calls) > HONEST or nearest(a, calls[0])[1]:
        return None
    spelled_out = {"heads": a.heads, **departures(a)}
    row = {"id": f"{count}-{seed}", "seed": seed, "departures": count}
    return {**row, "architecture": spelled_out, "hash": digest(calls)}


def read_rows(path: Path, departure_count: int | None = None) -> list[dict[str, Any]]:
    """The rows of a dataset, or those with so many departures. Raises a PrerequisiteError of one line, that
    names the row and the field, if this code would not have written the row."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(f"dataset {path} cannot be read: {error}") from error
    rows = [
        checked(line, f"{path.name}, line {n}") for n, line in enumerate(lines, 1) if line.strip()
    ]
    chosen = [row for row in rows if departure_count in (None, row["departures"])]
    if not chosen:
        found = sorted({row["departures"] for row in rows})
        raise PrerequisiteError(
            f"{path.name} has no row with {departure_count} departures, only {found}"
        )
    return chosen


def checked(line: str, where: str) -> dict[str, Any]:
    def refuse(why: str) -> PrerequisiteError:
        return PrerequisiteError(f"{where}: {why}")

    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refuse(f"not JSON: {error}") from error
    kinds = {"id": str, "seed": int, "departures": int, "architecture": dict, "hash": str}
    if not isinstance(row, dict) or row.keys() != kinds.keys():
        raise refuse(f"a row has the fields {', '.join(sorted(kinds))}")
    where = f"{where}, row {row['id']}"
    for name, kind in kinds.items():
        if type(row[name]) is not kind or (name == "seed" and row[name] < 0):
            raise refuse(f"{name} cannot be {row[name]!r}")
    settings = {"heads": HEADS, **SETTINGS}
    for name, setting in row["architecture"].items():
        if name not in settings:
            raise refuse(f"architecture has no field {name!r}")
        if repr(setting) not in map(repr, settings[name]):
            raise refuse(f"{name} cannot be {setting!r}")
    if "heads" not in row["architecture"]:
        raise refuse("architecture needs heads")
    a = Architecture(**row["architecture"])
    if conflicts(a):
        raise refuse(", ".join(conflicts(a)))
    if len(departures(a)) != row["departures"]:
        raise refuse(
            f"departures is {row['departures']}, the architecture has {len(departures(a))}"
        )
    if row["id"] != f"{row['departures']}-{row['seed']}":
        raise refuse("id is not that of its departures and seed")
    if digest(load(row)[1]) != row["hash"]:
        raise refuse("hash: this code makes another model of that seed and architecture")
    return row


def candidate(arguments: tuple[int, int, bool]) -> dict[str, Any] | None:
    return certified_row(*arguments)


def certified_rows(
    pool: Any, first: int, departure_count: int, mix: bool
) -> Iterator[dict[str, Any]]:
    """Rows of certified variants, without end, in the order of their seeds."""
    for start in count(first, 8):
        batch = [(seed, departure_count, mix) for seed in range(start, start + 8)]
        yield from filter(None, pool.imap(candidate, batch))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write certified variants as rows of a dataset.")
    parser.add_argument("--departures", type=int, nargs="+", default=LADDER, help="rungs (2 4 6 8)")
    parser.add_argument("--count", type=int, default=1, help="variants per rung (1)")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other variants (0)")
    parser.add_argument(
        "--mixed", action="store_true", help="only variants that mix kinds of departures"
    )
    parser.add_argument("--out", type=Path, default=Path("dataset.jsonl"), help="file to write")
    options = parser.parse_args()
    if not 1 <= options.count <= 20_000 or not all(1 <= k <= 12 for k in options.departures):
        parser.error("--count is from 1 to 20000, --departures from 1 to 12")
    if options.seed < 0 or not options.out.absolute().parent.is_dir():
        parser.error("--seed is not negative, --out is a file in a folder that exists")
    with Pool() as pool, options.out.open("w", encoding="utf-8") as file:
        for k in dict.fromkeys(
            options.departures
        ):  # no two rungs, and no two seeds, share a variant
            found = certified_rows(pool, options.seed * 1_000_000 + k * 50_000, k, options.mixed)
            for row in track(islice(found, options.count), f"{k} departures", options.count):
                print(json.dumps(row), file=file, flush=True)
    print(f"{len(set(options.departures)) * options.count} certified variants in {options.out}")


if __name__ == "__main__":
    main()
