"""Made-up runs in the shape of real ones: clusters that mistakes connect, losses over decades, real digits."""

from __future__ import annotations

import numpy as np
import xarray as xr
from sklearn.datasets import load_digits

from nnlens.ui.core.data import RunData


def run_data(samples: int = 60_000, classes: int = 10, seed: int = 0) -> RunData:
    """Make the arrays of a run; ids are not positions, so that mixing them up shows."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, samples).astype(np.int32)
    logit = rng.normal(0, 1, (samples, classes)).astype(np.float32)
    logit[np.arange(samples), label] += rng.gamma(9, 1, samples).astype(np.float32)
    logit[rng.random(samples) < 0.008, :] *= 0.2
    prediction = logit.argmax(1).astype(np.int32)
    loss = np.logaddexp.reduce(logit, axis=1) - logit[np.arange(samples), label]
    digits = load_digits()
    of_class = [np.flatnonzero(digits.target == c % 10) for c in range(classes)]
    which = np.array([of_class[c][i % len(of_class[c])] for i, c in enumerate(label[:100_000])])
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    ids = 10 + 3 * np.arange(samples, dtype=np.int64)

    def images(wanted):
        positions = (np.asarray(wanted, np.int64) - 10) // 3
        return np.kron(small[which[positions % len(which)]], np.ones((1, 4, 4), np.uint8))[..., None]

    names = tuple(str(c) for c in range(classes))
    return RunData(
        ids,
        label,
        prediction,
        loss.astype(np.float32),
        names,
        images,
        logit,
        "made-up run",
        f"made-up:{samples}:{classes}:{seed}",
    )


def projection(
    data: RunData, kind: str = "tight", seed: int = 1, left_out: int = 0, scale: float = 1.0
) -> xr.Dataset:
    """Make a projection of a run: a cluster a class, mistakes drawn to where they were put."""
    rng = np.random.default_rng(seed)
    n, classes = len(data), max(len(data.class_names), 1)
    turn = 2 * np.pi * ((np.arange(classes) * (1 if kind == "tight" else 3)) % classes) / classes
    centers = (
        8 * np.stack([np.cos(turn), np.sin(turn)], 1) * np.where(np.arange(classes) % 2, 1.0, 0.7)[:, None]
    )
    spread = 0.9 if kind == "tight" else 1.6
    pull = rng.beta(2, 2, n)[:, None] * (data.label != data.prediction)[:, None]
    xy = centers[data.label] * (1 - pull) + centers[data.prediction] * pull + rng.normal(0, spread, (n, 2))
    keep = slice(left_out, None)
    return xr.Dataset(
        {"projection": (("sample", "component"), (scale * xy[keep]).astype(np.float32))},
        coords={"sample": data.ids[keep]},
        attrs={
            "title": f"Made-up clusters, {kind}",
            "caption": f"not a result · {n - left_out:,} samples · {left_out} left out",
            "key": f"{kind}:{seed}:{left_out}:{scale}:{data.key}",
        },
    )


def solid(data: RunData, seed: int = 3) -> xr.Dataset:
    """Make a projection of three components: the clusters of `projection`, each at a depth of its own."""
    flat = projection(data, seed=seed)
    depth = np.random.default_rng(seed).normal(3 * (data.label % 5) - 6, 1)
    xyz = np.column_stack([flat["projection"].values, depth]).astype(np.float32)
    made = flat.assign(projection=(("sample", "component"), xyz))
    return made.assign_attrs(title="Made-up clusters, solid", key=f"solid:{seed}:{data.key}")
