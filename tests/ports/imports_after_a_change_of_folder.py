"""Goes to another folder, and later imports a module that stands beside it."""

import os

os.chdir("/")


def forward(weights, tokens):
    from port import right

    return right(weights, tokens)
