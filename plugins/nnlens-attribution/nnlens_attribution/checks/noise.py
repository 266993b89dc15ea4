"""Whether maps stay what they are when the input hardly changes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model
from nnlens_attribution.checks.checking import Check, groups, maps_again, maps_of, method_of, over
from nnlens_attribution.targets import network

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

GREY = 100
"""A value from which the scale of inputs is told: white is a trap in some networks of tests, and clipped in others."""


class NoiseSensitivity(Check):
    """Put small noise on the input, and see how much the map changes.

    Answers "would the map be another one for an image that looks the same?"; misleads where the network itself is not
    smooth: then a faithful map changes too. It is the length of the change as a share of the length of the map; the
    largest of the draws, which is a lower bound of the sensitivity, and their mean. NaN for a map that is zero and
    does not stay so. A method that reads the image without asking the network for its input sees no noise.

    References
    ----------
    .. [1] Yeh et al., On the (in)fidelity and sensitivity of explanations, 2019, arXiv 1901.09392.
    """

    title = "Noise sensitivity"
    provides = {"sensitivity": ("sample",), "mean_sensitivity": ("sample",)}

    draws = param.Integer(10, bounds=(1, 10_000), doc="Noisy copies of every sample.")
    radius = param.Number(
        0.02, bounds=(0, 1), doc="Largest change of a pixel, as a share of the way from black to white."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.05 + self.draws * sizes.get("sample", 1) * 0.005

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Compare the maps of each draw; a stop keeps the draws that are done."""
        model, parts = network(context), groups(data, context)
        size = self.radius * white_to_black(model, data["input"].shape[1:])
        seed = int(context.rng.integers(2**31))
        changes = np.zeros((self.draws, data.sizes["sample"]), np.float64)
        done = 0
        for draw in range(self.draws):
            noisy = cast(Model, Noisy(model, size, (seed, draw)))
            for number, group in enumerate(parts):
                changes[draw, group.positions] = change(
                    maps_of(data, group), maps_again(context, group, noisy)
                )
                context.progress(draw * len(parts) + number + 1, self.draws * len(parts), "adding noise")
            done = draw + 1
            if context.stopping:
                break
        largest, mean = changes[:done].max(axis=0), changes[:done].mean(axis=0)
        names = {"short_name": "sensitivity"}, {"short_name": "mean sensitivity"}
        return xr.Dataset(
            {
                "sensitivity": ("sample", largest.astype(np.float32), names[0]),
                "mean_sensitivity": ("sample", mean.astype(np.float32), names[1]),
            },
            coords={"sample": data["sample"]},
            attrs={"caption": " · ".join(self._said(method_of(data), largest, mean, done)), "draws": done},
        )

    def _said(self, method: str, largest: Float, mean: Float, draws: int) -> Iterator[str]:
        yield f"{method} under noise of at most {100 * self.radius:.3g} % of the range"
        if np.isfinite(largest).any():
            yield f"the map changes by {_percent(mean)} of its length in the mean of {draws} draws"
            yield f"by {_percent(largest)} at most"
        else:
            yield "the map is zero, so a change has no share"
        yield from over(len(largest))


class Noisy:
    """A network that sees noise on its inputs, the same for the same image, and is the network in all else.

    Parameters
    ----------
    model : Model
    size : ndarray, dims (channel, y, x)
        The largest noise, in the network's own units.
    seed : tuple of int
    """

    def __init__(self, model: Model, size: Float, seed: tuple[int, ...]) -> None:
        self._model, self._size, self._seed = model, size, seed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def prepare(self, images: Images) -> Float:
        """Turn images into inputs and add the noise."""
        # drawn by the image itself, so that batches and repeated calls make no difference
        noise = [self._drawn(zlib.crc32(np.ascontiguousarray(image))) for image in images]
        return self._model.prepare(images) + np.stack(noise)

    def _drawn(self, number: int) -> Float:
        chance = np.random.default_rng((*self._seed, number)).uniform(-1, 1, self._size.shape)
        return self._size * chance.astype(np.float32)


def white_to_black(model: Model, shape: tuple[int, ...]) -> Float:
    """Return the way from black to white (channel, y, x) in the network's own units."""
    channels, height, width = shape
    grey = np.full((1, height, width, channels), GREY, np.uint8)
    return (model.prepare(grey) - model.prepare(np.zeros_like(grey)))[0] * np.float32(255 / GREY)


def change(maps: Float, others: Float) -> Float:
    """Return the length of each map's change, as a share of its own length; NaN where it has none."""
    flat, moved = (each.reshape(len(each), -1).astype(np.float64) for each in (maps, others))
    length, moved_by = np.linalg.norm(flat, axis=1), np.linalg.norm(moved - flat, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(moved_by == 0, 0, np.where(length > 0, moved_by / length, np.nan))
    return np.asarray(share)


def _percent(values: Float) -> str:
    return f"{100 * float(np.nanmean(values)):.0f} %"
