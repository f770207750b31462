"""A view with negative strides."""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x[..., ::-1].copy()[..., ::-1]
