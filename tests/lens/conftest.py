"""A run with analyses of the test's own, none of what is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import param
import pytest
import xarray as xr

import nnlens
from nnlens.analysis import Need
from nnlens.registry import Registry
from nnlens.testing import tiny_model

CALLS: list[tuple[str, dict[str, Any]]] = []
"""What was computed, in order: the analysis and its parameters."""


def ids(data: xr.Dataset) -> dict[str, Any]:
    return {"sample": data["sample"].values}


class Reduce(nnlens.Analysis):
    """Shrink a spatial layer."""

    title = "Pool"
    requires = {"activation": ("sample", "channel", "y", "x")}
    provides = {"embedding": ("sample", "unit")}
    pool = param.Selector(default=2, objects=[1, 2, 4, 8], doc="Side.")

    def compute(self, data, context):
        CALLS.append(("reduce", {"pool": self.pool}))
        flat = data["activation"].values[:, :, :: self.pool, :: self.pool].reshape(data.sizes["sample"], -1)
        return xr.Dataset({"embedding": (("sample", "unit"), flat)}, ids(data))


class Neighbors(nnlens.Analysis):
    """Find the nearest."""

    title = "Neighbors"
    requires = {"embedding": ("sample", "unit")}
    provides = {"neighbor": ("sample", "rank"), "distance": ("sample", "rank")}
    k = param.Integer(5, bounds=(1, None), doc="How many.")

    def compute(self, data, context):
        CALLS.append(("neighbors", {"k": self.k}))
        x = data["embedding"].values.astype(float)
        apart = np.linalg.norm(x[:, None] - x[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        order = np.argsort(apart, axis=1)[:, : self.k]
        context.progress(1, 1)
        return xr.Dataset(
            {
                "neighbor": (("sample", "rank"), data["sample"].values[order]),
                "distance": (("sample", "rank"), np.take_along_axis(apart, order, 1).astype("f4")),
            },
            ids(data),
        )


class Map(nnlens.Analysis):
    """Lay out."""

    title = "Map"
    requires = {
        "embedding": ("sample", "unit"),
        "neighbor": ("sample", "rank"),
        "distance": ("sample", "rank"),
    }
    provides = {"projection": ("sample", "component")}
    priority = 5
    perplexity = param.Number(2.0, bounds=(1, 50), doc="Width.")
    rounds = param.Integer(3, doc="Steps.")

    def needs(self):
        return {"neighbor": Need({"k": int(np.ceil(3 * self.perplexity))})}

    def estimate(self, sizes):
        return sizes["sample"] * sizes["unit"] / 1000

    def compute(self, data, context):
        CALLS.append(("map", {"rank": data.sizes["rank"], "unit": data.sizes["unit"]}))
        for step in range(self.rounds):
            context.progress(step + 1, self.rounds, f"round {step}")
        values = data["embedding"].values[:, :2] + context.rng.normal(size=(data.sizes["sample"], 2))
        result = xr.Dataset({"projection": (("sample", "component"), values.astype("f4"))}, ids(data))
        return result.assign_attrs(caption=f"perplexity {self.perplexity:g}")


class Quality(nnlens.Analysis):
    """Judge a map."""

    title = "Quality"
    requires = {"projection": ("sample", "component"), "embedding": ("sample", "unit")}
    provides = {"trust": ()}

    def compute(self, data, context):
        CALLS.append(("quality", {"samples": data.sizes["sample"]}))
        return xr.Dataset({"trust": float(np.abs(data["projection"].values).mean())})


class Worth(nnlens.Analysis):
    """Rank by loss."""

    requires = {"loss": ("sample",), "label": ("sample",)}
    provides = {"worth": ("sample",)}
    only_label = param.Integer(-1, doc="Leave out all others.")

    def compute(self, data, context):
        CALLS.append(("worth", {}))
        keep = (
            np.ones(data.sizes["sample"], bool)
            if self.only_label < 0
            else data["label"].values == self.only_label
        )
        return data.isel(sample=keep)[["loss"]].rename(loss="worth").load()


class Gradient(nnlens.Analysis):
    """Explain a prediction."""

    title = "Gradient"
    scope = "sample"
    needs_model = True
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = {"attribution": ("sample", "y", "x")}

    def compute(self, data, context):
        CALLS.append(("gradient", {}))
        inputs = context.model.prepare(data["image"].values)
        target = context.request.target

        def seed(logits, activations):
            return np.eye(logits.shape[1], dtype="f4")[
                logits.argmax(1) if target is None else [target] * len(logits)
            ]

        found = context.model.vjp(inputs, seed).gradients["@input"]
        return xr.Dataset({"attribution": (("sample", "y", "x"), np.abs(found).max(1))}, ids(data))


class Strongest(nnlens.Analysis):
    """Rank samples by a channel."""

    scope = "channel"
    requires = {"pooled": ("sample", "channel")}
    provides = {"strength": ("sample",)}

    def compute(self, data, context):
        CALLS.append(("strongest", {}))
        return data["pooled"].isel(channel=context.request.channel, drop=True).to_dataset(name="strength")


class Maps(nnlens.Analysis):
    """Take the maps as they are."""

    requires = {"activation": ("sample", "channel", "y", "x")}
    provides = {"spread": ("sample",)}

    def compute(self, data, context):
        CALLS.append(("maps", {}))
        return data["activation"].std(("channel", "y", "x")).to_dataset(name="spread")


ALL = (Reduce, Neighbors, Map, Quality, Worth, Gradient, Strongest, Maps)


@pytest.fixture
def calls() -> list[tuple[str, dict[str, Any]]]:
    CALLS.clear()
    return CALLS


@pytest.fixture
def registry(isolated_registry: Registry, calls: Any) -> Registry:
    for cls in ALL:
        isolated_registry.register(cls)
    return isolated_registry


@pytest.fixture
def lens(tiny_store, registry):
    return nnlens.Lens(tiny_store, tiny_model(), registry)


@pytest.fixture
def blind(tiny_store, registry):
    """A lens without a model."""
    return nnlens.Lens(tiny_store, registry=registry)
