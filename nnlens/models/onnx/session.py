"""Having onnxruntime compute values inside of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnxruntime
from onnx import ModelProto, ValueInfoProto

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line


def session_for(proto: ModelProto, values: Sequence[str], name: str) -> Any:
    """Return what computes some values of a network: only outputs can be fetched, so they become its outputs."""
    changed = ModelProto()
    changed.CopyFrom(proto)
    del changed.graph.output[:]
    known = {each.name: each for each in proto.graph.output}
    changed.graph.output.extend(known.get(value) or ValueInfoProto(name=value) for value in values)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(changed.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"onnxruntime cannot open {name}: {cause(error)}", "Was it exported completely?"
        ) from error


def cause(error: Exception) -> str:
    """Return a message of onnxruntime without its codes and places in its own source."""
    text = first_line(error)
    return text.rpartition(" : ")[2] if " : " in text else text
