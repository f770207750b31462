"""Lines of code of what the task imports, in groups; blank lines, comments and docstrings are not counted.

python lines.py            # fails if a group is longer than it may be
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parent
DRAWS, EXPLAINS = "what draws and certifies", "what explains failures and sets difficulty"
GUARDS = "what keeps a run going, and tells a user what is wrong"
MODEL, TASK = "the lost model and its variants", "task, grade, tool and harness"
GROUPS = {  # the first start that fits the path; whatever else the task imports is in the last group
    DRAWS: ("variants/", "build_dataset.py"),
    EXPLAINS: (
        *("identification/", "difficulty/", "scorers/diagnosis.py", "scorers/reader.py"),
        *("scorers/silencing.py", "scorers/pass_rate.py"),
        *("report.py", "attempts.py", "commands.py", "calibrate.py"),
    ),
    GUARDS: ("guards/",),
    MODEL: ("reference/",),
    TASK: ("",),
}
MOST = {TASK: 150, MODEL: 250}
STARTS = ["inspect_task.py", "sandbox/run_port.py", "report.py", "calibrate.py", "build_dataset.py"]
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def imports(path: Path) -> set[Path]:
    """Files of this repository that a file imports."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            module = str(node.module)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    files = {ROOT / f"{name.replace('.', '/')}.py" for name in names}
    return {file for file in files if file.is_file()}


def count(path: Path) -> int:
    """Lines that hold code."""
    source = path.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spans = [(t.start[0], t.end[0]) for t in tokens if t.type not in SILENT and t.string]
    code = {line for first, last in spans for line in range(first, last + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            code -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(code)


def main() -> None:
    found, left = set[Path](), [ROOT / start for start in STARTS]
    while left:
        path = left.pop()
        left += imports(path) - found
        found.add(path)
    names = {str(path.relative_to(ROOT)): count(path) for path in sorted(found)}
    too_long = False
    for group, starts in GROUPS.items():
        lines = {name: names.pop(name) for name in [*names] if name.startswith(starts)}
        total, most = sum(lines.values()), MOST.get(group)
        print(f"{total:5} {group}{f' (at most {most})' if most else ''}")
        print("".join(f"{number:11} {name}\n" for name, number in lines.items()), end="")
        too_long |= bool(most and total > most)
    sys.exit(too_long)


if __name__ == "__main__":
    main()
