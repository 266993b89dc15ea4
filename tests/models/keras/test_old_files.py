"""Files as Keras 2.0 to 2.15 and tf.keras wrote them: each predicts what the network built today predicts."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model, reopen_model
from nnlens.models.keras.graph import functional

SIDE = 9


@dataclass(frozen=True)
class Style:
    """What differed between versions."""

    version: str
    listed: bool = False  # the configuration of a Sequential is the list of its layers
    input_layer: bool = False  # a Sequential has its input as a layer
    graph: str = "Model"  # class of a graph
    counts_making: bool = True  # the first call of a network inside has the number 1
    normalization: str = "BatchNormalization"
    scope: str = ""  # what tf.keras put behind the names of scopes
    policy: bool = False  # dtype is an object
    modules: bool = False  # each layer names its module
    tuples: bool = False  # shapes are marked as tuples
    backend: str = "tensorflow"


STYLES = {
    "2.0": Style("2.0.8", listed=True),
    "2.1 of Theano": Style("2.1.6", listed=True, backend="theano"),
    "2.2": Style("2.2.4"),
    "tf 1.14": Style("2.2.4-tf", normalization="BatchNormalizationV1", scope="_124"),
    "2.3": Style("2.3.1", input_layer=True, tuples=True),
    "tf 2.4": Style("2.4.0", input_layer=True, graph="Functional", policy=True),
    "tf 2.9, unbuilt first": Style("2.9.0", input_layer=True, graph="Functional", counts_making=False),
    "2.15": Style("2.15.0", input_layer=True, graph="Functional", modules=True),
}
NETWORKS = ["plain", "residual", "shared", "nested", "branches", "convolved"]


def first(array):
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array


# --- writing what old versions wrote ---------------------------------------------------------------------------------


def shape_entry(shape, style):
    return {"class_name": "__tuple__", "items": list(shape)} if style.tuples else list(shape)


def layer_entry(layer, style):
    """A layer's class and settings."""
    config = {key: value for key, value in layer.get_config().items() if key != "seed_generator"}
    kind = type(layer).__name__
    for key in config:
        if key.endswith("initializer"):  # a distribution that Keras 3 no longer knows
            settings = {"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None}
            config[key] = {"class_name": "VarianceScaling", "config": settings}
    policy = {"class_name": "Policy", "config": {"name": "float32"}}
    config["dtype"] = policy if style.policy else "float32"
    if kind == "InputLayer":
        config = {"batch_input_shape": shape_entry(config["batch_shape"], style), "dtype": "float32"}
        config |= {"sparse": False, "name": layer.name} | ({"ragged": False} if style.policy else {})
    elif kind == "DepthwiseConv2D":
        config |= {"groups": 1, "kernel_constraint": None}
    elif kind == "BatchNormalization":
        config.pop("synchronized"), config.pop("renorm", None)
        config |= {"axis": [3], "renorm": False}
        kind = style.normalization
    elif kind == "Conv2D" and style.version < "2.3":
        config.pop("groups")
    elif kind == "GlobalAveragePooling2D" and not config["keepdims"]:
        config.pop("keepdims")
    entry = {"class_name": kind, "config": config}
    if style.modules:
        entry |= {"module": "keras.layers", "registered_name": None}
        entry |= {"build_config": {"input_shape": [None]}} if layer.weights else {}
    return entry


def network_entry(network, style):
    if isinstance(network, keras.Sequential):
        return sequential_entry(network, style)
    if functional(network) is not None:
        return graph_entry(network, style)
    return layer_entry(network, style)


def sequential_entry(network, style):
    inner = [network_entry(layer, style) for layer in network.layers]
    shape = shape_entry((None, *network.input_shape[1:]), style)
    if "layers" not in inner[0]["config"] and not isinstance(inner[0]["config"], list):
        inner[0]["config"]["batch_input_shape"] = shape
    if style.input_layer:
        settings = {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "name": "first_input"}
        inner.insert(0, {"class_name": "InputLayer", "config": settings})
    config = inner if style.listed else {"name": network.name, "layers": inner}
    if style.tuples:
        config["build_input_shape"] = shape
    return {"class_name": "Sequential", "config": config}


def graph_entry(network, style):
    graph = functional(network)
    calls = {operation: [] for operation in graph.operations}
    for operation in calls:
        for node in operation._inbound_nodes:
            if any(node in nodes for nodes in graph._nodes_by_depth.values()):
                calls[operation].append(node)

    def reference(tensor):
        operation = tensor._keras_history.operation
        number = next(
            number
            for number, node in enumerate(calls[operation])
            if any(output is tensor for output in node.output_tensors)
        )
        counted = functional(operation) is not None and style.counts_making
        return [operation.name, number + counted, tensor._keras_history.tensor_index]

    inner = []
    for operation, nodes in calls.items():
        inbound = [
            [[*reference(tensor), {}] for tensor in node.input_tensors] for node in nodes if not node.is_input
        ]
        inner.append(network_entry(operation, style) | {"name": operation.name, "inbound_nodes": inbound})
    config = {"name": network.name, "layers": inner}
    config["input_layers"] = [reference(tensor) for tensor in graph.inputs]
    config["output_layers"] = [reference(tensor) for tensor in graph.outputs]
    return {"class_name": style.graph, "config": config}


def old_name(variable, owner, style):
    depthwise = type(owner).__name__ == "DepthwiseConv2D" and variable.name == "kernel"
    name = "depthwise_kernel" if depthwise else variable.name
    return f"{owner.name}{style.scope}/{name}:0".encode()


def saved_weights(layer, style):
    owner = {id(variable): each for each in layer._flatten_layers() for variable in each._trainable_variables}
    owner |= {
        id(variable): each for each in layer._flatten_layers() for variable in each._non_trainable_variables
    }
    found = []
    for variable in [*layer.trainable_weights, *layer.non_trainable_weights]:
        each, value = owner[id(variable)], np.asarray(variable)
        if style.backend == "theano" and type(each).__name__ == "Conv2D" and variable is each.kernel:
            value = value[::-1, ::-1]  # Theano convolved
        found.append((old_name(variable, each, style), value))
    return found


def write_weights(group, network, style, shuffled=False, cut=False):
    own = list(network.layers)
    if shuffled:
        own = own[::-1]
    names = np.array([layer.name.encode() for layer in own])
    for number, part in enumerate(np.array_split(names, 3) if cut else [names]):
        group.attrs["layer_names" + str(number) * cut] = part
    group.attrs["backend"], group.attrs["keras_version"] = style.backend.encode(), style.version.encode()
    for layer in own:
        inner = group.create_group(layer.name)
        weights = saved_weights(layer, style)
        inner.attrs["weight_names"] = np.array([name for name, _ in weights]) if weights else np.array([])
        for name, value in weights:
            inner[name.decode()] = value


def write_whole(path, network, style, **settings):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = style.version.encode(), style.backend.encode()
        file.attrs["model_config"] = json.dumps(network_entry(network, style)).encode()
        write_weights(file.create_group("model_weights"), network, style, **settings)


# --- reading it ------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_same(model, network, inputs, preprocess):
    expected = load_model(network, preprocess=preprocess)
    assert [(layer.name, layer.kind, layer.inputs, layer.aliases) for layer in model.layers] == [
        (layer.name, layer.kind, layer.inputs, layer.aliases) for layer in expected.layers
    ]
    np.testing.assert_array_equal(model.predict(inputs), expected.predict(inputs))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_network_of_any_version(build, preprocess, inputs, name, style):
    network = build(name)
    write_whole("net.h5", network, style)
    model = load_model("net.h5", preprocess=preprocess)
    assert_same(model, network, inputs, preprocess)
    assert reopen_model(model.reference).fingerprint == model.fingerprint


@pytest.mark.parametrize("style", [STYLES["2.0"], STYLES["tf 2.4"]], ids=["2.0", "tf 2.4"])
@pytest.mark.parametrize("name", ["plain", "nested"])
def test_an_architecture_with_weights_apart(build, preprocess, inputs, name, style):
    network = build(name)
    entry = network_entry(network, style)
    Path("net.json").write_text(
        json.dumps({**entry, "keras_version": style.version, "backend": "tensorflow"})
    )
    with h5py.File("net_weights.h5", "w") as file:
        write_weights(file, network, style)
    model = load_model("net_weights.h5", "net.json", preprocess)
    assert_same(model, network, inputs, preprocess)
    assert reopen_model(model.reference).fingerprint == model.fingerprint


def sandwich():
    """A Sequential in a graph in a Sequential, the inner ones called without an input layer of their own name."""
    conv, norm = layers.Conv2D(4, 3, padding="same", name="a"), layers.BatchNormalization(name="n")
    inner = keras.Sequential([keras.Input((SIDE, SIDE, 4)), conv, norm], name="inner")
    x = keras.Input((SIDE, SIDE, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    middle = keras.Model(x, layers.Add(name="sum")([inner(inner(y)), y]), name="middle")
    network = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), middle, layers.Flatten(name="flat"), layers.Dense(5, name="end")]
    )
    rng = np.random.default_rng(0)
    network.set_weights([value + 0.3 * rng.random(value.shape) for value in network.get_weights()])
    return network


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_networks_inside_of_others(preprocess, inputs, style):
    network = sandwich()
    write_whole("net.h5", network, style)
    model = load_model("net.h5", preprocess=preprocess)
    assert_same(model, network, inputs, preprocess)
    assert [layer.name for layer in model.layers][:5] == [
        "middle/stem", "middle/inner/a#0", "middle/inner/n#0", "middle/inner/a#1", "middle/inner/n#1",
    ]  # fmt: skip


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("last", ["graph", "sequential"])
def test_a_graph_that_ends_with_a_network_inside(preprocess, inputs, style, last):
    end = layers.Dense(5, name="fc")
    if last == "graph":
        flat = keras.Input((4,))
        head = keras.Model(flat, end(flat), name="head")
    else:
        head = keras.Sequential([keras.Input((4,)), end], name="head")
    x = keras.Input((SIDE, SIDE, 3), name="image")
    y = layers.GlobalMaxPooling2D(name="pool")(layers.Conv2D(4, 3, name="conv")(x))
    network = keras.Model(x, head(y))
    write_whole("net.h5", network, style)
    assert_same(load_model("net.h5", preprocess=preprocess), network, inputs, preprocess)


