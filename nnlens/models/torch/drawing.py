"""Networks whose weights were drawn anew, by which explanations are checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.torch.trace import Call


def drawn_anew(
    module: nn.Module, calls: Sequence[Call], positions: Iterable[int] | None, seed: int
) -> nn.Module:
    """Return a copy of a network in which the values of weights are in another order.

    Each weight has random numbers of its own: drawing one more layer leaves the others as they were drawn. Statistics
    of normalizations are no weights, and stay.

    Parameters
    ----------
    module : Module
    calls : sequence of Call
        The layers of the network.
    positions : iterable of int or None
        Layers whose weights are drawn; None means all weights.
    seed : int

    Raises
    ------
    ModelError
        If the network cannot be copied.
    """
    copy = copied(module)
    chosen = (
        None if positions is None else {id(weight) for each in positions for weight in calls[each].weights}
    )
    pairs = zip(module.parameters(), copy.parameters(), strict=True)
    with torch.no_grad():
        for place, (own, drawn) in enumerate(pairs):
            if chosen is None or id(own) in chosen:
                order = np.random.default_rng((seed, place)).permutation(own.numel())
                drawn.copy_(own.flatten()[torch.from_numpy(order).to(own.device)].view_as(own))
    return copy


def copied(module: nn.Module) -> nn.Module:
    """Return a copy of a network, weights and all.

    Raises
    ------
    ModelError
        If it cannot be copied.
    """
    try:
        return deepcopy(module)
    except Exception as error:  # a stranger's network may hold anything
        raise ModelError(f"The network cannot be copied: {first_line(error)}") from error
