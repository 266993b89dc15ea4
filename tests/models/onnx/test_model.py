"""ONNX networks against the torch networks whose weights they have."""

import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

import nnlens
from nnlens.cli import main
from nnlens.errors import ModelError
from nnlens.models import Model, ModelReference, Preprocess, load_model, reopen_model
from nnlens.schema import INPUT, LOGITS

OF_TORCH = {
    "stem": "stem",
    "bn": "bn",
    "relu": "relu",
    "conv": "conv",
    "sum": "F.add",
    "left": "left",
    "right": "right",
    "joined": "F.cat",
    "flat": "F.mean",
    "fc1": "fc1",
    "tanh": "F.tanh",
    "fc2": "fc2",
}
"""Value of the file → layer of the torch network."""


@pytest.fixture
def torch_model(network):
    return load_model(network, preprocess=Preprocess(11))


@pytest.mark.parametrize("batch", ["batch", 1, 2, 7])
def test_every_value_is_that_of_torch_whatever_number_of_samples_the_file_is_made_for(
    save, weights, torch_model, inputs, batch
):
    save("net.onnx", weights=weights, shape=(batch, 3, 11, 11))
    model = load_model("net.onnx", preprocess=Preprocess(11))
    assert isinstance(model, Model)
    got = model.activations(inputs, [*OF_TORCH, LOGITS, INPUT])
    wanted = torch_model.activations(inputs, [*OF_TORCH.values(), LOGITS])
    for name, other in OF_TORCH.items():
        np.testing.assert_allclose(got[name], wanted[other], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(got[LOGITS], wanted[LOGITS], atol=1e-5)
    np.testing.assert_array_equal(got[INPUT], inputs)
    np.testing.assert_allclose(model.predict(inputs), got[LOGITS], atol=1e-6)
    means = model.activations(inputs, ["fc1"], pooled=["stem", "joined"])
    np.testing.assert_allclose(means["joined"], got["joined"].mean((2, 3)), atol=1e-6)
    np.testing.assert_array_equal(means["fc1"], got["fc1"])
    assert model.predict(inputs[:0]).shape == (0, 5)


def test_the_graph_is_that_of_the_file(save, weights):
    save("net.onnx", weights=weights)
    model = load_model("net.onnx")
    layers = {layer.name: layer for layer in model.layers}
    assert list(layers)[:3] == ["stem", "bn", "relu"]
    assert {name: layers[name].inputs for name in ("stem", "sum", "joined", "fc2")} == {
        "stem": ("@input",),
        "sum": ("relu", "conv"),
        "joined": ("left", "right"),
        "fc2": ("tanh",),
    }
    assert (layers["stem"].kind, layers["stem"].shape, layers["stem"].parameters) == ("Conv", (4, 5, 5), 112)
    assert layers["stem"].aliases == ("node_stem",)
    assert model.hidden_layer == "tanh"
    assert (model.class_count, model.has_logits, model.framework) == (5, True, "onnx")
    assert model.preprocess == Preprocess(11)
    assert any("scaled to 0–1" in note for note in model.notes)
    assert any("no gradients" in note for note in model.notes)


def test_there_are_no_gradients_and_it_says_so(save, weights, inputs):
    save("net.onnx", weights=weights)
    with pytest.raises(ModelError, match=r"ONNX has no gradients.*torch or Keras"):
        load_model("net.onnx").vjp(inputs, np.zeros((5, 5), np.float32))


def test_the_end_tells_logits_from_probabilities(save, weights, inputs):
    plain = [("GlobalAveragePool", ["image"], "pooled", {}), ("Flatten", ["pooled"], "flat", {})]
    head = ("Gemm", ["flat", "w"], "scores", {})
    matrix = {"w": np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)}
    logits = inputs.mean((2, 3)) @ matrix["w"]
    ends = {
        "bare": [],
        "LogSoftmax": [("LogSoftmax", ["scores"], "end", {"axis": 1})],
        "Log": [("Softmax", ["scores"], "soft", {"axis": 1}), ("Log", ["soft"], "end", {})],
    }
    for name, end in ends.items():
        save(f"{name}.onnx", [*plain, head, *end], matrix, output="end" if end else "scores")
        model = load_model(f"{name}.onnx", preprocess=Preprocess(11))
        assert model.has_logits
        np.testing.assert_allclose(model.predict(inputs), logits, atol=1e-5)
    by_hand = [("Exp", ["scores"], "e", {}), ("ReduceSum", ["e"], "s", {}), ("Div", ["e", "s"], "end", {})]
    by_hand[1] = ("ReduceL1", ["e"], "s", {"axes": [1]})
    save("hand.onnx", [*plain, head, *by_hand], matrix, output="end")
    model = load_model("hand.onnx", preprocess=Preprocess(11))
    assert not model.has_logits
    assert any("logits cannot be had" in note for note in model.notes)
    expected = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    np.testing.assert_allclose(model.predict(inputs), expected, atol=1e-4)


