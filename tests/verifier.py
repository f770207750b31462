"""What the verifier was tried on, and what it said: `make test && python tests/verifier.py`.

Counts the results that the tests of honest ports, of attacks and of published architectures left in test-results/:
a Markdown table. What needs a Docker engine is skipped where there is none, and the table says so. Ends with 1
if anything was judged wrongly.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = {  # what is counted: test module, function
    "honest ports accepted": ("test_ports", "test_port"),
    "attacks rejected": ("test_attacks", "test_attack"),
    "attacks rejected, that hang": ("test_attacks", "test_attack_that_hangs"),
    "attacks rejected, in Docker": ("test_attacks", "test_attack_in_docker"),
    "models of transformers matched, unmodified": ("test_transformers", "test_unmodified_model"),
    "models of transformers matched, adapted": ("test_transformers", "test_adapted_model"),
}
ENDS = ("failure", "error", "skipped")  # of a test that did not pass, in the report


def outcomes() -> Counter:
    """How often each test function, over its parameters, ended how: (module, function, outcome) -> count."""
    files = sorted((ROOT / "test-results").glob("*.xml"))
    if not files:
        sys.exit("No test results here: run make test first.")
    cases = [case for file in files for case in ElementTree.parse(file).iter("testcase")]
    return Counter(
        (case.get("classname", "").split(".")[-1], case.get("name", "").split("[")[0], outcome)
        for case in cases
        for outcome in [next((child.tag for child in case if child.tag in ENDS), "passed")]
    )


def main() -> None:
    counts = outcomes()
    print("| the verifier was tried on | judged right |\n|---|---|")
    wrong = sum(n for (*_, outcome), n in counts.items() if outcome not in ("passed", "skipped"))
    for label, test in TESTS.items():
        of = {outcome: n for (*key, outcome), n in counts.items() if tuple(key) == test}
        skipped = of.pop("skipped", 0)
        if of:
            print(f"| {label} | {of.get('passed', 0)} of {sum(of.values())} |")
        if skipped:
            print(f"| {label} | {skipped} skipped: see what pytest says |")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
