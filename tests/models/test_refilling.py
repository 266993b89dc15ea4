"""Other weights in the architecture of a model: to the last bit what the file gives when it is opened by itself."""

import pickle

import numpy as np
import pytest

import nnlens
from nnlens.errors import ModelError
from nnlens.models import LayerInfo, load_model
from nnlens.testing import tiny_model

torch = pytest.importorskip("torch", reason="torch is an extra")
from safetensors.torch import save_file  # noqa: E402

DIGITS = "nnlens.models.torch.networks:digits"
FORMS = {
    "plain.pth": lambda state, path: torch.save(state, path),
    "old.pt": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "lightning.ckpt": lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path),
    "parallel.pth": lambda state, path: torch.save({f"module.{n}": v for n, v in state.items()}, path),
    "plain.safetensors": save_file,
    "misnamed.pth": save_file,
}


@pytest.fixture(scope="module")
def model():
    return load_model("zoo:digits")


@pytest.fixture(scope="module")
def state(model):
    """Weights of another network of the same architecture."""
    return model.randomized(seed=3).module.state_dict()


@pytest.fixture(scope="module")
def inputs(model):
    return model.prepare(np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8))


def first_class(logits, _):
    return np.eye(logits.shape[1], dtype=np.float32)[logits.argmax(1)]


def same(found, direct, inputs, layer):
    np.testing.assert_array_equal(found.predict(inputs), direct.predict(inputs))
    wanted = {"wrt": ("@input", layer), "keep": (layer,)}
    one, other = found.vjp(inputs, first_class, **wanted), direct.vjp(inputs, first_class, **wanted)
    for name in ("@input", layer):
        np.testing.assert_array_equal(one.gradients[name], other.gradients[name])
    np.testing.assert_array_equal(one.activations[layer], other.activations[layer])
    assert found.preprocess == direct.preprocess and found.layers == direct.layers
    assert found.fingerprint == direct.fingerprint and found.reference is None


@pytest.mark.parametrize("form", FORMS)
def test_torch_gives_what_the_file_gives_and_leaves_the_model_as_it_is(model, state, inputs, tmp_path, form):
    path = tmp_path / form
    FORMS[form](state, path)
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    model.module.dropout.train()
    try:
        found = nnlens.with_weights(model, path)
        assert [name for name, part in model.module.named_modules() if part.training] == ["dropout"]
    finally:
        model.module.dropout.eval()
    same(found, load_model(path, DIGITS), inputs, "conv2")
    same(nnlens.with_weights(model, path.read_bytes()), found, inputs, "conv2")
    assert found.name == path.stem and bool(found.notes) == (form in ("lightning.ckpt", "parallel.pth"))
    after = model.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    own = {each.data_ptr() for each in model.module.state_dict().values()}
    assert not own & {each.data_ptr() for each in found.module.state_dict().values()}


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def hostile(state, path):
    torch.save({**state, "more": Runs(path.parent / "ran")}, path)


def raw_pickle(state, path):
    path.write_bytes(pickle.dumps(Runs(path.parent / "ran")))


def changed(**more):
    def save(state, path):
        state = {name: more.get(name.replace(".", "_"), value) for name, value in state.items()}
        torch.save({name: value for name, value in state.items() if value is not None}, path)

    return save


def text(content):
    return lambda state, path: path.write_bytes(content)