def test_channels_last_and_other_types_of_numbers(save, inputs):
    nodes = [
        ("Transpose", ["image"], "first", {"perm": [0, 3, 1, 2]}),
        ("GlobalAveragePool", ["first"], "pooled", {}),
        ("Flatten", ["pooled"], "flat", {}),
        ("Gemm", ["flat", "w"], "scores", {}),
    ]
    matrix = np.random.default_rng(0).normal(size=(3, 5))
    for kind, dtype in ((TensorProto.FLOAT, np.float32), (TensorProto.FLOAT16, np.float16)):
        given = {"w": matrix.astype(dtype)}
        save("last.onnx", nodes, given, shape=("n", 11, 11, 3), output="scores", kind=kind)
        model = load_model("last.onnx")
        assert model.preprocess == Preprocess(11)
        got = model.predict(inputs)
        assert got.dtype == np.float32
        np.testing.assert_allclose(
            got, inputs.mean((2, 3)) @ matrix, atol=1e-5 if dtype == np.float32 else 0.02
        )


def test_what_is_computed_from_shapes_alone_is_no_layer(save, inputs):
    nodes = [
        ("Shape", ["image"], "shape", {}),
        ("Gather", ["shape", "zero"], "count", {}),
        ("Concat", ["count", "rest"], "wanted", {"axis": 0}),
        ("Reshape", ["image", "wanted"], "flat", {}),
        ("Gemm", ["flat", "w"], "scores", {}),
    ]
    given = {"zero": np.array([0]), "rest": np.array([-1]), "w": np.ones((363, 5), np.float32)}
    save("net.onnx", nodes, given, output="scores")
    model = load_model("net.onnx")
    assert [layer.name for layer in model.layers] == ["flat", "scores"]
    assert model.layers[1].inputs == ("flat",)
    np.testing.assert_allclose(model.predict(inputs)[:, 0], inputs.sum((1, 2, 3)), rtol=1e-4)


def test_weights_may_be_nodes_and_small_integers(save, inputs):
    matrix = np.random.default_rng(0).integers(-100, 100, (5, 3), np.int8)
    nodes = [
        ("GlobalAveragePool", ["image"], "pooled", {}),
        ("Flatten", ["pooled"], "flat", {}),
        ("Constant", [], "factor", {"value": numpy_helper.from_array(np.full((1, 3), 2, np.float32))}),
        ("Mul", ["flat", "factor"], "doubled", {}),
        ("DequantizeLinear", ["w", "scale"], "floats", {}),
        ("Transpose", ["floats"], "turned", {"perm": [1, 0]}),
        ("MatMul", ["doubled", "turned"], "scores", {}),
    ]
    save("net.onnx", nodes, {"w": matrix, "scale": np.float32(0.01)}, output="scores")
    model = load_model("net.onnx")
    np.testing.assert_allclose(
        model.predict(inputs), inputs.mean((2, 3)) * 2 @ (matrix.T * np.float32(0.01)), atol=1e-5
    )
    assert model.hidden_layer == "doubled"
    assert {layer.name: layer.parameters for layer in model.layers}["doubled"] == 3


def test_another_process_opens_the_same(save, weights, inputs):
    save("net.onnx", weights=weights)
    model = load_model("net.onnx")
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    assert (again.fingerprint, again.preprocess) == (model.fingerprint, model.preprocess)
    save("net.onnx", weights=weights | {"fc2.bias": weights["fc2.bias"] + 1e-4})
    assert load_model("net.onnx").fingerprint != model.fingerprint


@pytest.mark.slow
def test_it_is_captured_from_the_command_line_and_an_attribution_says_what_is_missing(save, weights, capfd):
    save("net.onnx", weights=weights)
    images = np.random.default_rng(0).integers(0, 256, (9, 11, 11, 3), np.uint8)
    np.savez("pictures.npz", images=images, labels=np.arange(9) % 5)
    done = subprocess.run(
        [sys.executable, "-m", "nnlens", "capture", "net.onnx", "pictures.npz", "run"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    store = nnlens.open_store("run")
    model = load_model("net.onnx")
    np.testing.assert_allclose(store.samples["logit"].values, model.predict(model.prepare(images)), atol=1e-5)
    assert main(["run", "run", "saliency", "--sample", "2", "--model", "net.onnx"]) == 1
    assert "ONNX has no gradients" in capfd.readouterr().err
    assert main(["run", "run", "pca", "--layer", "tanh"]) == 0


@pytest.mark.parametrize(("takes", "order", "other"), [(1, "RGB", "grey"), (3, "grey", "RGB")])
def test_another_number_of_channels_is_told_in_words_of_its_own(save, takes, order, other):
    weights = {"stem.weight": np.ones((4, takes, 3, 3), np.float32)}
    nodes = [("Conv", ["image", "stem.weight"], "stem", {}), ("GlobalAveragePool", ["stem"], "p", {})]
    nodes.append(("Flatten", ["p"], "fc", {}))
    save("net.onnx", nodes=nodes, weights=weights, shape=("batch", takes, 11, 11), output="fc", classes=4)
    with pytest.raises(ModelError, match=rf"takes images of {takes} channels.*\(--order {other} on"):
        load_model("net.onnx", preprocess=Preprocess(11, order=order))
    assert load_model("net.onnx", preprocess=Preprocess(11, order=other)).preprocess.order == other
