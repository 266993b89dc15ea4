"""Vectors from the maps of a spatial layer: shrink, flatten, keep most of the variance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_embedding.linear import axes_for_share, project
from nnlens_embedding.rows import Float, Rows
from nnlens_embedding.text import caption, count, samples_used
from nnlens_embedding.work import ticker


class Reduce(Analysis):
    """Turn the maps of a spatial layer into short vectors that keep where things are.

    Answers "what does this layer tell apart?" where its mean over space would forget positions; misleads where the
    variance that is cut off is the one that matters.
    """

    title = "pooling and PCA"
    requires = {"activation": ("sample", "channel", "y", "x")}
    provides = {"embedding": ("sample", "unit")}

    pool = param.Selector(
        default=4,
        objects=[1, 2, 4, 8],
        precedence=10,
        doc="Factor by which each side of a map is averaged down.",
    )
    variance = param.Number(0.9, bounds=(0.1, 0.999), precedence=10, doc="Share of the variance to keep.")

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: reading and pooling all maps, and the spectrum of what is left."""
        samples, channels = sizes.get("sample", 0), sizes.get("channel", 1)
        side, other = sizes.get("y", 1), sizes.get("x", 1)
        units = channels * -(-side // self.pool) * -(-other // self.pool)
        reading = samples * channels * side * other * 3e-9
        return 0.2 + reading + samples * units * min(units, 4096) * 1.2e-11 + min(units, 4096) ** 3 * 6e-11

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Reduce the finite samples; a constant layer gives one unit of zeros."""
        maps = data["activation"]
        rows = Rows(maps, lambda block: pooled(block, self.pool), tick=ticker(context, "reading the layer"))
        basis = axes_for_share(rows, self.variance, context.rng, ticker(context, "finding directions"))
        embedding = rows.restored(project(rows, basis))
        if not embedding.shape[1]:
            embedding = np.zeros((len(rows), 1), np.float32)
        share = float(basis.ratio.sum())
        facts = {"kept_variance": share, "left_out": rows.left_out}
        return xr.Dataset(
            {"embedding": (("sample", "unit"), embedding, facts)},
            coords={"sample": rows.ids},
            attrs={
                "caption": caption(
                    f"maps ÷{self.pool}" if self.pool > 1 else "whole maps",
                    f"{count(rows.units, 'unit')} → PCA {embedding.shape[1]}",
                    f"{share:.0%} of the variance" if len(basis.axes) else "no variance",
                    samples_used(len(rows), rows.left_out),
                ),
                **facts,
            },
        )


def pooled(maps: NDArray[np.generic], factor: int) -> Float:
    """Average maps (sample, channel, y, x) over squares and flatten them to (sample, unit).

    Squares that stick out at the lower and right edge are averaged over what they have; a map smaller than a square
    becomes one number.
    """
    with np.errstate(over="ignore"):
        values = maps.astype(np.float32, copy=False)
    if factor == 1:
        return values.reshape(len(values), -1)
    for axis in (2, 3):
        values = _averaged(values, factor, axis)
    return values.reshape(len(values), -1)


def _averaged(values: Float, factor: int, axis: int) -> Float:
    """Average along one axis, by adding every factor-th slice: several times as fast as reducing short runs."""
    lined = np.moveaxis(values, axis, 0)
    total = lined[::factor].copy()
    counts = np.ones(len(total), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for offset in range(1, min(factor, len(lined))):
            part = lined[offset::factor]
            total[: len(part)] += part
            counts[: len(part)] += 1
    return np.moveaxis(total / counts.reshape(-1, *[1] * (values.ndim - 1)), 0, axis)
