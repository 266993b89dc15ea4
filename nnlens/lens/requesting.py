"""What may be asked of an analysis on a run: checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Request
from nnlens.errors import AnalysisError, PluginError
from nnlens.lens.casting import complete
from nnlens.lens.layers import check_channel, check_layer
from nnlens.lens.targets import check_target
from nnlens.registry import Registry

if TYPE_CHECKING:
    from nnlens.store import Store

IMAGES = "images"
Using = str | xr.Dataset | Sequence[str | xr.Dataset]
"""Results to compute from: Datasets that a Lens returned, their keys, or names of analyses to run first."""

Ids = int | Sequence[int] | NDArray[np.int64] | None
"""The samples that a request is about, by id; None is all of them."""


@dataclass(frozen=True)
class Choices:
    """What comes with a request beside the analysis' own parameters; see `nnlens.analysis.Request`."""

    layer: str | None = None
    sample: Ids = None
    channel: int | None = None
    target: int | str | None = None
    seed: int | None = 0
    using: Using = ()


def find_analysis(registry: Registry, name: str) -> tuple[str, type[Analysis]]:
    """Return an analysis' ``dist:name`` and its class.

    Raises
    ------
    AnalysisError
        If there is none of this name.
    PluginError
        If it is broken.
    """
    try:
        identity = registry.info(name).id
    except PluginError as error:
        raise AnalysisError(error.message, error.hint) from error
    return identity, registry.load_analysis(identity)


def make_request(
    store: Store, registry: Registry, analysis: str, choices: Choices, parameters: Mapping[str, Any]
) -> Request:
    """Check what is asked and complete it.

    Raises
    ------
    AnalysisError
        If the analysis, a parameter, the layer, a sample, the channel or the target does not exist; says what does.
    """
    if not isinstance(analysis, str):
        raise AnalysisError(
            f"A {type(analysis).__name__} names no analysis.", "Give its name, such as 'pca', or a Request."
        )
    identity, cls = find_analysis(registry, analysis)
    name = identity.rpartition(":")[2]
    if cls.needs_model and not store.has_model:
        raise without_model(cls, name, ["the network"])
    _check_seed(choices.seed)
    sample = check_sample(store, choices.sample)
    layer = check_layer(store, choices.layer)
    return Request(
        identity,
        complete(cls, parameters, name),
        layer,
        sample,
        _check_channel(store, cls, layer, choices.channel, name),
        check_target(store, choices.target, sample),
        _index(choices.seed),
        using_keys(registry, choices.using),
    )


def without_model(cls: type[Analysis], name: str, lacking: Sequence[str]) -> AnalysisError:
    """Return the error for an analysis of what a run without a network does not have."""
    words = " and ".join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
    if words == IMAGES:
        return AnalysisError(
            f"{cls.title or name} needs images, and this run has none: it was made of embeddings alone.",
            "Make it again with images=… (--images).",
        )
    return AnalysisError(
        f"{cls.title or name} needs {words}, and this run has none: it was made of embeddings, without a network.",
        "Capture the network with its data set: nnlens capture MODEL SAMPLES RUN.",
    )


def _check_channel(
    store: Store, cls: type[Analysis], layer: str | None, channel: int | None, name: str
) -> int | None:
    if channel is not None and not (cls.takes_channel or cls.scope == "channel"):
        raise AnalysisError(f"{name} looks at no single channel.", "Leave the channel out.")
    return check_channel(store, layer, channel, cls.scope == "channel", name)


def check_sample(store: Store, sample: Ids) -> tuple[int, ...] | None:
    """Return sorted unique ids; None where they are all there are, so that both ways to say it give one key.

    Raises
    ------
    AnalysisError
        If there are none, or the run does not have one.
    """
    if sample is None:
        return None
    ids = _ids(sample)
    if not ids.size:
        raise AnalysisError("No samples were given.", "Leave sample out to take all of them.")
    missing = ids[~np.isin(ids, store.ids)]
    if missing.size:
        words = ", ".join(str(each) for each in missing[:5])
        raise AnalysisError(f"The run has no sample {words}.", _nearest(store.ids, int(missing[0])))
    return None if ids.size == store.committed else tuple(ids.tolist())


def _nearest(ids: NDArray[np.int64], missing: int) -> str:
    """Say which ids there are about one that is not: those of a part of a data set have gaps."""
    place = int(np.searchsorted(ids, missing))
    around = " and ".join(str(each) for each in ids[max(place - 1, 0) : place + 1])
    return f"It has {len(ids):,} samples, {ids[0]} to {ids[-1]}; the nearest: {around}."


def _ids(sample: object) -> NDArray[np.int64]:
    """Read ids; a mask is none, though Python takes True for 1."""
    try:
        given = np.asarray(sample)
    except ValueError:  # lists of different lengths
        given = np.asarray(None)
    if given.size and given.dtype.kind not in "iu":
        raise AnalysisError("sample must be ids, which are whole numbers.", "Such as sample=[0, 7].")
    return np.unique(given.astype(np.int64))


def using_keys(registry: Registry, using: Using) -> tuple[str, ...]:
    """Return keys of results, and ``dist:name`` of analyses to be run first.

    Raises
    ------
    AnalysisError
        If a Dataset is not a result of a Lens.
    """
    parts = [using] if isinstance(using, str | xr.Dataset) else list(using)
    return tuple(_using_key(registry, part) for part in parts)


def is_key(text: str) -> bool:
    """Whether this is the key of a result and not a name."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _using_key(registry: Registry, part: str | xr.Dataset) -> str:
    if isinstance(part, str):
        return part if is_key(part) else find_analysis(registry, part)[0]
    if "key" not in part.attrs:
        raise AnalysisError(
            "using takes results of lens.run, and this Dataset has no key.", "Pass what run returned."
        )
    return str(part.attrs["key"])


def _index(value: int | None) -> int | None:
    return None if value is None else int(value)


def _check_seed(seed: int | None) -> None:
    try:
        _index(seed)
    except (TypeError, ValueError, OverflowError) as error:
        raise AnalysisError(f"seed cannot be {seed!r}.", "It is a whole number, or None.") from error


def to_dict(request: Request) -> dict[str, Any]:
    """Return a request as plain data for JSON."""
    return {
        "analysis": request.analysis,
        "parameters": dict(request.parameters),
        "layer": request.layer,
        "sample": None if request.sample is None else list(request.sample),
        "channel": request.channel,
        "target": request.target,
        "seed": request.seed,
        "using": list(request.using),
    }


def from_dict(store: Store, registry: Registry, data: Mapping[str, Any]) -> Request:
    """Rebuild a request from `to_dict`, checked again where it arrives."""
    choices = Choices(
        **{name: data[name] for name in ("layer", "sample", "channel", "target", "seed", "using")}
    )
    return make_request(store, registry, data["analysis"], choices, data["parameters"])
