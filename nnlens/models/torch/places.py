"""Where in a network functions are called that a backward rule may be for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

Key = tuple[str, int]
"""The name of a function, and which call of it in the pass."""


@dataclass(frozen=True)
class Place:
    """Where a function is called.

    Attributes
    ----------
    name : str
        Of the layer.
    input_changes, output_changes : bool
        Whether the network writes over it later.
    weighted : (str, int) or None
        Of a normalization, the convolution or dense layer whose output nothing else reads.
    joins : bool
        Whether more than one of its inputs come from the image.
    """

    name: str
    input_changes: bool = False
    output_changes: bool = False
    weighted: Key | None = None
    joins: bool = False


@dataclass
class Visit:
    """One call of such a function in a watched pass.

    Attributes
    ----------
    label : str
        What to call it where it belongs to no layer.
    inputs : list of Tensor
    output : Tensor
    position : int or None
        Of the layer that it is or belongs to.
    weighted : (str, int) or None
    joins : bool
        As in `Place`.
    """

    label: str
    inputs: list[Tensor]
    output: Tensor
    position: int | None = None
    weighted: Key | None = None
    joins: bool = False

    def __post_init__(self) -> None:
        self._versions = [tensor._version for tensor in (*self.inputs, self.output)]

    def place(self, names: Sequence[str]) -> Place:
        """Return where it was, once the pass is over.

        Parameters
        ----------
        names : sequence of str
            Of the layers.
        """
        name = self.label if self.position is None else names[self.position]
        *inputs, output = (
            tensor._version != version
            for tensor, version in zip((*self.inputs, self.output), self._versions, strict=True)
        )
        return Place(name, any(inputs), output, self.weighted, self.joins)
