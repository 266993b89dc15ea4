"""The faces of layers: the mean activation of the sample in focus, as the run holds it, else by the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import NNLensError
from nnlens.models.base import LayerInfo
from nnlens.schema import INPUT
from nnlens.ui.architecture.boxes import folds
from nnlens.ui.core.aside import aside
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.pictures import data_url

SIDE = 64
"""Pixels of a face, at most: no box is larger."""
UNITS = 4096
"""Units of a flat layer that a face shows one by one; of more the means of neighbors."""

SMOOTH = 24
"""Pixels from which a face is drawn without its edges: boxes have fewer."""

READ, COMPUTED = "read", "computed"
"""Where faces come from."""

Array = NDArray[Any]
Drawn = tuple[str, str]
"""The address of a picture, and how it is drawn: ``mask`` is ink where the picture is opaque."""
Faces = Mapping[str, Drawn]
"""By layer."""


class Focused:
    """Finds the faces for the sample in focus; only the latest sample's are told.

    Parameters
    ----------
    session : Session
    work : Work
    tools : list of Tool
        What gives the means of all layers of one sample, computed by the network.
    tell : callable
        Gets the faces, and whether more are on their way.

    Attributes
    ----------
    wanted : dict of str to tuple
        Layers that are drawn with a face, with its width and height in pixels.
    """

    def __init__(
        self, session: Session, work: Work, tools: list[Tool], tell: Callable[[Faces, bool], Any]
    ) -> None:
        self.session, self.work, self.tools, self._tell = session, work, tools, tell
        self._asked: tuple[int | None, tuple[str, ...]] | None = None
        self._task: Task | None = None
        self._found: dict[str, Drawn] = {}
        self._due: set[str] = set()
        self.wanted: dict[str, tuple[LayerInfo, float, float]] = {}

    @property
    def has_model(self) -> bool:
        """Whether the network can be asked for what the run does not hold."""
        lens = self.session.lens
        return bool(self.tools) and lens is not None and lens.model is not None

    def want(self, layers: Iterable[tuple[LayerInfo, float, float]]) -> None:
        """Say which layers are drawn with a face, with width and height in pixels."""
        self.wanted = {layer.name: (layer, width, height) for layer, width, height in layers}
        self.ask()

    def ask(self) -> None:
        """Find the faces of the sample in focus."""
        focus = self.session.state.focus
        asked = (focus, tuple(self.wanted))
        if asked == self._asked:
            return
        self._asked = asked
        if self._task is not None:
            self.work.drop(self._task)
        self._task, self._found = None, {}
        if self.session.lens is None or self.session.data.position(focus) is None or focus is None:
            self._tell({}, False)
            return
        wanted = dict(self.wanted)
        computed = self.has_model and bool(self._pooled(wanted))
        self._due = {READ, COMPUTED} if computed else {READ}
        if computed:  # first: it takes its turn behind what else asks the network for this sample
            self._compute(asked)
        aside(
            self.session,
            lambda: self._held(focus, wanted),
            lambda faces: self._arrived(asked, READ, faces),
        )

    def _arrived(self, asked: Any, what: str, faces: Faces) -> None:
        """Tell what is there so far, if it is still wanted."""
        if asked == self._asked:
            self._found |= faces
            self._due.discard(what)
            self._tell(dict(self._found), COMPUTED in self._due)

    def _compute(self, asked: Any) -> None:
        def failed(error: BaseException) -> None:
            self._arrived(asked, COMPUTED, {})
            self.session.report(error, "warning")

        tool = self.tools[0]
        try:
            self._task = self.work.submit(
                tool.id,
                tool.title,
                lambda result: self._arrived(asked, COMPUTED, self._means(result)),
                {"sample": [asked[0]]},
                failed=failed,
                listed=False,
            )
        except NNLensError as error:
            failed(error)

    def _means(self, result: xr.Dataset) -> dict[str, Drawn]:
        """Take the faces out of what the network computed."""
        means = result["layer_mean"].values[0]
        names = result["layer"].values.tolist()
        return {name: face(means[names.index(name)]) for name in self._pooled(self.wanted) if name in names}

    def _pooled(self, wanted: Mapping[str, Any]) -> list[str]:
        """Return the wanted layers of which the run holds only means over space, or nothing."""
        lens = self.session.lens
        kept = {layer.name for layer in lens.store.layers if layer.kept} if lens else set()
        return [name for name in wanted if name not in kept and name != INPUT]

    def _held(self, focus: int, wanted: Mapping[str, tuple[LayerInfo, float, float]]) -> dict[str, Drawn]:
        """Read the faces that the run has."""
        lens = self.session.lens
        if lens is None:
            return {}
        store = lens.store
        kept = [layer.name for layer in store.layers if layer.kept and layer.name in wanted]
        values = {name: array[0] for name, array in store.activations([focus], kept).items()}
        if not self.has_model:
            position = store.positions([focus])
            for layer in store.layers:
                if layer.pooled and not layer.kept and layer.name in wanted:
                    values[layer.name] = store.pooled(layer.name)[position].values[0]
        faces = {name: face(_flat(values[name], *wanted[name][1:])) for name in values}
        if INPUT in wanted and self.session.data.pictured:
            faces[INPUT] = picture(self.session.data.images([focus])[0])
        return faces


def _flat(values: Array, width: float, height: float) -> Array:
    """Reduce a layer's output to (y, x): the mean over channels, or the units of a flat layer row by row."""
    array = np.asarray(values, np.float32)
    return array.mean(axis=0) if array.ndim == 3 else unfolded(array.ravel(), width, height)


def unfolded(vector: Array, width: float, height: float) -> Array:
    """Lay a vector out row by row so that it fills a box; what is left of the last row is NaN."""
    if len(vector) > UNITS:
        starts = np.linspace(0, len(vector), UNITS, endpoint=False).astype(int)
        vector = np.add.reduceat(vector, starts) / np.diff([*starts, len(vector)])
    columns = folds(len(vector), height, width)
    rows = math.ceil(len(vector) / columns)
    filled = np.full(rows * columns, np.nan, np.float32)
    filled[: len(vector)] = vector
    return filled.reshape(rows, columns)


def face(values: Array) -> Drawn:
    """Draw values (y, x) from the lowest, clear, to the highest, opaque; what is no number is clear."""
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    alpha = np.where(finite, (np.nan_to_num(values) - low) * scale, 0)
    url = data_url(np.dstack([np.zeros_like(alpha), alpha]).round().astype(np.uint8))
    return url, "mask smooth" if min(values.shape) > SMOOTH else "mask"


def picture(image: NDArray[np.uint8]) -> Drawn:
    """Draw a picture: a grey one as ink that is opaque where it is bright, as the layers are."""
    small = image[:: max(1, image.shape[0] // SIDE), :: max(1, image.shape[1] // SIDE)]
    return (
        face(small[..., 0].astype(np.float32)) if small.shape[-1] == 1 else (data_url(small), "photo smooth")
    )
