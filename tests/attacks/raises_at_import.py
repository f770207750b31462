"""Right, then an exception at import: a grader that only counts failed comparisons sees none.

Scores: crashed
"""

from port import forward  # noqa: F401

raise ValueError("nothing to see")
