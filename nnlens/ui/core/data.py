"""What all sessions of a run share, read-only: the columns of its samples, its projections, its pictures."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from nnlens.schema import UNLABELLED
from nnlens.state import Ids, Mask
from nnlens.ui.core.projection import Floats, Positions, Projection, ball
from nnlens.ui.core.raster import value_steps

if TYPE_CHECKING:
    from nnlens.store import Store

T = TypeVar("T")
KEPT_PROJECTIONS = 24
"""Of the run's size each: 60,000 samples are 0.7 MB."""
CLASS_LOSS = "class-loss"
"""What maps are colored by where the hue tells the label and its depth the loss; no name that a result can have."""


@dataclass(eq=False)
class RunData:
    """The arrays of a run that every view needs, by position.

    Attributes
    ----------
    ids : ndarray, dims (sample,), int64
    label, prediction : ndarray, dims (sample,), int32
        −1 where there is none.
    loss : ndarray, dims (sample,), float32
        Cross-entropy; NaN where it cannot be had.
    class_names : tuple of str
    images : callable
        Ids → uint8 (sample, y, x, channel).
    logit : ndarray or None, dims (sample, class_)
    name, key : str
        What the run is called, and what changes when its content does.
    extras : dict of str to ndarray, dims (sample,)
        Other columns, such as results with one value a sample: they color, filter and sort.
    scored : bool
        Whether a network predicted the samples; else every prediction is −1 and every loss NaN, and no view shows them.
    pictured : bool
        Whether the run has images.
    """

    ids: Ids
    label: NDArray[np.int32]
    prediction: NDArray[np.int32]
    loss: Floats
    class_names: tuple[str, ...]
    images: Callable[[Sequence[int]], NDArray[np.uint8]]
    logit: NDArray[np.float32] | None = None
    name: str = ""
    key: str = ""
    extras: dict[str, NDArray[Any]] = field(default_factory=dict)
    scored: bool = True
    pictured: bool = True

    def __post_init__(self) -> None:
        self._projections: OrderedDict[str, Projection] = OrderedDict()
        self._made: dict[str, Any] = {}
        self._making = threading.RLock()  # one thing may be made of another
        self._lock = threading.Lock()
        self._extra_steps: dict[str, tuple[NDArray[Any], NDArray[np.uint8]]] = {}

    def for_session(self) -> RunData:
        """Return these data for one session: columns that are added there are seen there only, all else is shared."""
        self.correct, self._order  # noqa: B018 - made here, and so shared
        own = copy.copy(self)
        own.extras, own._extra_steps = dict(self.extras), {}
        return own

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_store(cls, store: Store) -> RunData:
        """Read the columns of a store; the pictures stay where they are."""
        samples = store.samples

        def column(name: str, dtype: type, missing: float = UNLABELLED) -> NDArray[Any]:
            if name not in samples:
                return np.full(store.committed, missing, dtype)
            return np.ascontiguousarray(samples[name].values, dtype=dtype)

        return cls(
            ids=np.ascontiguousarray(samples["sample"].values, np.int64),
            label=column("label", np.int32),
            prediction=column("prediction", np.int32),
            loss=column("loss", np.float32, np.nan),
            class_names=tuple(store.class_names),
            images=store.images,
            logit=column("logit", np.float32) if "logit" in samples else None,
            name=store.name,
            key=f"{store.fingerprint}:{store.committed}",
            scored="prediction" in samples,
            pictured="image" in samples,
        )

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction is the label, dims (sample,)."""
        return (self.label == self.prediction) & (self.label != UNLABELLED)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the run's own columns that a map can be colored by."""
        return ("label", "prediction", "loss") if self.scored else ("label",)

    @property
    def colorings(self) -> tuple[str, ...]:
        """What a map can be colored by without any result."""
        return (*self.variables, CLASS_LOSS) if self.scored else self.variables

    @cached_property
    def _order(self) -> Positions:
        return np.argsort(self.ids, kind="stable")

    def positions(self, ids: ArrayLike) -> Positions:
        """Positions of ids, −1 for those that the run does not have."""
        wanted = np.asarray(ids, np.int64)
        if not len(self.ids):
            return np.full(wanted.shape, -1, np.intp)
        found = self._order[
            np.minimum(np.searchsorted(self.ids, wanted, sorter=self._order), len(self.ids) - 1)
        ]
        return np.where(self.ids[found] == wanted, found, -1)

    def position(self, sample: int | None) -> int | None:
        """Position of one id; None where there is none."""
        found = -1 if sample is None else int(self.positions([sample])[0])
        return None if found < 0 else found

    def mask(self, positions: ArrayLike) -> Mask:
        """Turn positions into a mask, dims (sample,)."""
        chosen = np.zeros(len(self), bool)
        chosen[np.asarray(positions, np.intp)] = True
        return chosen

    def column(self, name: str) -> NDArray[Any]:
        """Get one value a sample by name, dims (sample,).

        Raises
        ------
        KeyError
            If the run has no such column.
        """
        if name in ("label", "prediction", "loss", "correct"):
            return getattr(self, name)
        return self.ids if name == "id" else self.extras[name]

    def once(self, name: str, make: Callable[[RunData], T]) -> T:
        """Get something made of this run's data alone, made once for all sessions."""
        with self._making:
            if name not in self._made:
                self._made[name] = make(self)
            return self._made[name]

    def steps(self, name: str) -> NDArray[np.uint8]:
        """Get the steps of a column in a palette of values, dims (sample,)."""
        if name not in self.extras:
            return self.once(
                f"steps of {name}", lambda run: value_steps(run.column(name), logarithmic=name == "loss")
            )
        values = self.extras[name]
        known = self._extra_steps.get(name)
        if known is None or known[0] is not values:  # the same column may come again, of other parameters
            known = self._extra_steps[name] = values, value_steps(values, logarithmic=False)
        return known[1]

    def class_name(self, code: int) -> str:
        """Name a class; samples without a label, or with an impossible one, say so."""
        if code == UNLABELLED:
            return "unlabelled"
        return self.class_names[code] if 0 <= code < len(self.class_names) else f"class {code}"

    def projection(self, result: xr.Dataset) -> Projection:
        """Take the coordinates out of a result; those of finished results are shared by all sessions.

        Parameters
        ----------
        result : Dataset
            With ``projection`` (sample, component) and int64 ids. Of more than three components the first three are
            taken; of one, samples lie on a line.
        """
        key = str(result.attrs.get("key", ""))
        with self._lock:
            if key and key in self._projections:
                self._projections.move_to_end(key)
                return self._projections[key]
        made = self._project(result, key)
        if key:
            with self._lock:
                self._projections[key] = made
                while len(self._projections) > KEPT_PROJECTIONS:
                    self._projections.popitem(last=False)
        return made

    def known(self, key: str) -> Projection | None:
        """Get a projection that was shown in this process, by the key of its result."""
        with self._lock:
            return self._projections.get(key) if key else None

    def _project(self, result: xr.Dataset, key: str) -> Projection:
        places = np.asarray(result["projection"].values[:, :3], np.float32)
        positions = self.positions(result["sample"].values)
        there = (positions >= 0) & np.isfinite(places).all(axis=1)
        axes = [np.ascontiguousarray(axis) for axis in places[there].T]
        axes += [np.zeros(int(there.sum()), np.float32)] * (2 - len(axes))
        z = axes[2] if len(axes) > 2 else None
        title, caption = (str(result.attrs.get(word, "")) for word in ("title", "caption"))
        flat = Projection(key, axes[0], axes[1], positions[there], title, caption, len(self), z)
        return flat if z is None else replace(flat, whole=ball(flat))


_RUNS: OrderedDict[str, RunData] = OrderedDict()
_RUNS_LOCK = threading.Lock()
KEPT_RUNS = 4


def shared(store: Store) -> RunData:
    """Get the data of a store, read once a process while its content stays the same."""
    # captured anew from the same, a run may be cut into other shards: its pictures are not where they were
    cut = f"{store.commit.shard}:{store.commit.metadata.get('zarr.json', '')}"
    key = f"{store.path}:{store.fingerprint}:{store.committed}:{cut}"
    with _RUNS_LOCK:
        if key not in _RUNS:
            _RUNS[key] = RunData.from_store(store)
            while len(_RUNS) > KEPT_RUNS:
                _RUNS.popitem(last=False)
        _RUNS.move_to_end(key)
        return _RUNS[key]
