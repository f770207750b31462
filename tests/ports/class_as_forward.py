"""forward is a class."""

from port import forward as right


class forward:
    def __new__(cls, weights, tokens):
        return right(weights, tokens)
