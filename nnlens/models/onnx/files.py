"""Reading ONNX files: checked before anything of their size is made, with weights from their own folder only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, TensorProto, external_data_helper, shape_inference

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.base import ModelReference
from nnlens.models.onnx.model import OnnxModel
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import AGAIN, Kind

LARGEST_FILE = 2**31 - 1
"""Bytes: no message of this format can be longer."""
LARGEST_VALUE = 2**29
"""Numbers in one value of a network; a few bytes can ask for more than there is memory."""
LARGEST_INFERRED = 2**29
"""Bytes of files whose shapes are computed beforehand, which takes a copy of them."""


def open_file(
    path: Path,
    kind: Kind,
    source: str,
    architecture: str | Callable[[], Any] | None,
    preprocess: Preprocess | None,
    sha256: str,
) -> OnnxModel:
    """Open a whole network.

    Raises
    ------
    ModelError
        If the file is damaged, asks for too much, or is no classifier of images.
    """
    del kind
    if architecture is not None:
        raise ModelError(f"{path.name} holds the whole network.", "Leave the architecture out.")
    proto = read(path)
    model = OnnxModel(proto, preprocess, path.stem)
    model.reference = ModelReference(source, None, model.preprocess, sha256)
    return model


def read(path: Path) -> ModelProto:
    """Read a file with its weights.

    Raises
    ------
    ModelError
        If it is damaged, points outside of its folder, or asks for too much.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ModelError(f"{path.name} is larger than an ONNX file can be.", AGAIN)
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except Exception as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error
    if not proto.graph.node or not proto.graph.output:
        raise ModelError(f"{path.name} is cut off or damaged: it holds no network.", AGAIN)
    _check_sizes(proto, path.name)
    _load_outside(proto, path)
    return proto


def _tensors(proto: ModelProto) -> Iterator[TensorProto]:
    yield from proto.graph.initializer
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _check_sizes(proto: ModelProto, name: str) -> None:
    sizes = [math.prod(tensor.dims) for tensor in _tensors(proto)]
    if proto.ByteSize() < LARGEST_INFERRED:
        try:
            inferred = shape_inference.infer_shapes(proto, data_prop=True)
        except Exception as error:
            raise ModelError(f"{name} contradicts itself: {first_line(error)}", AGAIN) from error
        shapes = [value.type.tensor_type.shape.dim for value in inferred.graph.value_info]
        sizes += [math.prod(dim.dim_value or 1 for dim in shape) for shape in shapes]
    largest = max(sizes, default=0)
    if largest > LARGEST_VALUE:
        raise ModelError(f"{name} asks for {largest:,} numbers at once.", "Do not open it.")


def _load_outside(proto: ModelProto, path: Path) -> None:
    """Read weights that lie in files of their own, beside the network or below."""
    outside = [tensor for tensor in _tensors(proto) if external_data_helper.uses_external_data(tensor)]
    for tensor in outside:
        _check_place(external_data_helper.ExternalDataInfo(tensor).location, path)
    total = sum(math.prod(tensor.dims) for tensor in outside)
    if total * 4 > LARGEST_FILE:
        raise ModelError(
            f"{path.name} has more weights than can be opened at once.", "Two gigabytes are the limit."
        )
    try:
        for tensor in outside:
            external_data_helper.load_external_data_for_tensor(tensor, str(path.resolve().parent))
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    except Exception as error:
        raise ModelError(f"The weights beside {path.name} are cut off or damaged.", AGAIN) from error


def _check_place(location: str, path: Path) -> None:
    folder = path.resolve().parent
    place = folder / location
    escapes = Path(location).is_absolute() or "\\" in location or ".." in Path(location).parts
    if escapes or not place.resolve().is_relative_to(folder) or place.is_symlink():
        raise ModelError(f"{path.name} takes its weights from outside of its folder.", "Do not open it.")
    if not place.is_file():
        raise ModelError(
            f"{path.name} needs {location!r} beside it, which is not there.", "Fetch both into one folder."
        )
