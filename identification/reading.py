"""What a port computes, as far as the catalogue has words for it: an architecture and a slip."""

from dataclasses import dataclass

import numpy as np

from reference.architecture import Architecture
from reference.transformer import Weights, forward
from reference.variant import layer_parameters
from variants.ports import head_sizes, summed_eps, tiled_heads, with_block

SLIPS = {"tiled_heads": tiled_heads, "summed_eps": summed_eps}


@dataclass(frozen=True)
class Reading(Architecture):
    """An architecture, and a slip in how the parameters are read."""

    slip: str | None = None


def answer(
    port: Reading, weights: Weights, tokens: np.ndarray, original: Architecture
) -> np.ndarray:
    """Logits of a port, from a checkpoint of the original. KeyError, ValueError: it wants other parameters."""
    architecture: Architecture = port
    if port.block != original.block:
        weights = with_block(weights, original.block, port.block)
    if port.slip:
        weights, architecture = SLIPS[port.slip](weights, port)
    return forward(weights, tokens, architecture)


def parameters_used(architecture: Architecture, weights: Weights) -> int:
    """How many parameters of a layer it uses; 0 if some are not there or have another shape."""
    head_dim, kv_heads = head_sizes(weights, architecture.heads)
    hidden, mlp = weights["layers.0.w_out"].shape
    parameters = layer_parameters(architecture, hidden, head_dim, kv_heads, mlp)
    used = {(f"layers.0.{name}", shape) for name, (_, _, shape) in parameters.items()}
    there = {(name, tensor.shape) for name, tensor in weights.items()}
    return len(used) if used <= there else 0
