"""Nonlinearities that stand in autograd's graph though no function was met that makes them.

A mode of torch does not meet what a custom ``autograd.Function``, a compiled part or a function by itself calls. The
graph tells of them all the same, if not in which layer they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from nnlens.models.torch.functions import tensors
from nnlens.models.torch.steps import OWN_NODES

# fmt: off
STRAIGHT = frozenset({
    "Add", "Sub", "Rsub", "Mul", "Div", "Neg", "Addmm", "Mm", "Bmm", "Baddbmm", "Addbmm", "Mv", "Dot", "Addmv",
    "Addr", "Linear", "MkldnnLinear", "Sum", "Mean", "Cumsum", "Convolution", "ConvolutionOverrideable",
    "MkldnnConvolution", "ThnnConv2D", "SlowConv3D", "SlowConvTranspose2D", "NativeBatchNorm",
    "NativeBatchNormLegit", "CudnnBatchNorm", "MiopenBatchNorm", "NativeLayerNorm", "NativeGroupNorm",
    "FusedRmsNorm", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D",
    "MaxPool2DWithIndices", "MaxPool3DWithIndices", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D", "FractionalMaxPool2D",
    "MaxUnpool2D", "Max", "Min", "Amax", "Amin", "Topk", "Sort", "Median", "Kthvalue", "T", "Transpose", "Permute",
    "View", "UnsafeView", "Reshape", "ReshapeAlias", "Expand", "Clone", "Contiguous", "Cat", "Stack", "Unbind",
    "Split", "SplitWithSizes", "UnsafeSplit", "Slice", "Select", "Index", "IndexSelect", "Gather", "Scatter",
    "ScatterAdd", "Narrow", "Squeeze", "Unsqueeze", "Diagonal", "Tril", "Triu", "ConstantPadNd", "PixelShuffle",
    "PixelUnshuffle", "NativeChannelShuffle", "Im2Col", "Col2Im", "Unfold", "UnfoldBackward", "Roll", "Flip",
    "Rot90", "Repeat", "RepeatInterleave", "AsStrided", "Alias", "Detach", "ToCopy", "To", "Copy", "CopySlices",
    "CopyBackwards", "AccumulateGrad", "GridSampler2D", "GridSampler3D", "Real", "Imag", "Complex", "ViewAsReal",
    "ViewAsComplex", "Conj", "NativeDropout",
})
# fmt: on
"""What of the graph bends nothing elementwise: linear maps, normalizations, pooling, and moves of numbers."""
STRAIGHT_KINDS = ("Upsample", "ReflectionPad", "ReplicationPad", "Fft")


class Nodes:
    """Nodes of a graph that functions made which a mode has met."""

    def __init__(self) -> None:
        self._met: dict[int, Node] = {}  # kept, so that no other node gets the id

    @contextmanager
    def meeting(self, inputs: Any) -> Iterator[Callable[[Any], None]]:
        """Give a function to be called with the result of what is called with some inputs."""
        ends = [tensor.grad_fn for tensor in tensors(inputs)]  # now: a function may write over them
        stops = {id(end) for end in ends if end is not None}

        def met(result: Any) -> None:
            starts = [tensor.grad_fn for tensor in tensors(result) if tensor.grad_fn is not None]
            self._met |= _between(starts, stops)

        yield met

    def forget(self) -> None:
        """Let go of the graph."""
        self._met.clear()

    def unmet(self, end: Node) -> Iterator[tuple[Node, str]]:
        """Yield the nonlinearities before an end of the graph that were not met, with what to call them."""
        for key, node in _between([end], set()).items():
            name = "" if key in self._met else _nonlinear(node)
            if name:
                yield node, name


def _between(starts: list[Node], stops: set[int]) -> dict[int, Node]:
    found: dict[int, Node] = {}
    waiting = [start for start in starts if id(start) not in stops]
    while waiting:
        node = waiting.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        waiting += [
            before for before, _ in node.next_functions if before is not None and id(before) not in stops
        ]
    return found


def _nonlinear(node: Node) -> str:
    """Return what to call a nonlinearity; nothing where it is none, or one that follows a rule."""
    name = node.name().rpartition("::")[2]
    kind = name.partition("Backward")[0].lstrip("_")
    if isinstance(node, BackwardCFunction):
        return "" if name in OWN_NODES else f"autograd.Function ({kind})"
    return "" if kind in STRAIGHT or kind.startswith(STRAIGHT_KINDS) else f"autograd ({kind})"
