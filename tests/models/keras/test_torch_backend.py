"""Keras on torch, without TensorFlow: the same files give the same values and gradients as on TensorFlow."""

import importlib
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import nnlens.models.keras
from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.models.keras import backends

pytest.importorskip("torch", reason="torch is an extra")

NAMES = ["plain", "residual", "shared", "nested", "branches", "operations", "written"]
BLOCKED = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(lambda name, *rest: None if name.startswith("tensorflow") else find(name, *rest))
"""  # as if it were not installed
RULES = """
import numpy as np
from nnlens.rules import ABSORBED, Rule
guided = lambda g, x, y, layer: g * (g > 0) * (x > 0) * (1 - (x >= layer.settings.get("top", 1e9)))
epsilon = lambda g, x, y, layer: x * layer.back(g / (y + 0.1 * (2 * (y >= 0) - 1)), lambda w: w * abs(w))
rules = [
    Rule("guided", {"ReLU": guided, "ReLU6": guided}),
    Rule("epsilon", {"Convolution": epsilon, "Dense": epsilon}, frozenset({"Dense"}), merge_norms=True),
]
def follow(model, inputs, seed):
    found = {}
    for rule in rules:
        wrt = ("@input", ABSORBED) if rule.absorbing else ("@input",)
        got = model.vjp(inputs, seed, wrt=wrt, rule=rule)
        found |= {f"{rule.name} {key}": value for key, value in got.gradients.items()}
        found[f"{rule.name} plain"] = np.array(sorted(each.rpartition("(")[2] for each in got.plain_at))
    return found
"""
PROGRAM = (
    RULES
    + """
import json
import numpy as np
from nnlens.models import Preprocess, load_model

inputs = np.load("inputs.npy")
told = {}
for name in json.loads(sys.argv[1]):
    model = load_model(f"{name}.keras", preprocess=Preprocess(9))
    layers = [layer.name for layer in model.layers]
    spatial = [layer.name for layer in model.layers if layer.spatial]
    before = [(variable.value.requires_grad, variable.value.detach().clone()) for variable in model.model.weights]
    values = {f"value {key}": value for key, value in model.activations(inputs, ["@logits", *layers]).items()}
    values |= {f"mean {key}": value for key, value in model.activations(inputs, [], spatial).items()}
    ends = [each for each in layers[:-1] if not each.startswith(("greater", "cast"))]  # no gradient comes to a mask
    seed = lambda logits, kept: np.cos(np.arange(logits.size, dtype=np.float32)).reshape(logits.shape)
    got = model.vjp(inputs, seed, wrt=("@input", *ends), keep=layers[:2])
    values |= {f"gradient {key}": value for key, value in got.gradients.items()}
    values |= {f"kept {key}": value for key, value in got.activations.items()}
    middle = model.vjp(inputs, lambda logits, kept: kept[layers[1]] ** 2, at=layers[1])
    values["from the middle"] = middle.gradients["@input"]
    values |= follow(model, inputs, np.cos(np.arange(20, dtype=np.float32)).reshape(4, 5))
    np.savez(f"{name}.npz", **values)
    after = [(variable.value.requires_grad, variable.value) for variable in model.model.weights]
    same = all(flag == left and bool((value == kept).all()) for (flag, value), (left, kept) in zip(before, after))
    told[name] = [same, model.fingerprint, all(variable.value.grad is None for variable in model.model.weights)]
import keras
print(json.dumps([keras.backend.backend(), "tensorflow" not in sys.modules, told]))
"""
)


def run(code, *arguments, folder, **environment):
    settings = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"} | environment
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, env=settings, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("torch")


@pytest.mark.slow
def test_values_and_gradients_are_those_of_tensorflow(build, inputs, folder):
    np.save(folder / "inputs.npy", inputs)
    for name in NAMES:
        build(name).save(folder / f"{name}.keras")
    told = run(BLOCKED + PROGRAM, json.dumps(NAMES), folder=folder, KERAS_BACKEND="torch")
    backend, blocked, facts = json.loads(told)
    assert (backend, blocked) == ("torch", True)
    for name in NAMES:
        model = load_model(folder / f"{name}.keras", preprocess=Preprocess(9))
        got = dict(np.load(folder / f"{name}.npz"))
        layers = [layer.name for layer in model.layers]
        spatial = [layer.name for layer in model.layers if layer.spatial]
        expected = {
            f"value {key}": value for key, value in model.activations(inputs, ["@logits", *layers]).items()
        }
        expected |= {f"mean {key}": value for key, value in model.activations(inputs, [], spatial).items()}
        seed = np.cos(np.arange(20, dtype=np.float32)).reshape(4, 5)
        ends = [each for each in layers[:-1] if not each.startswith(("greater", "cast"))]
        both = model.vjp(inputs, seed, wrt=("@input", *ends), keep=layers[:2])
        expected |= {f"gradient {key}": value for key, value in both.gradients.items()}
        expected |= {f"kept {key}": value for key, value in both.activations.items()}
        middle = model.vjp(inputs, lambda logits, kept, at=layers[1]: kept[at] ** 2, at=layers[1])
        expected["from the middle"] = middle.gradients["@input"]
        own = {}
        exec(RULES, own)
        expected |= own["follow"](model, inputs, seed)
        assert got.keys() == expected.keys()
        for key in [key for key in expected if key.endswith(" plain")]:
            assert got.pop(key).tolist() == expected.pop(key).tolist()
        for key, value in expected.items():
            close = 1e-5 * max(1, np.abs(value).max())
            np.testing.assert_allclose(got[key], value, rtol=1e-5, atol=close, err_msg=f"{name}: {key}")
        assert facts[name] == [True, model.fingerprint, True]


@pytest.mark.slow
def test_torch_is_taken_where_tensorflow_is_not_installed(build, folder):
    build("plain").save(folder / "plain.keras")
    code = (
        BLOCKED
        + "import nnlens; nnlens.load_model('plain.keras'); import keras; print(keras.backend.backend())"
    )
    assert run(code, folder=folder) == "torch"


def test_tensorflow_takes_memory_of_a_gpu_as_it_needs_it_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv(backends.GROWTH, raising=False)
    backends.share_gpu()
    assert os.environ[backends.GROWTH] == "true"
    monkeypatch.setenv(backends.GROWTH, "false")
    backends.share_gpu()
    assert os.environ[backends.GROWTH] == "false"


def test_a_backend_that_is_not_known_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ModelError, match=r"Keras runs on jax here.*\n?.*Unset KERAS_BACKEND"):
        importlib.reload(nnlens.models.keras)


@pytest.mark.slow
def test_an_unreached_layer_is_named_on_torch_too(build, folder):
    build("shared").save(folder / "shared.keras")
    code = BLOCKED + (
        "import numpy as np, nnlens\nfrom nnlens.errors import ModelError\n"
        "model = nnlens.load_model('shared.keras')\n"
        "try: model.vjp(np.zeros((2, 3, 9, 9), np.float32), np.ones((2, 5), np.float32), wrt=('end',))\n"
        "except ModelError as error: print(error)"
    )
    assert "from '@logits' back to 'end'" in run(code, folder=folder, KERAS_BACKEND="torch")
