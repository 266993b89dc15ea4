"""RISE: which pixels were seen when the target was probable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.models.base import Float, Model
from nnlens_attribution.batches import batch_size, pieces
from nnlens_attribution.cams import interpolation
from nnlens_attribution.explaining import PROVIDES
from nnlens_attribution.masking import Score
from nnlens_attribution.probing import Tick, Work, explain_singly
from nnlens_attribution.targets import network


class RISE(Analysis):
    """Hide random parts of the image and show which pixels were seen when the target was probable.

    Answers "what does the network have to see?", also of a network without gradients; misleads with few masks, whose
    own pattern shows, and where the probability is near one whatever is hidden: then the map is flat. It is the mean of
    the target's probability weighted by what each random mask shows, divided by the expectation of a mask; what is
    hidden becomes the mean of the preprocessing. All samples of a request see the same masks. Of a unit as target it is
    the activation that is weighted.

    References
    ----------
    .. [1] Petsiuk et al., RISE, 2018, arXiv 1806.07421.
    """

    title = "RISE"
    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True

    masks = param.Integer(2000, bounds=(1, 1_000_000), doc="Random masks; the paper has 4,000 to 8,000.")
    cells = param.Integer(
        7, bounds=(1, 100), precedence=10, doc="Cells of a mask along each side; at most one a pixel is used."
    )
    probability = param.Number(
        0.5, bounds=(0.01, 1), precedence=10, doc="How probable it is that a cell is seen."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.01 + sizes.get("sample", 1) * self.masks * 0.001

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward pass a mask; a stop gives the mean so far."""
        used = network(context).preprocess
        cells = min(self.cells, used.height, used.width)
        masks = draw_masks(context.rng, self.masks, cells, self.probability, used.height, used.width)

        def probe(model: Model, image: Float, score: Score, tick: Tick) -> Float:
            return rise(image, masks, score, batch_size(model, held=1), tick)

        words = (
            f"{len(masks):,} masks of {cells}×{cells} cells, each seen with probability {self.probability:g}"
        )
        return explain_singly(data, context, Work(probe, "probability", len(masks), words))


@dataclass(frozen=True)
class Masks:
    """Random masks, held as their cells and shifts: a few bytes each, until they are drawn out to pixels.

    Attributes
    ----------
    grids : ndarray of bool, dims (mask, row, column)
        Cells that are seen.
    shifts : ndarray of int, dims (mask, 2)
        Pixels by which each is moved, down and to the right, less than a cell.
    height, width : int
    probability : float
        Of a cell to be seen, which is the expectation of every pixel.
    """

    grids: NDArray[np.bool_]
    shifts: NDArray[np.int64]
    height: int
    width: int
    probability: float

    def __len__(self) -> int:
        return len(self.grids)

    def drawn(self, part: slice) -> Float:
        """Return some masks in pixels (mask, y, x), from 0 to 1."""
        cells = self.grids.shape[1]
        shifts = self.shifts[part]
        rows = _moved(cells, self.height, shifts[:, 0])
        columns = _moved(cells, self.width, shifts[:, 1])
        return rows @ self.grids[part].astype(np.float32) @ columns.transpose(0, 2, 1)


def draw_masks(
    rng: np.random.Generator, count: int, cells: int, probability: float, height: int, width: int
) -> Masks:
    """Draw masks as RISE does: coarse cells, enlarged bilinearly to one cell more than the image, moved at random."""
    grids = rng.random((count, cells, cells)) < probability
    steps = [_cell(cells, height), _cell(cells, width)]
    return Masks(grids, rng.integers(0, steps, (count, 2)), height, width, probability)


def rise(image: Float, masks: Masks, score: Score, batch: int, tick: Callable[[int], bool]) -> Float:
    """Return the mean over masks (y, x) of mask × score of the masked image, divided by the expectation of a mask.

    Parameters
    ----------
    image : ndarray, dims (channel, y, x)
        In the network's own units, in which what is masked becomes zero.
    masks : Masks
    score : callable
        Inputs → the target's probability (sample,).
    batch : int
        Masks in one pass.
    tick : callable
        Told how many masks are done; whether to end with these.
    """
    total, done = np.zeros(masks.height * masks.width, np.float64), 0
    for part in pieces(len(masks), batch):
        mask = masks.drawn(part)
        total += score(image * mask[:, None]) @ mask.reshape(len(mask), -1)
        done = part.stop
        if tick(done):
            break
    return (total / (done * masks.probability)).reshape(masks.height, masks.width).astype(np.float32)


def _cell(cells: int, pixels: int) -> int:
    return math.ceil(pixels / cells)


def _moved(cells: int, pixels: int, shift: NDArray[np.int64]) -> Float:
    """Return the weights (mask, pixel, cell) of each mask's own cut of the enlarged grid."""
    weights = interpolation(cells, (cells + 1) * _cell(cells, pixels))
    return weights[shift[:, None] + np.arange(pixels)]
