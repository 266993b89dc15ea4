import os
import subprocess
import sys

import pytest

from nnlens.errors import ModelError
from nnlens.models import load_model, loading
from nnlens.models.base import LayerInfo, ModelReference, layer_named
from nnlens.models.preprocess import Preprocess

FRAMEWORKS = ("torch", "tensorflow", "keras", "safetensors", "h5py", "onnx", "onnxruntime")


def imported_by(code):
    """Frameworks that a fresh Python has imported after some code."""
    script = f"{code}\nimport sys\nprint(*(name for name in {FRAMEWORKS} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import nnlens.models, nnlens.samples, nnlens.rules",
        "from nnlens.samples import load_samples; load_samples('digits')",
        "from nnlens.models import load_model\ntry: load_model('nothing.pt')\nexcept Exception: pass",
        "from nnlens.models import load_model\ntry: load_model({})\nexcept Exception: pass",
        "from nnlens.models import Preprocess; import numpy\nPreprocess(4)(numpy.zeros((1, 9, 9, 3), 'uint8'))",
    ],
)
def test_no_framework_is_imported_before_it_is_needed(code):
    assert imported_by(code) == set()


def test_a_torch_network_brings_in_no_tensorflow():
    assert not {"tensorflow", "keras"} & imported_by(
        "from nnlens.models import load_model; load_model('zoo:digits')"
    )


@pytest.mark.parametrize(
    ("framework", "extra"), [("torch", r"nnlens\[torch\]"), ("keras", r"nnlens\[tensorflow\]")]
)
def test_a_missing_framework_says_what_to_install(monkeypatch, framework, extra):
    monkeypatch.setitem(loading.ADAPTERS, framework, "nnlens.no_such_adapter")
    bases = dict([loading.BASES[framework]])
    module, name = next(iter(bases.items()))
    network = type(name, (), {"__module__": module})()
    with pytest.raises(ModelError, match=extra):
        load_model(network)


def test_keras_on_torch_is_not_taken_for_torch():
    code = """
import keras
from nnlens.models import load_model
model = load_model(keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]))
print(model.framework, [layer.kind for layer in model.layers])
"""
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert "keras ['Flatten', 'Dense']" in done.stdout


def test_a_class_of_the_same_name_is_no_network():
    class Module:
        pass

    with pytest.raises(ModelError, match="A Module is no network"):
        load_model(Module())


def test_layers_are_found_by_every_name():
    layers = [LayerInfo("a", "ReLU", (3,)), LayerInfo("b", "ReLU", (3, 2, 2), aliases=("block",))]
    assert layer_named(layers, "block") is layers[1]
    assert layer_named(layers, "c") is None
    assert [layer.spatial for layer in layers] == [False, True]


def test_a_reference_goes_through_plain_data():
    reference = ModelReference("net.pt", "net.py:net", Preprocess((3, 4), std=(1, 2, 3)), "ab" * 32)
    assert ModelReference.from_dict(reference.to_dict()) == reference
