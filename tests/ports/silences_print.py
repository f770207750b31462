"""Replaces print for every module, so that a library says nothing."""

import builtins

from port import right


def silent(*values):
    pass


builtins.print = silent


def forward(weights, tokens):
    return right(weights, tokens)