@pytest.mark.parametrize("cut", [False, True])
def test_layers_in_another_order_get_their_own_weights(build, preprocess, inputs, cut):
    """All three convolutions of `sames` have one shape: by order alone each would get another's weights."""
    keras.utils.set_random_seed(0)
    y = x = keras.Input((SIDE, SIDE, 3), name="image")
    for number in range(3):
        y = layers.Conv2D(3, 3, padding="same", name=f"conv{number}")(y)
    network = keras.Model(x, layers.Dense(5, name="fc")(layers.GlobalAveragePooling2D(name="gap")(y)))
    write_whole("net.h5", network, STYLES["tf 2.4"], shuffled=True, cut=cut)
    assert_same(load_model("net.h5", preprocess=preprocess), network, inputs, preprocess)


def test_weights_of_one_shape_are_not_exchanged(build, preprocess, inputs):
    network = build("residual")
    write_whole("net.h5", network, STYLES["2.2"])
    with h5py.File("net.h5", "r+") as file:
        group = file["model_weights/bn1"]
        group.attrs["weight_names"] = group.attrs["weight_names"][[1, 0, 3, 2]]
    assert_same(load_model("net.h5", preprocess=preprocess), network, inputs, preprocess)
    with h5py.File("net.h5", "r+") as file:  # names of scopes that say nothing
        group = file["model_weights/bn1"]
        names = [f"other/{name.decode().partition('/')[2]}" for name in group.attrs["weight_names"]]
        group.move("bn1", "other")
        group.attrs["weight_names"] = np.array([name.encode() for name in names])
    with pytest.raises(ModelError, match=r"'other/beta:0' would become 'bn1/gamma'"):
        load_model("net.h5", preprocess=preprocess)


