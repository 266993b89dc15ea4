"""What a page shows and what is selected on it: the state that views write to and listen to.

Views never talk to each other. A gesture becomes one call of `ExplorerState.select`, and whoever shows samples watches
``selection``. Only ids go in and out; inside, a selection is a mask over the positions of the run's samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import param
from numpy.typing import ArrayLike, NDArray

Mode = Literal["replace", "add", "remove"]
Mask = NDArray[np.bool_]
Ids = NDArray[np.int64]
Extent = tuple[float, float, float, float]
"""What a map shows, in its own coordinates: ``x0, y0, x1, y1``."""
Turn = tuple[float, float]
"""From where a projection of three components is seen: azimuth and elevation, in degrees."""
FRONT: Turn = (0.0, 0.0)
TOOLS = ("lasso", "box", "pan", "turn")
"""What a drag in a map can do; the first is what it does without being asked."""

HISTORY = 100
"""Selections kept for undo; a mask of 60,000 samples and its ids are half a megabyte at most."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Selection:
    """The chosen samples, and what chose them.

    Parameters
    ----------
    samples : array_like of int
        Ids, in any order, with or without duplicates.
    origin : mapping, optional
        The gesture as plain JSON, with a ``kind``: ``lasso`` and ``box`` (in the named projection of a map), ``range``
        (of a variable), ``class``, ``cell`` (of the confusion matrix), ``filter`` (a text), ``ids``, or ``combined``.

    Notes
    -----
    Equal when the samples are equal, whatever made them: linked views compare before they act, so they cannot loop.
    """

    __slots__ = ("origin", "samples")

    def __init__(self, samples: ArrayLike = (), origin: Mapping[str, Any] = NOTHING) -> None:
        ids: Ids = np.array(samples, np.int64)
        if not (np.diff(ids) > 0).all():  # a mask gives them in order: no need to sort a million again
            ids = np.unique(ids)
        ids.setflags(write=False)
        self.samples = ids
        self.origin = MappingProxyType(dict(origin)) if len(ids) else NOTHING

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash(self.samples.tobytes())

    def __len__(self) -> int:
        return len(self.samples)

    def __deepcopy__(self, memo: dict[int, Any]) -> Selection:
        return self  # cannot change, and param copies defaults

    def __repr__(self) -> str:
        return f"Selection({len(self)} samples, {self.origin.get('kind', 'nothing')})"


@dataclass(frozen=True)
class Draw:
    """Samples drawn at random, of which a map may be made.

    Attributes
    ----------
    number : int
        How many; all where there are no more.
    seed : int
        The same seed draws the same samples.
    """

    number: int = 1000
    seed: int = 0

    def of(self, ids: Ids) -> Ids:
        """Draw from ids, without putting back; they keep their order."""
        if self.number >= len(ids):
            return ids
        return ids[np.sort(np.random.default_rng(self.seed).choice(len(ids), self.number, replace=False))]


@dataclass(frozen=True)
class MapState:
    """What one of the two maps shows.

    Attributes
    ----------
    layer : str
        The framework's own name of the layer, or ``"@input"``.
    analysis : str
        The analysis that gives the projection.
    parameters : mapping
        Its parameters that differ from their defaults.
    color_by : str or None
        The variable that colors this map; None follows the page.
    extent : tuple of float or None
        What is in view, as ``x0, y0, x1, y1``; None is all of it.
    samples : Draw, Selection or None
        The samples that the projection is computed of; None is all of them.
    turn : tuple of float
        From where it is seen, where it has three components.
    tool : {"lasso", "box", "pan", "turn"}
        What a drag does.
    """

    layer: str = ""
    analysis: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    color_by: str | None = None
    extent: Extent | None = None
    samples: Draw | Selection | None = None
    turn: Turn = FRONT
    tool: str = "lasso"

    @property
    def asked(self) -> MapState:
        """What is computed, apart from how it is looked at."""
        return replace(self, extent=None, turn=FRONT, tool="lasso")

    def chosen(self, ids: Ids) -> Ids | None:
        """Return the ids of the samples among those of a run; None where it is all of them."""
        if self.samples is None:
            return None
        found = self.samples.of(ids) if isinstance(self.samples, Draw) else self.samples.samples
        return None if len(found) == len(ids) else found


