"""The input of a network in an ONNX file: one, of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper

from nnlens.errors import ModelError
from nnlens.models.base import Float
from nnlens.models.preprocess import Order, Preprocess


class Entry:
    """The network's input.

    Parameters
    ----------
    proto : ModelProto
    name : str
        Of the model, for messages.

    Attributes
    ----------
    name : str
    batch : int or None
        The samples that it takes at once; None for any number.

    Raises
    ------
    ModelError
        If there is not one input of images.
    """

    def __init__(self, proto: ModelProto, name: str) -> None:
        weights = {tensor.name for tensor in proto.graph.initializer}
        inputs = [each for each in proto.graph.input if each.name not in weights]
        if len(inputs) != 1:
            raise ModelError(
                f"{name} has {len(inputs)} inputs.", "Only networks with one, the image, can be opened."
            )
        tensor = inputs[0].type.tensor_type
        self.name = inputs[0].name
        self._model = name
        self._dims = [dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim]
        if len(self._dims) != 4:
            raise ModelError(
                f"{name} takes an input of {len(self._dims)} dimensions.",
                "Images have four: sample, channel, y, x.",
            )
        self.batch = self._dims[0]
        self._type = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        self._channels_last = self._dims[1] not in (1, 3) and self._dims[3] in (1, 3)

    def preprocess(self) -> Preprocess:
        """Tell the size of images from the input; values are taken from 0 to 1.

        Raises
        ------
        ModelError
            If it does not say.
        """
        channels, *size = (self._dims[axis] for axis in ((3, 1, 2) if self._channels_last else (1, 2, 3)))
        height, width = size
        if height is None or width is None or channels not in (1, 3, None):
            raise ModelError(
                f"The input of {self._model} does not tell the size of images.",
                "Give preprocess=Preprocess(size, …) (--size on the command line).",
            )
        order: Order = "grey" if channels == 1 else "RGB"
        return Preprocess(height if height == width else (height, width), order=order)

    def check(self, channels: int) -> None:
        """Refuse images of another number of channels than the network takes.

        Raises
        ------
        ModelError
            If it tells the number, and it is another.
        """
        takes = self._dims[3 if self._channels_last else 1]
        if takes not in (None, channels):
            order = "grey" if takes == 1 else "RGB"
            raise ModelError(
                f"{self._model} takes images of {takes} channels, and the preprocessing makes them of {channels}.",
                f"Give order={order!r} (--order {order} on the command line)."
                if takes in (1, 3)
                else "Only grey and color images can be made.",
            )

    def inward(self, image: Float) -> NDArray[Any]:
        """Lay out inputs as the network has them."""
        laid = np.moveaxis(image, 1, -1) if self._channels_last else image
        return np.ascontiguousarray(laid).astype(self._type, copy=False)
