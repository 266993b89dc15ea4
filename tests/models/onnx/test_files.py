"""ONNX files that are damaged, hostile, or no classifier of images."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model, loading
from nnlens.models.onnx import files


@pytest.fixture
def outside(save, weights):
    """A network whose weights lie in a file of their own, and how to say where."""

    def write(location="net.data"):
        model = save("net.onnx", weights=weights)
        external_data_helper.convert_model_to_external_data(model, True, "net.data", size_threshold=0)
        onnx.save_model(model, "net.onnx")
        model = onnx.load("net.onnx", load_external_data=False)
        for tensor in model.graph.initializer:
            next(entry for entry in tensor.external_data if entry.key == "location").value = location
        Path("net.onnx").write_bytes(model.SerializeToString())

    return write


def test_weights_beside_the_file_are_read(outside, save, weights, inputs):
    outside()
    assert Path("net.data").stat().st_size > 1000
    got = load_model("net.onnx").predict(inputs)
    save("whole.onnx", weights=weights)
    np.testing.assert_array_equal(got, load_model("whole.onnx").predict(inputs))


@pytest.mark.parametrize(
    "location", ["../net.data", "/etc/passwd", "a/../../net.data", "..\\net.data", "link.data"]
)
def test_weights_from_elsewhere_are_refused(outside, location, tmp_path):
    secret = tmp_path.parent / "net.data"
    secret.write_bytes(bytes(10_000))
    Path("link.data").symlink_to(secret)
    Path("a").mkdir()
    outside(location)
    with pytest.raises(ModelError, match="from outside of its folder"):
        load_model("net.onnx")


def test_weights_that_are_missing_or_cut_off_are_named(outside):
    outside("other.data")
    with pytest.raises(ModelError, match=r"needs 'other\.data' beside it"):
        load_model("net.onnx")
    Path("net.data").unlink()
    outside()
    Path("net.data").write_bytes(Path("net.data").read_bytes()[:300])
    with pytest.raises(ModelError, match="cut off or damaged"):
        load_model("net.onnx")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_named(save, weights, share):
    save("net.onnx", weights=weights)
    data = Path("net.onnx").read_bytes()
    Path("net.onnx").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match="cut off or damaged"):
        load_model("net.onnx")


def test_it_is_told_by_its_content(save, weights):
    save("net.pt", weights=weights)
    assert load_model("net.pt").framework == "onnx"


def test_without_onnxruntime_it_says_what_to_install(save, weights, monkeypatch):
    save("net.onnx", weights=weights)
    monkeypatch.setitem(loading.ADAPTERS, "onnx", "nnlens.no_such_adapter")
    with pytest.raises(ModelError, match=r"needs onnx.*pip install 'nnlens\[onnx\]'"):
        load_model("net.onnx")


def test_a_few_bytes_that_ask_for_all_memory_are_refused(save):
    nodes = [
        ("ConstantOfShape", ["size"], "huge", {}),
        ("ReduceMean", ["huge"], "mean", {"keepdims": 0}),
        ("GlobalAveragePool", ["image"], "pooled", {}),
        ("Flatten", ["pooled"], "flat", {}),
        ("Add", ["flat", "mean"], "scores", {}),
    ]
    save("net.onnx", nodes, {"size": np.array([100_000, 100_000])}, output="scores", classes=3)
    assert Path("net.onnx").stat().st_size < 1000
    with pytest.raises(ModelError, match="asks for 10,000,000,000 numbers"):
        load_model("net.onnx")


def test_weights_that_are_not_there_are_refused(save):
    model = save("net.onnx", [("Flatten", ["image"], "flat", {})], {}, output="flat", classes=363)
    model.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[100_000, 100_000]))
    Path("net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="asks for 10,000,000,000 numbers"):
        load_model("net.onnx")


def test_a_size_limit_is_checked_before_reading(save, weights, monkeypatch):
    save("net.onnx", weights=weights)
    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    with pytest.raises(ModelError, match="larger than an ONNX file can be"):
        load_model("net.onnx")


FLAT = [("GlobalAveragePool", ["image"], "pooled", {}), ("Flatten", ["pooled"], "flat", {})]


@pytest.mark.parametrize(
    ("nodes", "shape", "what"),
    [
        (FLAT, ("n", 3, "h", "w"), "does not tell the size"),
        (FLAT, ("n", 7, 11, 11), "does not tell the size"),
        ([("Identity", ["image"], "flat", {})], ("n", 3, 11), "input of 3 dimensions"),
        ([("Relu", ["image"], "flat", {})], ("n", 3, 11, 11), r"returns \(2, 3, 11, 11\), not"),
        ([("NoSuchOperation", ["image"], "flat", {})], ("n", 3, 11, 11), "cannot open net"),
        ([("Relu", ["nothing"], "flat", {})], ("n", 3, 11, 11), "cannot open net|returns nothing"),
    ],
)
def test_what_is_no_classifier_of_images_says_so(save, nodes, shape, what):
    save("net.onnx", nodes, shape=shape, output="flat", classes=3)
    with pytest.raises(ModelError, match=what) as caught:
        load_model("net.onnx")
    assert "/onnxruntime" not in str(caught.value)


def test_other_mistakes_are_named(save, weights):
    save("net.onnx", weights=weights)
    with pytest.raises(ModelError, match="holds the whole network"):
        load_model("net.onnx", "net.py:net")
    with pytest.raises(ModelError, match="takes images of 3 channels, and the preprocessing makes them of 1"):
        load_model("net.onnx", preprocess=Preprocess(11, order="grey"))
    model = save("two.onnx", weights=weights)
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, (1,)))
    Path("two.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="has 2 inputs"):
        load_model("two.onnx")
