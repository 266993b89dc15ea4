"""Files of Keras: good ones of every form, and those that are damaged or hostile."""

import json
import shutil
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model, reopen_model

ARCHITECTURE = """
import keras
from nnlens.models import Preprocess

preprocess = Preprocess(5, order="grey", mean=0.5)

def net(classes=3):
    layers = keras.layers
    return keras.Sequential([keras.Input((5, 5, 1)), layers.Conv2D(2, 3, name="conv"), layers.Flatten(name="flat"),
                             layers.Dense(classes, activation="softmax", name="fc")])

def other():
    return net(7)

def no_network():
    return "network"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(ARCHITECTURE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def net():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="fc"),
        ]
    )


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(3, 1, 5, 5)).astype(np.float32)


def probabilities(net, inputs):
    return np.asarray(net(np.moveaxis(inputs, 1, -1), training=False))


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


def save_old(net, path):
    """A whole network in the older of Keras' own formats; saving it warns that there is a newer one."""
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    save_model_to_hdf5(net, path, include_optimizer=False)


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.bin"])
@pytest.mark.parametrize("old", [False, True])
def test_a_whole_network_whatever_its_file_is_called(net, inputs, name, old):
    if old:
        save_old(net, "saved.h5")
        shutil.move("saved.h5", name)
    else:
        net.save("saved.keras")
        shutil.move("saved.keras", name)
    model = load_model(name)
    np.testing.assert_allclose(
        softmax(model.predict(inputs)), probabilities(net, inputs), rtol=1e-4, atol=1e-6
    )
    assert model.name == "net"
    assert model.framework == "keras"
    assert [layer.name for layer in model.layers] == ["conv", "flat", "fc"]
    again = reopen_model(model.reference)
    assert again.fingerprint == model.fingerprint


def test_the_fingerprint_is_that_of_the_live_network(net):
    net.save("net.keras")
    assert load_model("net.keras").fingerprint == load_model(net).fingerprint


@pytest.mark.parametrize("name", ["net.weights.h5", "net.h5", "net.bin"])
def test_weights_alone_with_their_architecture(net, inputs, name):
    net.save_weights("saved.weights.h5")
    shutil.move("saved.weights.h5", name)
    model = load_model(name, "net.py:net")
    np.testing.assert_allclose(
        softmax(model.predict(inputs)), probabilities(net, inputs), rtol=1e-4, atol=1e-6
    )
    assert model.preprocess == Preprocess(5, order="grey", mean=0.5)
    assert reopen_model(model.reference).fingerprint == model.fingerprint


def test_weights_alone_need_an_architecture(net):
    net.save_weights("net.weights.h5")
    with pytest.raises(ModelError, match="also needs the architecture"):
        load_model("net.weights.h5")


@pytest.mark.parametrize(
    ("architecture", "what"),
    [("net.py:other", "do not fit the architecture"), ("net.py:no_network", "returns str")],
)
def test_weights_of_another_architecture_are_refused(net, architecture, what):
    net.save_weights("net.weights.h5")
    with pytest.raises(ModelError, match=what):
        load_model("net.weights.h5", architecture)


def test_layers_with_code_are_refused_and_never_run():
    trap = layers.Lambda(lambda x: (Path("trapped").touch(), x)[1], output_shape=(5, 5, 1))
    network = keras.Sequential([keras.Input((5, 5, 1)), trap, layers.Flatten(), layers.Dense(2)])
    Path("trapped").unlink(missing_ok=True)
    network.save("net.keras")
    save_old(network, "net.h5")
    for name in ("net.keras", "net.h5"):
        with pytest.raises(ModelError, match="carries code in its layers"):
            load_model(name)
    assert not Path("trapped").exists()


