"""How far the chosen samples differ from the rest in each trait, and how far random selections do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlens_evaluation.shared.draws import Draws
from nnlens_evaluation.shared.traits import Source

Double = NDArray[np.float64]
Tick = Callable[[int], object]
SAME = 1e-5
"""Of a standard deviation: less is rounding of float32."""
NARROW = 1e-6
"""A trait whose deviation is a smaller share of its values is the same for all samples."""


@dataclass(frozen=True)
class Sums:
    """Sums over selections and over all samples, of one source; a sample with a value that is not finite is left out.

    Attributes
    ----------
    base : ndarray, dims (trait,)
        Was taken off every value before it was added up, so that nothing is lost to rounding.
    inside : ndarray, dims (selection, trait)
    count : ndarray, dims (selection,)
        Samples of each selection that have the traits.
    total, square : ndarray, dims (trait,)
    rows : int
        Samples that have the traits.
    class_total, class_square : ndarray, dims (class_, trait)
        Of the classes of the chosen samples.
    class_rows, class_chosen : ndarray, dims (class_,)
        All, and the chosen, samples of these classes that have the traits.
    """

    base: Double
    inside: Double
    count: Double
    total: Double
    square: Double
    rows: int
    class_total: Double
    class_square: Double
    class_rows: Double
    class_chosen: Double


@dataclass(frozen=True)
class Standing:
    """Where the chosen samples stand among random selections of one kind, all in standard deviations of all samples.

    Attributes
    ----------
    z : ndarray, dims (trait,)
        Distance from the mean of random selections, in their own standard deviations; NaN where all are alike.
    p : ndarray, dims (trait,)
        Share of selections, this one included, that are at least as far from that mean.
    low, high : ndarray, dims (trait,)
        What 95 % of the random selections lie between.
    most : ndarray, dims (selection,)
        The largest distance of each random selection in any trait.
    """

    z: Double
    p: Double
    low: Double
    high: Double
    most: Double


@dataclass(frozen=True)
class Contrast:
    """The traits of one source, compared.

    Attributes
    ----------
    shift : ndarray, dims (trait,)
        Mean of the chosen minus mean of the others, in standard deviations of all samples.
    chosen_mean, rest_mean : ndarray, dims (trait,)
    usable : ndarray of bool, dims (trait,)
        False for a trait that is the same for all samples.
    alike, matched : Standing
        Against random selections of all samples, and of as many samples of each class.
    """

    shift: Double
    chosen_mean: Double
    rest_mean: Double
    usable: NDArray[np.bool_]
    alike: Standing
    matched: Standing


def add_up(source: Source, draws: Draws, label: NDArray[np.int64], tick: Tick) -> Sums:
    """Read a source once and add up what is needed of it."""
    traits = len(source.traits)
    classes = np.unique(label[draws.chosen])
    inside, count = np.zeros((len(draws), traits)), np.zeros(len(draws))
    total, square, base, rows = np.zeros(traits), np.zeros(traits), None, 0
    by_class = np.zeros((2, len(classes), traits))
    of_class = np.zeros((2, len(classes)))
    for start, stop in source.blocks():
        values = source.read(start, stop)
        there = np.isfinite(values).all(axis=1)
        if base is None and there.any():
            base = values[there].mean(axis=0, dtype=np.float64).astype(np.float32)
        values = np.where(there[:, None], values - (0 if base is None else base), 0).astype(np.float32)
        member = draws.block(start, stop)
        inside += member @ values
        count += member @ there.astype(np.float32)
        squares = values**2
        total += values.sum(axis=0, dtype=np.float64)
        square += squares.sum(axis=0, dtype=np.float64)
        rows += int(there.sum())
        own = (label[start:stop] == classes[:, None]) & there
        by_class += own.astype(np.float32) @ values, own.astype(np.float32) @ squares
        of_class += own.sum(axis=1), (own & draws.chosen[start:stop]).sum(axis=1)
        tick(stop - start)
    origin = np.zeros(traits) if base is None else base.astype(np.float64)
    return Sums(origin, inside, count, total, square, rows, *by_class, *of_class)


def compare(sums: Sums, draws: Draws) -> Contrast:
    """Turn sums into differences, and these into a place among those of random selections.

    Notes
    -----
    For selections of n among N samples the difference of the means is linear in the sum over the selection, whose
    variance is that of drawing without replacement; by classes it is the sum of theirs. So the spread of random
    selections is known exactly, also where a few hundred draws never meet a rare trait.
    """
    mean = sums.total / max(sums.rows, 1)
    spread = np.sqrt(np.maximum(sums.square / max(sums.rows, 1) - mean**2, 0))
    usable = spread > NARROW * (np.abs(mean + sums.base) + spread)
    unit = np.where(usable, spread, 1)
    n, rest = sums.count, sums.rows - sums.count
    if n[0] < 1 or rest[0] < 1:
        usable = np.zeros_like(usable)
    n, rest = np.maximum(n, 1), np.maximum(rest, 1)
    shifts = (sums.inside / n[:, None] - (sums.total - sums.inside) / rest[:, None]) / unit
    factor = sums.rows / (n[0] * rest[0]) / unit
    offset = sums.total / rest[0] / unit
    everyone = (sums.total[None], sums.square[None], np.array([sums.rows]), n[:1])
    classes = (sums.class_total, sums.class_square, sums.class_rows, sums.class_chosen)
    standings = []
    for half, parts in enumerate((everyone, classes)):
        center, deviation = expected(*parts)
        random = shifts[1 + half * draws.count : 1 + (half + 1) * draws.count]
        standings.append(standing(shifts[0], random, center * factor - offset, deviation * factor, usable))
    return Contrast(
        shifts[0],
        rounded(sums.inside[0] / n[0] + sums.base, spread),
        rounded((sums.total - sums.inside[0]) / rest[0] + sums.base, spread),
        usable,
        *standings,
    )


def rounded(means: Double, spread: Double) -> Double:
    """Return means, zero where they are nothing but rounding of what was added up."""
    return np.where(np.abs(means) < NARROW * spread, 0.0, means)


def expected(total: Double, square: Double, rows: Double, chosen: Double) -> tuple[Double, Double]:
    """Return mean and standard deviation of the sum over random samples, so many of each class, dims (trait,)."""
    rows, chosen = np.maximum(rows, 1)[:, None], chosen[:, None]
    mean = total / rows
    variance = np.maximum(square / rows - mean**2, 0) * rows / np.maximum(rows - 1, 1)
    return (chosen * mean).sum(axis=0), np.sqrt((chosen * (1 - chosen / rows) * variance).sum(axis=0))


def standing(
    shift: Double, random: Double, center: Double, deviation: Double, usable: NDArray[np.bool_]
) -> Standing:
    """Place a difference among those of random selections.

    Parameters
    ----------
    shift : ndarray, dims (trait,)
    random : ndarray, dims (selection, trait)
    center, deviation : ndarray, dims (trait,)
        What random selections have on average, and their standard deviation.
    usable : ndarray of bool, dims (trait,)
    """
    varied = usable & (deviation > SAME)
    away, others = np.abs(shift - center), np.abs(random - center)
    scale = np.where(varied, deviation, 1)
    # draws that agree but for rounding are equal
    as_far = (others >= away - SAME).sum(axis=0)
    low, high = np.percentile(random, [2.5, 97.5], axis=0)
    return Standing(
        np.where(varied, (shift - center) / scale, np.nan),
        np.where(varied, (1 + as_far) / (1 + len(random)), 1.0),
        low,
        high,
        np.max(others / scale, axis=1, where=varied[None], initial=0),
    )
