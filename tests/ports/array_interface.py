"""A tensor of another library: an object that gives NumPy its array."""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return type("T", (), {"__array__": lambda self, dtype=None, copy=None: x})()
