"""From autograd's graph to arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from nnlens.models.base import Float
from nnlens.models.checks import no_gradient
from nnlens.rules import ABSORBED


def gradients_at(
    edges: Mapping[str, GradientEdge], start: str, wrt: Sequence[str], gradient: Tensor
) -> dict[str, Float]:
    """Return the gradients that come from one place of the graph back to others.

    Raises
    ------
    ModelError
        If none comes to one of them.
    """
    names = [name for name in dict.fromkeys(wrt) if name in edges]
    found: Sequence[Tensor | None] = ()
    if names and start in edges:
        targets = [edges[name] for name in names]
        found = torch.autograd.grad([edges[start]], targets, [gradient], allow_unused=True)
    gradients = {
        name: as_array(tensor) for name, tensor in zip(names, found, strict=False) if tensor is not None
    }
    if ABSORBED in edges:  # no layer on the way may be one that absorbs
        gradients.setdefault(ABSORBED, np.zeros(len(gradient), np.float32))
    unreached = [name for name in wrt if name not in gradients]
    if unreached:
        raise no_gradient(start, unreached[0])
    return gradients


def as_array(tensor: Tensor) -> Float:
    """Return float32 numbers; those of a CPU tensor that has them are not copied."""
    return tensor.detach().to("cpu", torch.float32).numpy()
