"""The layers of a run as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nnlens.schema import INPUT

if TYPE_CHECKING:
    from nnlens.store import Store

Which = Literal["a", "b"]
"""One of the two maps."""


@dataclass(frozen=True)
class Stop:
    """A layer as the strip and the menus show it.

    Attributes
    ----------
    name : str
        The framework's own name, or ``"@input"``.
    title : str
        What the page calls it.
    kind : str
        Its class.
    shape : tuple of int
    parameters : int
    held : str
        In which form the run holds it.
    """

    name: str
    title: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = 0
    held: str = "kept in full"

    @property
    def dims(self) -> str:
        """Its shape as words: ``32×26×26``."""
        return "×".join(map(str, self.shape))

    @property
    def spatial(self) -> bool:
        """Whether it has height and width."""
        return len(self.shape) == 3


def stops(store: Store) -> list[Stop]:
    """List the layers of a run in order of execution, the pixels first where it has any."""
    pixels = []
    if INPUT in store.edges:
        sizes = store.samples["image"].sizes
        pixels = [Stop(INPUT, "input", "image", (sizes["channel"], sizes["y"], sizes["x"]))]
    held = {True: "kept in full", False: "kept as means over space"}
    found = [
        Stop(s.name, s.name, s.info.kind, tuple(s.info.shape), s.info.parameters, held[s.kept])
        for s in store.layers
    ]
    return [*pixels, *found]
