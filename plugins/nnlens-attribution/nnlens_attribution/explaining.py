"""What every attribution by gradients shares: batches of samples in, maps out, and what is said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray import Coordinates

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model, Pass
from nnlens.rules import PLAIN, Rule
from nnlens.schema import INPUT
from nnlens_attribution.batches import batch_size, image_batches
from nnlens_attribution.targets import Target, network, target_of, told

ABOUT = {"target": ("sample",), "probability": ("sample",)}
"""What stands beside every map; of a unit as target the activation stands for the probability."""
PROVIDES = {"attribution": ("sample", "y", "x"), **ABOUT}
COLORED = {"attribution": ("sample", "channel", "y", "x"), **ABOUT}

NOTHING = (
    "The network's output or its gradient is not finite here, so there is nothing to explain.",
    "Look at the image and at the preprocessing.",
)


class Attribution(Analysis):
    """The base of what explains samples, each by a map of its image; its subclasses are registered."""

    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True

    passes = 1.0
    """Forward and backward passes for a sample."""

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.01 + sizes.get("sample", 1) * 0.004 * self.passes


@dataclass(frozen=True)
class Made:
    """What a method made of one batch.

    Attributes
    ----------
    passed : Pass
        With logits, and the activations of ``target.kept``.
    attribution : ndarray, dims (sample, y, x) or (sample, channel, y, x)
    more : mapping of str to ndarray, dims (sample,)
        Other variables of the result.
    target : Target or None
        What was explained, where it is something else than the target.
    """

    passed: Pass
    attribution: Float
    more: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    target: Target | None = None


Method = Callable[[Model, Float, Target], Made]
"""(model, inputs, target) → what was made of them."""


def backward(
    model: Model,
    inputs: Float,
    target: Target,
    wrt: Sequence[str] = (INPUT,),
    keep: Sequence[str] = (),
    rule: str | Rule = PLAIN,
) -> Pass:
    """Run one forward and one backward pass from the target."""
    return model.vjp(inputs, target.seed, target.layer, wrt, (*keep, *target.kept), rule)


def explain(data: xr.Dataset, context: Context, method: Method, words: str) -> xr.Dataset:
    """Explain all samples, in batches that fit; a stop keeps those that are done.

    Parameters
    ----------
    data : Dataset
        With ``image``, and ``label`` where that is the target.
    context : Context
    method : callable
    words : str
        What the caption says of the method.

    Returns
    -------
    Dataset
        ``attribution``, ``target``, ``probability`` and what else the method made, for the samples whose output and map
        are finite; raw values.

    Raises
    ------
    AnalysisError
        If no output is finite.
    JobCancelledError
        If nobody wants them any more.
    """
    model = network(context)
    samples, ids = data.sizes["sample"], data["sample"].to_numpy()
    held, seen = Held(context, samples), 0
    for rows, images in image_batches(data, context, 1 if samples == 1 else batch_size(model)):
        target = target_of(data, context, rows)
        held.add(ids[rows], method(model, model.prepare(images), target), target)
        seen = rows.stop
        if context.stopping and held.count:
            break
    if not held.count:
        raise AnalysisError(*NOTHING)
    return held.result(words, seen - held.count, model, data.coords if held.count == samples else None)


class Held:
    """Collects the maps of all batches; those whose output is not finite are left out.

    Parameters
    ----------
    context : Context
        Which gives the room for them.
    samples : int
        How many there may be.
    """

    def __init__(self, context: Context, samples: int) -> None:
        self._context, self._samples = context, samples
        self._maps: Float | None = None
        self._parts: list[dict[str, NDArray[np.generic]]] = []
        self._plain: tuple[str, ...] = ()
        self._target = Target(None)
        self.count = 0

    def add(self, ids: NDArray[np.int64], made: Made, target: Target) -> None:
        """Take one batch."""
        passed, maps, target = made.passed, made.attribution, made.target or target
        chances = target.chances(passed.logits, passed.activations)
        part = {
            "sample": ids.astype(np.int64, copy=False),
            "target": target.numbers(passed.logits),
            "probability": chances.astype(np.float32, copy=False),
            **{name: np.asarray(values, np.float32) for name, values in made.more.items()},
        }
        # a sum is finite where all its parts are, but for one that overflows
        good = np.isfinite(chances) & np.isfinite(maps.sum(axis=tuple(range(1, maps.ndim)), dtype=np.float64))
        if not good.all():
            maps, part = maps[good], {name: values[good] for name, values in part.items()}
        self._keep(maps)
        self._parts.append(part)
        self._plain, self._target = passed.plain_at, target

    def _keep(self, maps: Float) -> None:
        if self._maps is None and len(maps) == self._samples:
            self._maps = np.ascontiguousarray(maps, np.float32)
        else:
            if self._maps is None:
                self._maps = self._context.empty((self._samples, *maps.shape[1:]))
            self._maps[self.count : self.count + len(maps)] = maps
        self.count += len(maps)

    def result(
        self,
        words: str,
        left_out: int,
        model: Model,
        coords: Coordinates | None = None,
        of_logits: bool = True,
    ) -> xr.Dataset:
        """Put everything into one dataset, with what was really used.

        `coords` are those of the samples where none was left out: to make an index takes a third of the time.
        """
        assert self._maps is not None  # noqa: S101
        found = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        ids = found.pop("sample")
        dims = ("sample", "y", "x") if self._maps.ndim == 3 else ("sample", "channel", "y", "x")
        said = [words, told(self._target, found["target"], found["probability"]), *_lost(left_out)]
        said += [*_passed(self._plain), *_doubts(model, of_logits)]
        return xr.Dataset(
            {
                "attribution": (dims, self._maps[: self.count]),
                **{name: ("sample", values) for name, values in found.items()},
                "target": ("sample", found["target"], {"layer": self._target.layer or ""}),
            },
            coords=coords if coords is not None and set(coords) == {"sample"} else {"sample": ids},
            attrs={
                "caption": " · ".join(part for part in said if part),
                "left_out": left_out,
                "from_logits": bool(model.has_logits),
                "plain_at": ", ".join(self._plain),
            },
        )


def _lost(left_out: int) -> list[str]:
    return [f"{left_out:,} left out"] if left_out else []


def _passed(plain_at: Sequence[str]) -> list[str]:
    """Say at which nonlinearities the rule had nothing to say."""
    kinds = Counter(each.rpartition("(")[2].rstrip(")") for each in plain_at)
    words = " and ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return [f"plain gradient at {words}"] if kinds else []


def _doubts(model: Model, of_logits: bool) -> list[str]:
    if model.has_logits or not of_logits:
        return []
    return ["of the logarithm of probabilities: the network gives no logits"]