def rewrite(change):
    """Change the configuration within net.keras."""
    with zipfile.ZipFile("net.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"])
    with zipfile.ZipFile("net.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_a_few_bytes_may_not_ask_for_all_memory(net):
    net.save("net.keras")
    rewrite(lambda text: text.replace(b'"units": 3', b'"units": 10000000000'))
    with pytest.raises(ModelError, match="layer of 10,000,000,000, but holds no weights"):
        load_model("net.keras")
    save_old(net, "net.h5")
    with h5py.File("net.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"units": 3', '"units": 10000000000')
    with pytest.raises(ModelError, match="layer of 10,000,000,000"):
        load_model("net.h5")


def test_a_module_of_python_is_not_imported_by_name(net):
    net.save("net.keras")
    rewrite(
        lambda text: text.replace(
            b'"module": "keras.layers", "class_name": "Flatten"', b'"module": "os", "class_name": "system"'
        )
    )
    with pytest.raises(ModelError, match=r"net\.keras"):
        load_model("net.keras")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_a_file_that_is_cut_off_is_named(net, share):
    net.save("net.keras")
    save_old(net, "net.h5")
    for name in ("net.keras", "net.h5"):
        data = Path(name).read_bytes()
        Path(name).write_bytes(data[: int(share * len(data))])
        with pytest.raises(ModelError, match=rf"{name} is cut off or damaged"):
            load_model(name)


def test_a_damaged_configuration_is_named(net):
    net.save("net.keras")
    rewrite(lambda text: text[:-20])
    with pytest.raises(ModelError, match="cut off or damaged"):
        load_model("net.keras")


def test_a_member_that_points_outside_is_refused(net):
    net.save("net.keras")
    with zipfile.ZipFile("net.keras", "a") as archive:
        archive.writestr("../outside", "x")
    with pytest.raises(ModelError, match="points outside"):
        load_model("net.keras")


def test_weights_elsewhere_are_not_followed(net, folder):
    """An HDF5 file may link to another file; Keras reads none but its own."""
    net.save("net.keras")
    with h5py.File("secret.h5", "w") as file:
        file["values"] = np.ones((3, 3, 1, 2), np.float32)
    with zipfile.ZipFile("net.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    Path("inner.h5").write_bytes(members["model.weights.h5"])
    with h5py.File("inner.h5", "r+") as file:
        found = []
        file.visit(
            lambda name: found.append(name) if name.endswith(("conv/vars/0", "conv2d/vars/0")) else None
        )
        del file[found[0]]
        file[found[0]] = h5py.ExternalLink(str(folder / "secret.h5"), "values")
    members["model.weights.h5"] = Path("inner.h5").read_bytes()
    with zipfile.ZipFile("net.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ModelError, match="lie in another file"):
        load_model("net.keras")


@pytest.mark.parametrize("whole", [True, False])
def test_weights_elsewhere_are_not_followed_in_hdf5_either(net, folder, whole):
    with h5py.File("secret.h5", "w") as file:
        file["values"] = np.ones(3, np.float32)
    if whole:
        save_old(net, "net.h5")
    else:
        net.save_weights("saved.weights.h5")
        shutil.move("saved.weights.h5", "net.h5")
    with h5py.File("net.h5", "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if getattr(item, "shape", 0) == (3,) else None)
        del file[found[0]]
        file[found[0]] = h5py.ExternalLink(str(folder / "secret.h5"), "values")
    with pytest.raises(ModelError, match="lie in another file"):
        load_model("net.h5", None if whole else "net.py:net")


@pytest.mark.parametrize("name", ["net.h5", "net.weights.h5"])
def test_a_few_bytes_may_not_claim_to_hold_all_memory(net, name):
    """HDF5 gives zeros for what was never written."""
    save_old(net, "net.h5")
    net.save_weights("net.weights.h5")
    with h5py.File(name, "r+") as file:
        file.create_dataset("more", (10**6, 10**6), "f4", chunks=(1000, 1000))
    with pytest.raises(ModelError, match="claims to hold 4,000,0"):
        load_model(name, None if name == "net.h5" else "net.py:net")


def named_layers(*names, units=3):
    inner = [layers.Conv2D(2, 3, padding="same", name=name) for name in names]
    ends = [layers.Flatten(name="flat"), layers.Dense(units, name="fc")]
    return keras.Sequential([keras.Input((5, 5, 2)), *inner, *ends])


@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
@pytest.mark.parametrize(
    ("architecture", "what"),
    [
        (lambda: named_layers("a", "b", units=7), r"fc.*\(50, 7\).*\(50, 3\)"),
        (
            lambda: named_layers("a", "b", "c"),
            "c: Layer 'c' expected 2 variables|3 layers with weights.*has 4",
        ),
        (lambda: named_layers("a"), "it has 229 and the architecture takes 191|3 layers with weights.*has 2"),
    ],
)
def test_no_network_is_filled_by_half(ending, architecture, what):
    """Keras 3 itself leaves weights over without a word."""
    network = named_layers("a", "b")
    if ending == ".keras":
        network.save("net.keras")
    elif ending == ".h5":
        save_old(network, "net.h5")
    else:
        network.save_weights("net.weights.h5")
    with pytest.raises(ModelError, match=what) as caught:
        load_model(f"net{ending}", architecture, Preprocess(5))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "greedy",
    [
        lambda x: layers.UpSampling2D(20_000, name="greedy")(x),
        lambda x: layers.ZeroPadding2D(10**6, name="greedy")(x),
        lambda x: keras.Model(x, layers.UpSampling2D(20_000, name="greedy")(x), name="inner")(x),
    ],
)
def test_a_layer_may_not_ask_for_all_memory(greedy):
    x = keras.Input((5, 5, 1))
    keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(greedy(x)))).save("net.keras")
    with pytest.raises(ModelError, match=r"asks for [0-9,]+ values an image at 'greedy'"):
        load_model("net.keras")


def test_an_input_may_not_ask_for_all_memory():
    x = keras.Input((10**6, 10**6, 1))
    keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))).save("net.keras")
    with pytest.raises(ModelError, match="1,000,000,000,000 values an image at 'its input'"):
        load_model("net.keras")


