"""Why the attempts of a log failed: reasons, where errors start, and how often each departure was missed.

python benchmarks/failures.py logs        # a log, or a folder: its newest log
"""

import re
import sys
from collections import Counter
from pathlib import Path

from inspect_ai.log import list_eval_logs, read_eval_log


def main() -> None:
    where = Path(sys.argv[1] if len(sys.argv) == 2 else "logs")
    logs = [str(where)] if where.is_file() else [info.name for info in list_eval_logs(str(where))]
    if not logs:
        sys.exit(f"no log in {where}: run make demo first")
    samples = [s for s in read_eval_log(logs[0]).samples or [] if s.scores]
    failed = [s.scores["parity"] for s in samples if s.scores and not s.scores["parity"].value]
    missed = [(score.metadata or {}).get("missed") for score in failed]
    print(f"{len(failed)} of {len(samples)} attempts failed")
    for reason, count in Counter((s.metadata or {})["reason"] for s in failed).most_common():
        print(f"  {reason:24}{count:4}")
    starts = Counter(
        re.findall(r"from position (\d+)", " ".join(str(s.explanation) for s in failed))
    )
    for position, count in sorted(starts.items(), key=lambda item: int(item[0])):
        print(f"  wrong from position {position:4}{count:4}")
    print(f"  explained by departures {sum(m is not None for m in missed):4}")
    present = Counter(
        name for s in samples for name in s.metadata["architecture"] if name != "heads"
    )
    times = Counter(name for changes in missed if changes for name in changes)
    print("missed, of the attempts where it was hidden")
    for name, count in times.most_common():
        print(f"  {name:24}{count:4} of {present[name]}")


if __name__ == "__main__":
    main()
