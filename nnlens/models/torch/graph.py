"""From a watched forward pass to layers with names, and to the place where the logits are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.base import LayerInfo
from nnlens.models.preprocess import Preprocess
from nnlens.models.probability import Values, explains, meaning
from nnlens.models.torch.functions import TRANSPARENT, main_tensor, tensors
from nnlens.models.torch.places import Key, Place
from nnlens.models.torch.state import evaluating, unchanged
from nnlens.models.torch.trace import IMAGE, Call, Sources, Tracer, image_like
from nnlens.schema import INPUT

SOFTMAX = frozenset({"softmax", "log_softmax"})
SAME_OUTPUT = frozenset({"Dropout", "Dropout2d", "AlphaDropout", "Identity"})
"""Layers that in evaluation mode give back what they get."""


@dataclass(frozen=True)
class LogitsAt:
    """Where the logits are.

    Attributes
    ----------
    layer : int or None
        Position of the layer whose output they are.
    function : (str, int) or None
        Else the call of a softmax whose input they are; None with `layer` None means the network's own output.
    exact : bool
        False where the network gives probabilities and their logarithm has to do.
    logarithm : bool
        Whether the network's output must be put through a logarithm.
    """

    layer: int | None = None
    function: tuple[str, int] | None = None
    exact: bool = True
    logarithm: bool = False


@dataclass(frozen=True)
class Graph:
    """What is known of a network after one watched pass.

    Attributes
    ----------
    layers : tuple of LayerInfo
    calls : tuple of Call
        The same, position by position.
    logits : LogitsAt
    class_count : int
    hidden_layer : str
    written : tuple of Tensor
        Buffers that the network writes to even in evaluation mode.
    image_written : bool
        Whether it writes over its input.
    outputs : int
        How many tensors it returns, of which one is for the classes.
    places : mapping of (str, int) to Place
        Of functions that a backward rule may be for.
    """

    layers: tuple[LayerInfo, ...]
    calls: tuple[Call, ...]
    logits: LogitsAt
    class_count: int
    hidden_layer: str
    written: tuple[Tensor, ...]
    image_written: bool
    outputs: int = 1
    places: Mapping[Key, Place] = field(default_factory=dict)

    @cached_property
    def names(self) -> Mapping[nn.Module, Mapping[int, str]]:
        """Names of the calls of modules that are layers."""
        names: dict[nn.Module, dict[int, str]] = {}
        for call, layer in zip(self.calls, self.layers, strict=True):
            if not isinstance(call.owner, str):
                names.setdefault(call.owner, {})[call.ordinal] = layer.name
        return names


def watch(module: nn.Module, preprocess: Preprocess, device: torch.device, dtype: torch.dtype) -> Graph:
    """Run a network once on noise of the size it expects and note what happens.

    Raises
    ------
    ModelError
        If it does not accept such an input, or its output is not (sample, class).
    """
    image = image_like((preprocess.channels, preprocess.height, preprocess.width), device, dtype)
    state = [*module.parameters(), *module.buffers()]
    versions = [tensor._version for tensor in state]
    # inference mode would keep no versions, by which it shows what is written over
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        evaluating(module.modules()),
        unchanged(list(module.buffers())),
    ):
        tracer = Tracer(module, image)
        output, count = _run(module, image, tracer)
        written = tuple(
            tensor for tensor, version in zip(state, versions, strict=True) if tensor._version != version
        )
        logits = _find_logits(tracer, output)
    calls = tuple(tracer.calls)
    layers = _infos(calls)
    return Graph(
        layers,
        calls,
        logits,
        output[0].numel(),
        _hidden(layers, calls, tracer.sources_of(output)),
        written,
        image._version > 0,
        count,
        {key: visit.place([layer.name for layer in layers]) for key, visit in tracer.visits.items()},
    )


def _run(module: nn.Module, image: Tensor, tracer: Tracer) -> tuple[Tensor, int]:
    """Run the network; return its output for the classes, and how many tensors it gives."""
    try:
        with tracer:
            given = module(image)
        output = main_tensor(given)
    except Exception as error:
        raise ModelError(
            f"The network does not take inputs of {'×'.join(map(str, image.shape[1:]))}: {first_line(error)}",
            "Check size and order of the preprocessing.",
        ) from error
    if output is None or not per_class(output):
        shape = "nothing" if output is None else tuple(output.shape)
        raise ModelError(
            f"The network returns {shape}, not (sample, class_).", "Only image classifiers can be opened."
        )
    return output, sum(1 for _ in tensors(given))


def per_class(output: Tensor) -> bool:
    """Whether an output is (sample, class_), perhaps with a height and width of one."""
    return output.ndim >= 2 and output[0].numel() == output.shape[1]


def _find_logits(tracer: Tracer, output: Tensor) -> LogitsAt:
    values = _flat(output)
    tensor = output
    while (origin := tracer.origins.get(id(tensor))) is not None:
        if origin.function in SOFTMAX and explains(_flat(origin.input), values):
            layer = tracer.made.get(id(origin.input))
            return LogitsAt(layer, None if layer is not None else (origin.function, origin.ordinal))
        if origin.function not in TRANSPARENT:
            break
        tensor = origin.input
    found = meaning(values)
    return LogitsAt(exact=found == "logit", logarithm=found == "probability")


def _flat(tensor: Tensor) -> Values:
    return tensor.detach().flatten(1).to("cpu", torch.float64).numpy()


def _infos(calls: tuple[Call, ...]) -> tuple[LayerInfo, ...]:
    """Give every layer its name: numbers only where a name comes more than once."""
    total = Counter(name for call in calls for name in (call.label, *call.aliases))
    seen: Counter[str] = Counter()

    def numbered(name: str) -> str:
        seen[name] += 1
        return name if total[name] == 1 else f"{name}#{seen[name] - 1}"

    names = [[numbered(name) for name in (call.label, *call.aliases)] for call in calls]
    return tuple(
        LayerInfo(
            name=own,
            kind=call.kind,
            shape=call.shape,
            parameters=call.parameters,
            inputs=tuple(
                INPUT if position == IMAGE else names[position][0] for position in sorted(call.inputs)
            ),
            capturable=call.sampled and len(call.shape) in (1, 3),
            aliases=tuple(aliases),
        )
        for call, (own, *aliases) in zip(calls, names, strict=True)
    )


def _hidden(layers: tuple[LayerInfo, ...], calls: tuple[Call, ...], ends: Sources) -> str:
    """Return the input of the last layer with a matrix of weights, of those that the output comes from."""
    before, left = set(), {*ends} - {IMAGE}
    while left:
        position = left.pop()
        before.add(position)
        left |= calls[position].inputs - before - {IMAGE}
    weighted = [position for position in sorted(before) if calls[position].weighted]
    last = calls[weighted[-1]] if weighted else None
    position = max(last.inputs) if last is not None else IMAGE
    while position != IMAGE and (layers[position].kind in SAME_OUTPUT or not layers[position].capturable):
        position = max(calls[position].inputs)
    return INPUT if position == IMAGE else layers[position].name