def test_an_input_of_any_size_takes_the_one_that_is_given(inputs):
    x = keras.Input((None, None, 3), name="image")
    y = layers.GlobalAveragePooling2D(name="gap")(layers.Conv2D(4, 3, name="conv")(x))
    network = keras.Model(x, layers.Dense(5, name="fc")(y))
    for name in ("2.0", "2.15"):
        write_whole("net.h5", network, STYLES[name])
        with pytest.raises(ModelError, match="--size"):
            load_model("net.h5")
        assert_same(load_model("net.h5", preprocess=Preprocess(SIDE)), network, inputs, Preprocess(SIDE))


def test_an_archive_of_keras_2(build, preprocess, inputs):
    network = build("residual")
    network.save("new.keras")
    with zipfile.ZipFile("new.keras") as archive:
        weights = archive.read("model.weights.h5")
    style = STYLES["2.15"]
    entry = network_entry(network, style) | {
        "module": "keras.src.engine.functional",
        "registered_name": "Functional",
    }
    with zipfile.ZipFile("net.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(entry))
        archive.writestr("metadata.json", json.dumps({"keras_version": style.version}))
        archive.writestr("model.weights.h5", weights)
    assert_same(load_model("net.keras", preprocess=preprocess), network, inputs, preprocess)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_layers_that_scale_keep_what_they_learned(inputs, ending):
    scale = layers.Normalization(name="normal")
    scale.adapt(np.random.default_rng(3).normal(4, 9, (50, SIDE, SIDE, 3)))
    flat, end = layers.Flatten(name="flat"), layers.Dense(5, name="fc")
    network = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Rescaling([2, 3, 4], 1, name="scale"), scale, flat, end]
    )
    if ending == ".keras":
        network.save("net.keras")
    else:
        write_whole("net.h5", network, STYLES["tf 2.4"])
    model = load_model(f"net{ending}")
    assert model.preprocess.scale == 1
    assert_same(model, network, inputs, Preprocess(SIDE, scale=1))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Convolution2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "border_mode": "same"}),
        ("Dense", {"output_dim": 3}),
        ("MaxPooling2D", {"border_mode": "valid", "dim_ordering": "th"}),
    ],
)
def test_keras_1_is_refused_by_name(kind, settings):
    config = [
        {"class_name": kind, "config": {"name": "one", "batch_input_shape": [None, 9, 9, 3], **settings}}
    ]
    with h5py.File("net.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config}).encode()
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"one"])
    with pytest.raises(ModelError, match=r"net\.h5 was made by Keras 1.*\n?.*save it again"):
        load_model("net.h5")


