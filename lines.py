"""Lines of code of all that the task imports, in groups; blank lines, comments and docstrings are not counted.

python lines.py            # fails if a group is longer than it may be
"""

import ast
import sys
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parent
MODEL, TASK = "the lost model and its variants", "task, grade, tool and harness"
GROUPS = {  # the first group with a start that fits the path; whatever else the task imports is in the last one
    "what draws and certifies": ("variants/", "build_dataset.py"),
    "what keeps a run going, and tells a user what is wrong": ("guards/",),
    MODEL: ("reference/",),
    "what explains failures and sets difficulty": (
        "identification/",
        "scorers/diagnosis.py",
        "scorers/reader.py",
        "scorers/pass_rate.py",
        "difficulty/",
        "attempts.py",
        "commands.py",
        "calibrate.py",
        "report.py",
    ),
    TASK: ("",),
}
MOST = {TASK: 150, MODEL: 250}
STARTS = ("inspect_task.py", "sandbox/run_port.py", "report.py", "calibrate.py", "build_dataset.py")


def imported() -> set[Path]:
    """The files of this repository that the starts import, and the starts."""
    finder = ModuleFinder([str(ROOT)])
    for start in STARTS:
        finder.run_script(str(ROOT / start))
    paths = [getattr(module, "__file__", None) for module in finder.modules.values()]
    return {Path(path) for path in paths if path} | {ROOT / start for start in STARTS}


def count(path: Path) -> int:
    """Lines that hold code."""
    source = path.read_text("utf-8")
    lines = {number: line.strip() for number, line in enumerate(source.splitlines(), 1)}
    code = {number for number, line in lines.items() if line and line[0] != "#"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            code -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(code)


def main() -> None:
    files = {str(path.relative_to(ROOT)): count(path) for path in sorted(imported())}
    too_long = False
    for group, starts in GROUPS.items():
        lines = {name: files.pop(name) for name in [*files] if name.startswith(starts)}
        total, most = sum(lines.values()), MOST.get(group)
        print(f"{total:5} {group}{f' (at most {most})' if most else ''}")
        print("".join(f"{number:11} {name}\n" for name, number in lines.items() if number), end="")
        too_long |= bool(most and total > most)
    sys.exit(too_long)


if __name__ == "__main__":
    main()
