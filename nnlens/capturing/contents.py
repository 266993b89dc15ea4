"""What a run holds: its arrays, the attributes of its groups, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nnlens.capturing.probing import CHANNELS_LAST, Form
from nnlens.models.base import Model
from nnlens.samples.base import Samples
from nnlens.schema import SCHEMA_VERSION
from nnlens.store.layout import (
    STRING,
    ArrayLayout,
    StoredLayer,
    array_layout,
    floor_power,
    info_attributes,
    layer_attributes,
    layer_path,
    shard_rows,
)

if TYPE_CHECKING:
    from nnlens.capturing.plan import CaptureEstimate

BATCH_PIXELS = 128 * 32 * 32
LEAST_BATCH, LARGEST_BATCH = 32, 128
"""Samples in a forward pass. With fewer small networks wait for Python (Keras: 113 µs a sample with 64, 97 with 128);
with more the maps of large images fall out of the processor's cache."""


def sample_layouts(
    samples: Samples, class_count: int, image_shape: tuple[int, int, int], shard: int
) -> list[ArrayLayout]:
    """Return the arrays of ``/samples``."""
    count = len(samples)
    layouts = [
        array_layout(f"samples/{name}", ("sample",), (count,), dtype, shard)
        for name, dtype in (
            ("id", "i8"),
            ("label", "i8"),
            ("prediction", "i8"),
            ("loss", "f4"),
            ("split", STRING),
        )
    ]
    if samples.paths is not None:
        layouts.append(array_layout("samples/path", ("sample",), (count,), STRING, shard))
    layouts.append(
        array_layout("samples/logit", ("sample", "class_"), (count, class_count), "f4", shard, None, False)
    )
    layouts.append(
        array_layout("samples/image", ("sample", "y", "x", "channel"), (count, *image_shape), "u1", shard)
    )
    return layouts


def layer_layouts(
    estimate: CaptureEstimate, stored: Sequence[StoredLayer], shard: int, forms: Mapping[str, Form]
) -> list[ArrayLayout]:
    """Return the arrays of ``/layers``."""
    layouts = []
    for layer in stored:
        shape = (estimate.samples, *layer.info.shape)
        dims = ("sample", "channel", "y", "x") if layer.info.spatial else ("sample", "unit")
        if layer.kept:
            form = forms[layer.name]
            order = CHANNELS_LAST if form.channels_last else None
            layouts.append(
                array_layout(f"{layer.path}/activation", dims, shape, "f4", shard, order, form.compressed)
            )
        if layer.pooled:
            layouts.append(
                array_layout(f"{layer.path}/pooled", dims[:2], shape[:2], "f4", shard, compressed=False)
            )
    return layouts


def stored_layers(estimate: CaptureEstimate) -> list[StoredLayer]:
    """Return the layers of the run to be, each with its place."""
    return [
        StoredLayer(layer.info, layer.kept, bool(layer.pooled_bytes), layer_path(index))
        for index, layer in enumerate(estimate.layers)
    ]


def input_pixels(model: Model) -> int:
    """Return the pixels of the network's input."""
    size = model.preprocess.size
    return size * size if isinstance(size, int) else math.prod(size)


def choose_batch_size(model: Model) -> int:
    """Choose the samples of a forward pass from the pixels of the network's input."""
    return floor_power(min(LARGEST_BATCH, max(LEAST_BATCH, BATCH_PIXELS // input_pixels(model))))


def commit_rows(estimate: CaptureEstimate, model: Model, wanted: int | None) -> int:
    """Choose the samples that are stored together: what the caller wants, or what suits their bytes and the model."""
    rows = shard_rows(estimate.samples, estimate.bytes // max(1, estimate.samples), input_pixels(model))
    return rows if wanted is None else min(rows, floor_power(max(1, wanted)))


def run_fingerprint(model: Model, samples: Samples, stored: Sequence[StoredLayer]) -> str:
    """Return the SHA-256 of all that goes into a run: model, samples, preprocessing, what is kept of which layers."""
    parts = {
        "schema": SCHEMA_VERSION,
        "model": model.fingerprint,
        "samples": samples.fingerprint,
        "preprocess": model.preprocess.to_dict(),
        "layers": [layer_attributes(layer) for layer in stored],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_attributes(
    model: Model,
    samples: Samples,
    estimate: CaptureEstimate,
    stored: Sequence[StoredLayer],
    batch_size: int,
) -> dict[str, dict[str, Any]]:
    """Return the attributes of the run's groups by path: what went in, as plain data."""
    root = {
        "schema": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "class_names": class_names(samples, model.class_count),
        "model": {
            "name": model.name,
            "framework": model.framework,
            "fingerprint": model.fingerprint,
            "class_count": model.class_count,
            "hidden_layer": model.hidden_layer,
            "has_logits": model.has_logits,
            "reference": model.reference.told() if model.reference else None,
        },
        "preprocess": model.preprocess.to_dict(),
        "samples": {
            "name": samples.name,
            "split": samples.split,
            "fingerprint": samples.fingerprint,
            "reference": samples.reference,
            "image_shape": list(samples.image_shape) if samples.image_shape else None,
        },
        "batch_size": batch_size,
        "thumbnails": estimate.image_shape != samples.image_shape,
        "layers": [layer_attributes(layer) for layer in stored],
        "graph": [info_attributes(layer) for layer in model.layers],
    }
    return {
        "": root,
        "samples": {},
        "layers": {},
        **{layer.path: layer_attributes(layer) for layer in stored},
    }


def class_names(samples: Samples, class_count: int) -> list[str]:
    """Return a name for every output of the network and for every label of the data set."""
    names = list(samples.class_names)
    return names + [f"output {index}" for index in range(len(names), class_count)]