def test_operations_of_tensorflow_are_named(build):
    network = build("plain")
    entry = network_entry(network, STYLES["tf 2.4"])
    entry["config"]["layers"][2] = {"class_name": "TFOpLambda", "config": {"function": "math.multiply"}}
    with h5py.File("net.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["model_config"] = "2.4.0", json.dumps(entry)
    with pytest.raises(ModelError, match=r"operations of TensorFlow as layers \(TFOpLambda\)"):
        load_model("net.h5")


def test_a_setting_that_would_change_the_network_is_not_dropped(build, preprocess):
    network = build("branches")
    write_whole("net.h5", network, STYLES["tf 2.4"])
    with h5py.File("net.h5", "r+") as file:
        text = str(file.attrs["model_config"])
        file.attrs["model_config"] = text.replace(
            '"groups": 1, "kernel_constraint"', '"groups": 3, "kernel_constraint"'
        )
    with pytest.raises(ModelError, match=r"Keras cannot build net\.h5: .*groups"):
        load_model("net.h5", preprocess=preprocess)


def test_weights_that_are_missing_or_too_many_are_refused(build, preprocess):
    network = build("residual")
    write_whole("net.h5", network, STYLES["2.2"])
    with h5py.File("net.h5", "r+") as file:
        group = file["model_weights/conv2"]
        group.attrs["weight_names"] = group.attrs["weight_names"][:1]
    with pytest.raises(ModelError, match="'conv2' takes 2 weights, the file has 1"):
        load_model("net.h5", preprocess=preprocess)
    with h5py.File("net.h5", "r+") as file:
        del file["model_weights/conv2"]
    with pytest.raises(ModelError, match="are not in the file"):
        load_model("net.h5", preprocess=preprocess)
    with h5py.File("net.h5", "r+") as file:
        names = file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs["layer_names"] = names[names != b"conv2"]
    with pytest.raises(ModelError, match="it has 4 layers with weights, the architecture has 5"):
        load_model("net.h5", preprocess=preprocess)


@pytest.mark.parametrize("how", ["link", "soft link", "storage", "virtual"])
def test_weights_that_lie_elsewhere_are_not_read(build, preprocess, folder, how):
    network = build("plain")
    write_whole("net.h5", network, STYLES["2.2"])
    (folder / "secret.bin").write_bytes(np.ones(5, np.float32).tobytes())
    with h5py.File("secret.h5", "w") as file:
        file["values"] = np.ones(5, np.float32)
    with h5py.File("net.h5", "r+") as file:
        group = file["model_weights/dense/dense"]
        del group["bias:0"]
        if how == "link":
            group["bias:0"] = h5py.ExternalLink(str(folder / "secret.h5"), "values")
        elif how == "soft link":
            group["bias:0"] = h5py.SoftLink("/model_weights/conv/conv/bias:0")
        elif how == "storage":
            group.create_dataset("bias:0", (5,), "f4", external=[(str(folder / "secret.bin"), 0, 20)])
        else:
            layout = h5py.VirtualLayout((5,), "f4")
            layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "values", (5,))
            group.create_virtual_dataset("bias:0", layout)
    with pytest.raises(ModelError, match=r"not in the file|in another file"):
        load_model("net.h5", preprocess=preprocess)


def test_many_small_widths_may_not_ask_for_all_memory_either(build):
    """No layer is wider than the file is long, and together they would take 40 GB."""
    network = build("plain")
    write_whole("net.h5", network, STYLES["2.2"])
    wide = 2 * Path("net.h5").stat().st_size // 3
    with h5py.File("net.h5", "r+") as file:
        text = str(file.attrs["model_config"])
        dense = '{"class_name": "Dense", "config": {"name": "%s", "units": %d}}, '
        more = "".join(dense % (f"more{number}", wide) for number in range(40))
        file.attrs["model_config"] = text.replace(
            '{"class_name": "Flatten"', more + '{"class_name": "Flatten"'
        )
    with pytest.raises(ModelError, match=r"asks for [0-9,]+ weights, but has"):
        load_model("net.h5")
