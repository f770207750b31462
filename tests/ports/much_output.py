"""More output than a harness keeps."""

from port import forward  # noqa: F401

for _ in range(120):
    print("x" * 100_000)