class ExplorerState(param.Parameterized):
    """The state of one browser session.

    Parameters
    ----------
    ids : array_like of int
        The ids of the run's samples, by position.
    **params
        Parameters, as listed.
    """

    run = param.String(default="", doc="Name of the open run within the folder given at start.")
    map_a = param.ClassSelector(class_=MapState, default=MapState(), doc="What map A shows.")
    map_b = param.ClassSelector(class_=MapState, default=MapState(), doc="What map B shows.")
    color_by = param.String(default="label", doc="The variable that colors both maps.")
    channel = param.Integer(default=None, allow_None=True, doc="The channel that was clicked.")
    channel_layer = param.String(default="", doc="The layer that it is a channel of.")
    focus = param.Integer(default=None, allow_None=True, doc="Id of the inspected sample.")
    hover = param.Integer(default=None, allow_None=True, doc="Id of the sample under a resting pointer.")
    visible = param.List(
        default=None, allow_None=True, item_type=int, doc="Classes shown; None is all of them."
    )
    pinned = param.List(
        default=[],
        item_type=int,
        doc="Ids of samples that stay in the pool whatever is selected, first pinned first.",
    )
    choices = param.Dict(default={}, doc="What was chosen inside of panels, by name, as short texts.")
    selection = param.ClassSelector(
        class_=Selection,
        default=Selection(),
        constant=True,
        doc="The chosen samples; `select` writes it.",
    )
    can_undo = param.Boolean(default=False, constant=True, doc="Whether `undo` would change the selection.")
    can_redo = param.Boolean(default=False, constant=True, doc="Whether `redo` would change the selection.")

    def __init__(self, ids: ArrayLike = (), **params: Any) -> None:
        super().__init__(**params)
        self.ids: Ids = np.asarray(ids, np.int64)
        self.pending: Mapping[str, Any] = NOTHING
        self._mask: Mask | None = None
        self._past: list[Selection] = []
        self._future: list[Selection] = []

    @property
    def mask(self) -> Mask | None:
        """The selection over positions, dims (sample,); None when nothing is selected."""
        return self._mask

    def select(
        self, chosen: ArrayLike | None, origin: Mapping[str, Any] = NOTHING, mode: Mode = "replace"
    ) -> None:
        """Choose samples; one step of the history.

        Parameters
        ----------
        chosen : array_like of bool or int, or None
            A mask over the positions, or ids (those that the run does not have are left out). None chooses nothing.
        origin : mapping
            What made it, as in `Selection`.
        mode : {"replace", "add", "remove"}
            What to do with the samples already chosen.
        """
        mask = self._as_mask(chosen)
        if mode == "replace" or self._mask is None:
            mask, origin = (mask, origin) if mode != "remove" else (np.zeros_like(mask), NOTHING)
        else:
            mask = self._mask | mask if mode == "add" else self._mask & ~mask
            origin = combined(self.selection.origin, origin, mode)
        # by positions, as in all views: numpy takes a scattered mask four times as slowly
        self._remember(Selection(self.ids[np.flatnonzero(mask)], origin), mask)

    def clear(self) -> None:
        """Choose nothing; can be undone."""
        self.select(None)

    def undo(self) -> None:
        """Go back to the selection before."""
        if self._past:
            self._future.append(self.selection)
            self._assign(self._past.pop())

    def redo(self) -> None:
        """Take the last `undo` back."""
        if self._future:
            self._past.append(self.selection)
            self._assign(self._future.pop())

    def color_of(self, which: Literal["a", "b"]) -> str:
        """Name the variable that colors a map."""
        own = (self.map_a if which == "a" else self.map_b).color_by
        return own or str(self.color_by)

    def _as_mask(self, chosen: ArrayLike | None) -> Mask:
        if chosen is None:
            return np.zeros(len(self.ids), bool)
        array = np.asarray(chosen)
        if array.dtype == bool:
            if array.shape != self.ids.shape:
                raise ValueError(f"a mask must have one value a sample: {len(self.ids)}, not {array.shape}")
            return array.copy()  # it is kept, and its giver may go on with it
        return np.isin(self.ids, array)

    def _remember(self, selection: Selection, mask: Mask) -> None:
        if selection == self.selection:
            return
        self._past = [*self._past[1 - HISTORY :], self.selection]
        self._future.clear()
        self._assign(selection, mask)

    def _assign(self, selection: Selection, mask: Mask | None = None) -> None:
        # the mask first: whoever watches `selection` reads it
        chosen = np.isin(self.ids, selection.samples) if mask is None else mask
        self._mask = chosen if len(selection) else None
        self.pending = NOTHING  # what an address asked for must not undo what was chosen meanwhile
        with param.edit_constant(self):
            self.param.update(selection=selection, can_undo=bool(self._past), can_redo=bool(self._future))


def combined(first: Mapping[str, Any], second: Mapping[str, Any], mode: Mode) -> Mapping[str, Any]:
    """Describe a selection that was added to, or taken from, another."""
    return {"kind": "combined", "mode": mode, "first": dict(first), "second": dict(second)}


Resolver = Callable[[Mapping[str, Any]], Mask | None]
"""Turns an origin of one kind back into a mask; None while what it needs is not there yet."""


def replay(origin: Mapping[str, Any], resolvers: Mapping[str, Resolver]) -> Mask | None:
    """Make a selection again from its origin.

    Parameters
    ----------
    origin : mapping
        As in `Selection`; may come from an address bar, so nothing in it is trusted.
    resolvers : mapping of str to callable
        For each kind, how to resolve it.

    Returns
    -------
    ndarray of bool, dims (sample,), or None
        None when a part cannot be resolved, or cannot be yet.
    """
    if origin.get("kind") != "combined":
        resolve = resolvers.get(str(origin.get("kind")))
        return resolve(origin) if resolve else None
    first, second = (replay(origin.get(part) or {}, resolvers) for part in ("first", "second"))
    if first is None or second is None:
        return None
    return first | second if origin.get("mode") == "add" else first & ~second


def ids_in(values: Sequence[Any]) -> list[int]:
    """Read ids from texts or numbers, leaving out what is none."""
    return [int(value) for value in values if re.fullmatch(r"-?\d+", str(value).strip())]
