"""ONNX files written by hand from torch networks, node by node, with their weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")


class Residual(nn.Module):
    """A stem, a block whose input is added, and two branches that are joined: names as the file's values have."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.left = nn.Conv2d(4, 2, 1)
        self.right = nn.Conv2d(4, 3, 3, padding=1)
        self.fc1 = nn.Linear(5, 6)
        self.fc2 = nn.Linear(6, 5)

    def forward(self, x):
        x = self.relu(self.bn(self.stem(x)))
        x = x + self.conv(x)
        x = torch.cat([self.left(x), self.right(x)], 1)
        return F.softmax(self.fc2(torch.tanh(self.fc1(x.mean((2, 3))))), 1)


NODES = [
    ("Conv", ["image", "stem.weight", "stem.bias"], "stem", {"strides": [2, 2], "kernel_shape": [3, 3]}),
    ("BatchNormalization", ["stem", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], "bn", {}),
    ("Relu", ["bn"], "relu", {}),
    ("Conv", ["relu", "conv.weight", "conv.bias"], "conv", {"pads": [1, 1, 1, 1]}),
    ("Add", ["relu", "conv"], "sum", {}),
    ("Conv", ["sum", "left.weight", "left.bias"], "left", {}),
    ("Conv", ["sum", "right.weight", "right.bias"], "right", {"pads": [1, 1, 1, 1]}),
    ("Concat", ["left", "right"], "joined", {"axis": 1}),
    ("GlobalAveragePool", ["joined"], "pooled", {}),
    ("Flatten", ["pooled"], "flat", {}),
    ("Gemm", ["flat", "fc1.weight", "fc1.bias"], "fc1", {"transB": 1}),
    ("Tanh", ["fc1"], "tanh", {}),
    ("Gemm", ["tanh", "fc2.weight", "fc2.bias"], "fc2", {"transB": 1}),
    ("Softmax", ["fc2"], "probabilities", {"axis": 1}),
]


def write(
    path,
    nodes=NODES,
    weights=None,
    shape=("batch", 3, 11, 11),
    output="probabilities",
    classes=5,
    kind=TensorProto.FLOAT,
    entry="image",
    **more,
):
    """Write a network; weights are arrays by name."""
    initializers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()
    ]
    graph = helper.make_graph(
        [
            helper.make_node(op, given, [out], name=f"node_{out}", **settings)
            for op, given, out, settings in nodes
        ],
        "network",
        [helper.make_tensor_value_info(entry, kind, shape)],
        [helper.make_tensor_value_info(output, kind, (shape[0], classes))],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="test")
    model.ir_version = 8
    Path(path).write_bytes(model.SerializeToString())
    return model


@pytest.fixture
def network():
    torch.manual_seed(0)
    module = Residual()
    module.bn.running_mean.normal_()
    module.bn.running_var.uniform_(0.5, 2)
    return module.eval()


@pytest.fixture
def weights(network):
    return {
        name: tensor.numpy() for name, tensor in network.state_dict().items() if tensor.is_floating_point()
    }


@pytest.fixture
def inputs():
    return np.random.default_rng(1).normal(size=(5, 3, 11, 11)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def save():
    """Write an ONNX file; see `write`."""
    return write
