"""Lines of code of the task, its commands and all that they import; no blank lines, comments or docstrings.

python lines.py            # fails if a group is longer than it may be
"""

import ast
import re
import sys
from math import inf
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parent
STARTS = ("inspect_task.py", "sandbox/run_port.py", "report.py", "calibrate.py", "build_dataset.py")
EXPLAINS = "identification|difficulty|attempts|commands|calibrate|report|scorers/(diag|read|pass)"
GROUPS = {  # how its paths begin, and the most lines; a file is in the first group that fits
    "what draws and certifies": ("variants|build_dataset", inf),
    "what keeps a run going, and tells a user what is wrong": ("guards", inf),
    "the lost model and its variants": ("reference", 250),
    "what explains failures and sets difficulty": (EXPLAINS, inf),
    "task, grade, tool and harness": ("", 150),
}


def imported() -> list[Path]:
    """The files of this repository that the starts import, and the starts."""
    finder = ModuleFinder([str(ROOT)])
    for start in STARTS:
        finder.load_file(str(ROOT / start))
    paths = [getattr(module, "__file__", None) for module in finder.modules.values()]
    return sorted(map(Path, filter(None, paths)))


def count(path: Path) -> int:
    """Lines that hold code."""
    source = path.read_text("utf-8")
    lines = enumerate(map(str.strip, source.splitlines()), 1)
    code = {number for number, line in lines if line and line[0] != "#"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            code -= {*range(node.lineno, (node.end_lineno or 0) + 1)}
    return len(code)


if __name__ == "__main__":
    files = {str(path.relative_to(ROOT)): count(path) for path in imported()}
    for group, (starts, most) in GROUPS.items():
        lines = {name: files.pop(name) for name in [*files] if re.match(starts, name)}
        total = sum(lines.values())
        print(f"{total:5} {group}", f"(at most {most})" if most < inf else "")
        print("".join(f"{number:11} {name}\n" for name, number in lines.items() if number), end="")
        if total > most:
            sys.exit(f"{group}: too long")
