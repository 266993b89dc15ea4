"""Compiled loops over maps (sample, channel, place): each map is read while it is in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function once for good; it releases the interpreter lock and starts no threads."""

    def compile_it(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        except RuntimeError:  # neither the package nor the user's cache folder can be written
            return numba.njit(nogil=True, error_model="numpy", **options)(function)

    return compile_it


@kernel(fastmath={"nsz", "contract", "reassoc"})
def measure(maps: Any, low: Any, high: Any, total: Any, size: Any) -> None:
    """Find the range of each map, its sum and the sum of its absolute values, which is finite if all values are."""
    for sample in range(maps.shape[0]):
        for channel in range(maps.shape[1]):
            first = maps[sample, channel, 0]
            least, most, sum_, magnitude = first, first, 0.0, 0.0
            for place in range(maps.shape[2]):
                value = maps[sample, channel, place]
                least, most = min(least, value), max(most, value)
                sum_ += value
                magnitude += abs(value)
            low[sample, channel], high[sample, channel] = least, most
            total[sample, channel], size[sample, channel] = sum_, magnitude


@kernel()
def entropy(maps: Any, low: Any, high: Any, bins: int, out: Any) -> None:
    """Compute −Σ p ln p over `bins` equal bins from each map's own minimum to its maximum; 0 for a constant map."""
    counts = np.zeros(bins, np.int64)
    for sample in range(maps.shape[0]):
        for channel in range(maps.shape[1]):
            least = np.float64(low[sample, channel])
            span = np.float64(high[sample, channel]) - least
            out[sample, channel] = 0
            if span <= 0:
                continue
            counts[:] = 0
            for place in range(maps.shape[2]):
                # multiplied before it is divided: a value on an edge then falls into the bin that begins there
                bin_ = int((np.float64(maps[sample, channel, place]) - least) * bins / span)
                counts[min(bin_, bins - 1)] += 1
            for number in counts:
                if number:
                    share = number / maps.shape[2]
                    out[sample, channel] -= share * np.log(share)


@kernel()
def at_most(maps: Any, most: Any, out: Any) -> None:
    """Count the values of each channel that equal its `most`."""
    for sample in range(maps.shape[0]):
        for channel in range(maps.shape[1]):
            number, wanted = 0, most[channel]
            for place in range(maps.shape[2]):
                number += maps[sample, channel, place] == wanted
            out[channel] += number


@kernel(fastmath={"nsz", "contract", "reassoc"})
def spread(maps: Any, center: Any, out: Any) -> None:
    """Add up the squared distances of each channel's values from its `center`."""
    for sample in range(maps.shape[0]):
        for channel in range(maps.shape[1]):
            sum_, middle = 0.0, center[channel]
            for place in range(maps.shape[2]):
                away = maps[sample, channel, place] - middle
                sum_ += away * away
            out[channel] += sum_


@kernel()
def keep_best(maps: Any, high: Any, ids: Any, best: Any, sample_of: Any, place_of: Any) -> None:
    """Sort the samples with the largest values into the lists of the channels; equal values go by the lower id."""
    last = best.shape[1] - 1
    for sample in range(maps.shape[0]):
        identity = ids[sample]
        for channel in range(maps.shape[1]):
            value = high[sample, channel]
            if value < best[channel, last] or (
                value == best[channel, last] and identity > sample_of[channel, last]
            ):
                continue
            rank = last
            while rank > 0 and (
                value > best[channel, rank - 1]
                or (value == best[channel, rank - 1] and identity < sample_of[channel, rank - 1])
            ):
                best[channel, rank] = best[channel, rank - 1]
                sample_of[channel, rank] = sample_of[channel, rank - 1]
                place_of[channel, rank] = place_of[channel, rank - 1]
                rank -= 1
            place = 0
            while maps[sample, channel, place] != value:
                place += 1
            best[channel, rank], sample_of[channel, rank] = value, identity
            place_of[channel, rank] = place