@pytest.mark.parametrize("config", [5, "[]", "3", "{" * 5000, '{"class_name": "Sequential"}'])
def test_what_is_no_configuration_is_named(config):
    with h5py.File("net.h5", "w") as file:
        file.attrs["model_config"] = config
    with pytest.raises(ModelError, match=r"net\.h5"):
        load_model("net.h5")


def test_an_architecture_may_be_json(net, inputs):
    Path("net.json").write_text(net.to_json())
    net.save_weights("net.weights.h5")
    model = load_model("net.weights.h5", "net.json")
    np.testing.assert_allclose(
        softmax(model.predict(inputs)), probabilities(net, inputs), rtol=1e-4, atol=1e-6
    )
    assert model.reference.architecture == "net.json"
    assert reopen_model(model.reference).fingerprint == model.fingerprint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "no architecture file 'net.json'"),
        ("{", "net.json is no JSON"),
        ("[]", "Keras cannot build net.json|returns list"),
        ('{"class_name": "Nothing", "config": {}}', "Keras cannot build net.json"),
        ('{"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": {}}]}', "carries code"),
    ],
)
def test_json_that_is_no_architecture_says_so(net, text, what):
    net.save_weights("net.weights.h5")
    if text is not None:
        Path("net.json").write_text(text)
    with pytest.raises(ModelError, match=what):
        load_model("net.weights.h5", "net.json")


def test_json_may_not_ask_for_all_memory_either(net):
    net.save_weights("net.weights.h5")
    text = net.to_json()
    for units, what in ((10**10, "asks for a layer of 10,000,000,000"), (30_000, "asks for [0-9,]+ weights")):
        Path("net.json").write_text(text.replace('"units": 3', f'"units": {units}'))
        with pytest.raises(ModelError, match=f"net.json {what}"):
            load_model("net.weights.h5", "net.json")


def test_json_alone_is_no_network(net):
    Path("net.json").write_text(json.dumps(net.get_config(), default=str))
    with pytest.raises(ModelError, match="architecture without weights"):
        load_model("net.json")


def test_a_name_that_tensorflow_cannot_take_is_said(tmp_path):
    network = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="😀")]
    )
    network.save(tmp_path / "net.keras")
    model = load_model(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"cannot run a layer of this name: '😀' .* Rename the layer"):
        model.predict(np.zeros((1, 1, 4, 4), np.float32))
    later = keras.layers.Dense(1)
    later.build((1, 1))
    assert "😀" not in later.weights[0].path, "a scope was left open"


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_network_that_was_trained_is_opened_as_any_other(folder, net, inputs, ending, nested):
    """Files tell how a network is trained on; the optimizer would make weights where only shapes are asked for."""
    samples = np.moveaxis(inputs, 1, -1), np.array([0, 1, 2])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(*samples, epochs=1, verbose=0)
    if nested:
        net = keras.Sequential([keras.Input((5, 5, 1)), net])
        net.compile(keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy")
        net.fit(*samples, epochs=1, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # .h5 is the older format
        net.save(folder / f"net{ending}")
    model = load_model(folder / f"net{ending}", preprocess=Preprocess(5, order="grey"))
    np.testing.assert_allclose(
        softmax(model.predict(inputs)), probabilities(net, inputs), rtol=1e-5, atol=1e-6
    )


def test_a_network_that_is_refused_for_its_size_leaves_no_weights_to_be_made_later():
    """Keras makes what waits with the next layer of anybody's own: 20 GB, once, in another test."""
    from keras.src.backend.common.global_state import get_global_attribute

    from nnlens.models.keras.configuration import WAITING, check_size

    image = keras.Input((8, 8, 3))
    network = keras.Model(image, keras.layers.Dense(50)(keras.layers.Flatten()(image)))
    config = keras.saving.serialize_keras_object(network)
    with pytest.raises(ModelError, match="asks for 9,650 weights"):
        check_size(config, "net.keras", keras.__version__, 1000)
    assert not get_global_attribute(WAITING)
    check_size(config, "net.keras", keras.__version__, 100_000)
    assert not get_global_attribute(WAITING)
