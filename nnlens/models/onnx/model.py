"""The Model protocol over an ONNX network: predictions and activations, no gradients."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from nnlens.errors import ModelError
from nnlens.models.base import Float, Framework, Model, ModelReference, Pass, Seed
from nnlens.models.checks import NO_LOGITS, checked_inputs, find_layers, positions_of
from nnlens.models.onnx.entry import Entry
from nnlens.models.onnx.graph import hidden_layer, layer_infos, logits_of, steps
from nnlens.models.onnx.session import cause, session_for
from nnlens.models.pooling import pool
from nnlens.models.preprocess import Preprocess
from nnlens.models.probability import SMALLEST, meaning
from nnlens.rules import PLAIN, Rule
from nnlens.schema import INPUT, LOGITS

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

NOISE = 2
"""Samples of noise by which shapes and logits are found out, where the network takes any number."""
NO_GRADIENTS = "ONNX has no gradients: what explains a prediction by them cannot be computed."
ASSUMED = "Nothing tells how images become inputs: values are scaled to 0–1."


class OnnxModel:
    """An ONNX classifier. The attributes are those of `nnlens.models.base.Model`.

    Two sessions: one gives every value that depends on the image, the other the logits alone, in a quarter of the time,
    as onnxruntime fuses operations whose results nobody asks for. Their last bits may differ.

    Parameters
    ----------
    proto : ModelProto
        With its weights; values become outputs of it.
    preprocess : Preprocess or None
        None takes the size from the network's input.
    name : str

    Raises
    ------
    ModelError
        If onnxruntime cannot run it, or it is no classifier of images.
    """

    framework: Framework = "onnx"

    def __init__(self, proto: ModelProto, preprocess: Preprocess | None, name: str) -> None:
        self.name = name
        self.reference: ModelReference | None = None
        self.proto = proto
        self._entry = Entry(proto, name)
        self.preprocess = preprocess or self._entry.preprocess()
        self._entry.check(self.preprocess.channels)
        found = steps(proto.graph, self._entry.name)
        values = [step.output for step in found]
        self._session = session_for(proto, values, name)
        arrays = self._settle(values)
        output = _classes([each.name for each in proto.graph.output], arrays)
        inner = logits_of(found, arrays, output)
        told = meaning(_flat(arrays[output]))
        self._logits = inner or output
        self.has_logits = inner is not None or told == "logit"
        self._logarithm = inner is None and told == "probability"
        self.class_count = _flat(arrays[output]).shape[1]
        self.layers = layer_infos(proto.graph, found, arrays, self._entry.name)
        self.hidden_layer = hidden_layer(proto.graph, found, self.layers)
        self.notes = (
            *([ASSUMED] if preprocess is None else []),
            *([] if self.has_logits else [NO_LOGITS]),
            NO_GRADIENTS,
        )
        self._positions = positions_of(self.layers)

    def __repr__(self) -> str:
        return f"<OnnxModel {self.name}: {len(self.layers)} layers, {self.class_count} classes>"

    @cached_property
    def _short(self) -> Any:
        """The session that gives logits alone."""
        return session_for(self.proto, [self._logits], self.name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over operations, their settings, and the names, shapes and values of weights."""
        digest = hashlib.sha256(repr([(layer.name, layer.kind) for layer in self.layers]).encode())
        for node in self.proto.graph.node:
            digest.update(node.SerializeToString(deterministic=True))
        for tensor in self.proto.graph.initializer:
            array = numpy_helper.to_array(tensor)
            digest.update(f"{tensor.name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def prepare(self, images: Images) -> Float:
        """Turn images (sample, y, x, channel) into inputs (sample, channel, y, x)."""
        return self.preprocess(images)

    def predict(self, inputs: Float) -> Float:
        """Return logits (sample, class_)."""
        return self.activations(inputs, [LOGITS])[LOGITS]

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers after one forward pass."""
        del exact  # there is one order of sums
        image = checked_inputs(inputs, self.preprocess)
        positions = find_layers((*layers, *pooled), self.layers, self._positions)
        values = {name: self.layers[position].name for name, position in positions.items()}
        values |= {LOGITS: self._logits} if LOGITS in layers else {}
        arrays = self._run(image, list(dict.fromkeys(values.values())))
        found = {name: arrays[value].astype(np.float32, copy=False) for name, value in values.items()}
        if LOGITS in found:
            found[LOGITS] = self._as_logits(found[LOGITS])
        found |= {INPUT: image}
        return {name: found[name] for name in layers} | {name: pool(found[name]) for name in pooled}

    def vjp(
        self,
        inputs: Float,
        seed: Seed,
        at: str | None = None,
        wrt: Sequence[str] = (INPUT,),
        keep: Sequence[str] = (),
        rule: str | Rule = PLAIN,
    ) -> Pass:
        """Refuse: there is no backward pass.

        Raises
        ------
        ModelError
            Always.
        """
        del inputs, seed, at, wrt, keep, rule
        raise ModelError(
            NO_GRADIENTS, "Open the network in the framework that it was made with, torch or Keras."
        )

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> Model:
        """Refuse: the weights of an ONNX graph are not told apart by layer.

        Raises
        ------
        ModelError
            Always.
        """
        del layers, seed
        raise ModelError(
            "The weights of an ONNX network cannot be drawn anew.",
            "Open the network in the framework that it was made with, torch or Keras.",
        )

    def _as_logits(self, values: Float) -> Float:
        flat = _flat(values)
        return np.log(np.maximum(flat, SMALLEST)) if self._logarithm else flat

    def _settle(self, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Run noise of the size that the preprocessing makes; return the values that have a number for every sample."""
        count = self._entry.batch or NOISE
        shape = (count, self.preprocess.channels, self.preprocess.height, self.preprocess.width)
        noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        try:
            arrays = self._session.run(list(names), {self._entry.name: self._entry.inward(noise)})
        except Exception as error:
            raise ModelError(
                f"The network does not take inputs of {'×'.join(map(str, shape[1:]))}: {cause(error)}",
                "Check size and order of the preprocessing.",
            ) from error
        return {
            name: array
            for name, array in zip(names, arrays, strict=True)
            if isinstance(array, np.ndarray)
            and array.ndim > 1
            and len(array) == count
            and np.issubdtype(array.dtype, np.floating)
        }

    def _run(self, image: Float, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Run the network, in as many parts as the number of samples that it is made for asks for."""
        if not names:
            return {}
        size = self._entry.batch or max(1, len(image))
        parts = [self._part(image[start : start + size], size, names) for start in range(0, len(image), size)]
        if not parts:
            return {name: np.empty((0, *self._shape(name)), np.float32) for name in names}
        return {name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)}

    def _part(self, image: Float, size: int, names: Sequence[str]) -> list[NDArray[Any]]:
        count = len(image)
        filled = image if count == size else np.resize(image, (size, *image.shape[1:]))
        session = self._short if list(names) == [self._logits] else self._session
        try:
            arrays = session.run(list(names), {self._entry.name: self._entry.inward(filled)})
        except Exception as error:
            raise ModelError(f"onnxruntime cannot run {self.name}: {cause(error)}") from error
        return [array[:count] for array in arrays]

    def _shape(self, name: str) -> tuple[int, ...]:
        known = next((layer.shape for layer in self.layers if layer.name == name), None)
        return known if known is not None else (self.class_count,)


def _classes(outputs: Sequence[str], arrays: dict[str, NDArray[Any]]) -> str:
    """Return the output with a number for each class: the one called logits, else the first."""
    fits = [name for name in outputs if name in arrays and arrays[name][0].size == arrays[name].shape[1]]
    if not fits:
        shapes = [arrays[name].shape for name in outputs if name in arrays]
        raise ModelError(
            f"The network returns {shapes[0] if shapes else 'nothing'}, not (sample, class_).",
            "Only image classifiers can be opened.",
        )
    return next((name for name in fits if "logit" in name.lower()), fits[0])


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(len(array), math.prod(array.shape[1:]))
