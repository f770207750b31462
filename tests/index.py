"""Writes the indexes of tests/attacks and tests/ports from their first lines: `python tests/index.py`."""

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
TITLES = {
    "attacks": "What is tried to get a score of 1 without a right port, by the reason for its 0.",
    "ports": "Right ports, written in every way that is allowed. Each scores 1 on every row.",
}


def index(folder: str) -> str:
    """The page: a table for each reason, or one."""
    groups = defaultdict(list)
    for file in sorted((TESTS / folder).iterdir()):
        if file.suffix in (".py", ".sh"):
            text = file.read_text(encoding="utf-8")
            said = re.search(r'^(?:"""|# )(.+?)(?:"""|$)', text, re.MULTILINE)
            scores = re.search(r"^(?:# )?Scores: (.+)$", text, re.MULTILINE)
            line = f"| [{file.stem}]({folder}/{file.name}) | {said[1] if said else ''} |"
            groups[scores[1] if scores else "passed"].append(line)
    lines = [
        f"# {folder.capitalize()}",
        "",
        f"{TITLES[folder]} `python tests/index.py` makes this page.",
    ]
    for reason, rows in sorted(groups.items()):
        lines += [
            "",
            f"## {reason}: {len(rows)}",
            "",
            "| file | what it does |",
            "|---|---|",
            *rows,
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for folder in TITLES:
        (TESTS / f"{folder}.md").write_text(index(folder), encoding="utf-8")