ZEROS = torch.zeros
WRONG = {
    "a pickle that runs code": (hostile, "could run code", "state_dict"),
    "a bare pickle": (raw_pickle, "could run code", "state_dict"),
    "a whole network": (lambda s, p: torch.save(torch.nn.Linear(1, 1), p), "could run code", "state_dict"),
    "a name too few": (changed(fc1_bias=None), r"lack fc1\.bias", "same architecture"),
    "a name too many": (
        lambda s, p: torch.save({**s, "fc3.bias": ZEROS(3)}, p),
        r"have also fc3\.bias",
        "same architecture",
    ),
    "another shape": (
        changed(conv2_weight=ZEROS(32, 16, 5, 5)),
        r"conv2\.weight is \(32, 16, 5, 5\) in the file and \(32, 16, 3, 3\) in the architecture",
        "same architecture",
    ),
    "another head": (
        changed(fc2_weight=ZEROS(7, 32), fc2_bias=ZEROS(7)),
        r"head has 7 outputs, the architecture's 10 \(fc2\)",
        "same architecture",
    ),
    "no weights": (lambda s, p: torch.save({"epoch": 3}, p), "holds no weights by name", "state_dict"),
    "a web page": (text(b"<!doctype html>"), "is a web page", "Fetch"),
    "nothing": (text(b""), "is empty", "Fetch"),
    "Keras": (
        text(b"\x89HDF\r\n\x1a\n" + bytes(600)),
        "a file of Keras, and the network is one of torch",
        "same",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_or_carries_code_is_named_and_changes_nothing(model, state, tmp_path, case):
    save, words, hint = WRONG[case]
    path = tmp_path / "other.pth"
    save(state, path)
    fingerprint = model.fingerprint
    with pytest.raises(ModelError, match=words) as caught:
        nnlens.with_weights(model, path)
    assert (
        hint in caught.value.hint
        and "--trust" not in str(caught.value)
        and str(tmp_path) not in str(caught.value)
    )
    assert not (tmp_path / "ran").exists()
    assert nnlens.with_weights(model, tmp_weights(model, tmp_path)).fingerprint == fingerprint


def tmp_weights(model, folder):
    save_file(model.module.state_dict(), folder / "own.safetensors")
    return folder / "own.safetensors"


def test_a_model_that_cannot_be_made_again_says_so(model, tmp_path):
    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(64, 3)

        def forward(self, x):
            return self.fc(x.flatten(1))

        def __deepcopy__(self, memo):
            raise TypeError("once is enough")

    network = Whole()
    torch.save(network.state_dict(), tmp_path / "own.pth")
    live = load_model(network, preprocess=nnlens.Preprocess(8, order="grey"))
    with pytest.raises(ModelError, match="cannot be copied: once is enough"):
        nnlens.with_weights(live, tmp_path / "own.pth")
    with pytest.raises(ModelError, match="of its own kind"):
        nnlens.with_weights(tiny_model(), tmp_path / "own.pth")
    with pytest.raises(ModelError, match=r"There is no file 'missing\.pth'"):
        nnlens.with_weights(model, tmp_path / "missing.pth")

    class Onnx:
        framework, layers = "onnx", (LayerInfo("a", "Conv", (1,)),)

    with pytest.raises(ModelError, match="ONNX cannot be given other weights"):
        nnlens.with_weights(Onnx(), tmp_path / "own.pth")


@pytest.mark.slow  # TensorFlow alone takes six seconds to come
def test_keras_gives_what_the_file_gives_and_leaves_the_model_as_it_is(tmp_path):
    keras = pytest.importorskip("keras", reason="Keras is an extra")
    from keras import layers

    def net(units=3, seed=0, code=False):
        keras.utils.set_random_seed(seed)
        parts = [
            keras.Input((5, 5, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            *([layers.Lambda(lambda x: x, name="code")] if code else []),
            layers.Flatten(name="flat"),
            layers.Dense(units, activation="softmax", name="fc"),
        ]
        made = keras.Sequential(parts)
        rng = np.random.default_rng(seed)
        made.set_weights([rng.uniform(0.1, 1, value.shape) for value in made.get_weights()])
        return made

    grey = nnlens.Preprocess(5, order="grey")
    model, other = load_model(net(), preprocess=grey), net(seed=1)
    before = model.model.get_weights()
    inputs = np.random.default_rng(0).normal(size=(3, 1, 5, 5)).astype(np.float32)
    for name in ("other.weights.h5", "other.keras", "other.h5"):
        path = tmp_path / name
        other.save_weights(path) if "weights" in name else other.save(path)
        found = nnlens.with_weights(model, path)
        same(found, load_model(path, architecture=net, preprocess=grey), inputs, "norm")
        assert found.name == "other" and np.ptp(found.predict(inputs) - model.predict(inputs))
    for value, still in zip(before, model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, still)

    net(7).save_weights(tmp_path / "seven.weights.h5")
    net(code=True).save(tmp_path / "code.keras")
    torch.save({"a": torch.zeros(1)}, tmp_path / "torch.pth")
    for name, words in (
        ("seven.weights.h5", r"fc: the architecture has \(18, 3\) where the file has \(18, 7\)"),
        ("code.keras", "carries code in its layers, which is not run"),
        ("torch.pth", "a file of torch, and the network is one of Keras"),
    ):
        with pytest.raises(ModelError, match=words) as caught:
            nnlens.with_weights(model, tmp_path / name)
        assert caught.value.hint
    for value, still in zip(before, model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, still)
