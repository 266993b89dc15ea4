"""How much a channel cares for one class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens_channels.blocks import Block, Double, Layer
from nnlens_channels.text import caption, samples_used

Index = NDArray[np.int64]


class Selectivity(Analysis):
    """Measure how much each channel prefers one class to the others.

    Answers "which class does this channel stand for?"; misleads about its worth: a network can do without its selective
    channels, and one that fires for two of ten classes looks unselective.

    The index is (μ_max − μ_rest) / (μ_max + μ_rest) of the mean activations of the classes, where μ_rest is the mean of
    the means of the other classes: 0 where all are equal, 1 where only one class drives the channel. Maps count by
    their mean over space. Negative values of that count as 0, as a ReLU would have it; a channel
    that is never above 0 has the index 0 and the class −1.

    References
    ----------
    .. [1] Morcos, Barrett, Rabinowitz, Botvinick, On the importance of single directions for generalization, 2018,
       arXiv 1803.06959.
    """

    title = "Class selectivity"
    priority = -1  # in the menu after what works on any layer and asks nothing
    requires = {"pooled": ("sample", "channel"), "label": ("sample",)}
    provides = {"selectivity": ("channel",), "preferred_class": ("channel",)}

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass over the means."""
        return 0.05 + sizes.get("sample", 0) * sizes.get("channel", sizes.get("unit", 1)) * 2e-8

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Average the finite samples that have a label over each class."""
        layer = Layer(data["pooled"], context)
        ids, labels = data["sample"].to_numpy(), data["label"].to_numpy().astype(np.int64)
        order = np.argsort(ids)
        sums = ClassSums(layer.channels, int(labels.max()) + 1)
        for block in layer.blocks():
            sums.add(block, labels[order[np.searchsorted(ids, block.ids, sorter=order)]])
        classes = np.flatnonzero(sums.counts)
        if len(classes) < 2:
            raise AnalysisError(
                f"Selectivity compares classes, and the labels of these samples name {len(classes)}.",
                "Choose samples of two classes at least.",
            )
        index, best = selectivity(sums.means[classes])
        used = int(sums.counts.sum())
        return xr.Dataset(
            {
                "selectivity": ("channel", index.astype(np.float32)),
                "preferred_class": ("channel", np.where(best < 0, -1, classes[best])),
            },
            attrs={
                "caption": caption(
                    f"mean {index.mean():.3f}",
                    f"{len(classes):,} classes",
                    "negative values count as 0" if sums.signed else "",
                    samples_used(used, layer.rows - used),
                ),
                "classes": len(classes),
                "signed": sums.signed,
                "left_out": layer.rows - used,
            },
        )


class ClassSums:
    """Sums of the positive part of activations over the samples of each class.

    Parameters
    ----------
    channels, classes : int
    """

    def __init__(self, channels: int, classes: int) -> None:
        self.counts: Index = np.zeros(max(classes, 0), np.int64)
        self._sums: Double = np.zeros((max(classes, 0), channels))
        self.signed = False

    def add(self, block: Block, label: Index) -> None:
        """Take in a block; samples without a label are left out."""
        known = label >= 0
        values = block.maps[known, :, 0].astype(np.float64)
        self.signed = self.signed or bool((values < 0).any())
        member = label[known] == np.arange(len(self.counts))[:, None]
        self._sums += member.astype(np.float64) @ np.maximum(values, 0)
        self.counts += member.sum(axis=1)

    @property
    def means(self) -> Double:
        """The mean (class_, channel) of each class; 0 for a class without samples."""
        return self._sums / np.maximum(self.counts, 1)[:, None]


def selectivity(means: Double) -> tuple[Double, Index]:
    """Return the index of each channel, and the row of the class that drives it most.

    Parameters
    ----------
    means : ndarray, dims (class_, channel)
        None is negative. Equal means go to the first class; where all are 0 the index is 0 and the row is −1.
    """
    best = means.argmax(axis=0)
    most = means.max(axis=0)
    rest = (means.sum(axis=0) - most) / (len(means) - 1)
    both = most + rest
    index = np.divide(most - rest, both, out=np.zeros_like(both), where=both > 0)
    return np.clip(index, 0, 1), np.where(both > 0, best, -1)
