import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.models.keras.graph import functional


def first(array):
    """Channels first, as everywhere in nnlens."""
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array


def last(array):
    return np.moveaxis(array, 1, -1)


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def submodel_outputs(network, inputs):
    """Outputs of all nodes of the outermost network by Keras' own functional sub-model: (layer, call) → array."""
    graph = functional(network)
    nodes = [
        (operation.name, number, node)
        for operation in graph.operations
        for number, node in enumerate(
            node
            for node in operation._inbound_nodes
            if any(node in each for each in graph._nodes_by_depth.values())
        )
        if node.input_tensors
    ]
    outputs = keras.Model(graph.inputs[0], [node.output_tensors[0] for *_, node in nodes])(
        last(inputs), training=False
    )
    return {
        (name, number): first(np.asarray(value))
        for (name, number, _), value in zip(nodes, outputs, strict=True)
    }


def test_every_layer_is_what_keras_own_submodel_gives(network, preprocess, inputs):
    expected = submodel_outputs(network, inputs)
    model = load_model(network, preprocess=preprocess)
    got = model.activations(inputs, [layer.name for layer in model.layers])
    inside = {alias for layer in model.layers for alias in layer.aliases}
    for (name, number), value in expected.items():
        known = name if name in got or name in inside else f"{name}#{number}"
        layer = known if known in got else next(each.name for each in model.layers if known in each.aliases)
        np.testing.assert_allclose(got[layer], value, rtol=1e-5, atol=1e-6, err_msg=known)
    assert {layer.name: layer.shape for layer in model.layers} == {name: got[name].shape[1:] for name in got}


def test_predict_gives_logits_of_which_the_output_is_the_softmax(network, ending, preprocess, inputs):
    model = load_model(network, preprocess=preprocess)
    output = np.asarray(network(last(inputs), training=False))
    logits = model.predict(inputs)
    assert model.has_logits
    assert logits.shape == (4, 5)
    expected = {"linear": lambda x: x, "softmax": softmax, "log_softmax": lambda x: np.log(softmax(x))}[
        ending
    ](logits)
    np.testing.assert_allclose(expected, output, rtol=1e-4, atol=1e-5)
    assert not np.allclose(np.exp(logits - logits.max()).sum(1), np.exp(-logits.max()), rtol=1e-3), (
        "log-probabilities"
    )


def test_logits_that_are_fused_are_those_of_the_dense_layer(build, preprocess, inputs):
    network = build("plain")
    kernel, bias = network.get_layer("dense").get_weights()
    model = load_model(network, preprocess=preprocess)
    flat = model.activations(inputs, ["flatten", "dense"])
    expected = flat["flatten"] @ kernel + bias
    np.testing.assert_allclose(model.predict(inputs), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(flat["dense"], softmax(expected), rtol=1e-4, atol=1e-5)
    assert network.get_layer("dense").activation is keras.activations.softmax


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shared", ["conv#0", "conv#1", "conv#2", "flatten", "fc", "end"]),
        ("nested", ["scale", "base/conv", "base/inner/a", "base/inner/b", "pool", "fc"]),
        ("residual", ["stem", "relu0", "conv1", "bn1", "relu#0", "conv2", "sum", "relu#1", "gap", "fc"]),
    ],
)
def test_layers_have_keras_own_names(build, preprocess, name, expected):
    assert [layer.name for layer in load_model(build(name), preprocess=preprocess).layers] == expected


def test_a_network_inside_is_another_name_of_its_last_layer(build, preprocess, inputs):
    network = build("nested")
    model = load_model(network, preprocess=preprocess)
    layer = next(layer for layer in model.layers if layer.name == "base/inner/b")
    assert layer.aliases == ("base/inner", "base")
    inner = network.get_layer("base")(2 * last(inputs), training=False)
    np.testing.assert_allclose(
        model.activations(inputs, ["base"])["base"], first(np.asarray(inner)), atol=1e-5
    )


def test_a_network_inside_that_is_called_twice_has_its_layers_twice(build, preprocess):
    names = [layer.name for layer in load_model(build("twice"), preprocess=preprocess).layers]
    assert [name for name in names if name.startswith("inner")] == ["inner/a#0", "inner/a#1"]


def test_inputs_of_layers(build, preprocess):
    model = load_model(build("residual"), preprocess=preprocess)
    inputs = {layer.name: layer.inputs for layer in model.layers}
    assert inputs["stem"] == ("@input",)
    assert inputs["sum"] == ("relu0", "conv2")
    assert inputs["relu#1"] == ("sum",)
    assert model.hidden_layer == "gap"
    joined = load_model(build("branches"), preprocess=preprocess)
    assert next(layer.inputs for layer in joined.layers if layer.name == "joined") == ("relu6", "dilated")
    assert joined.hidden_layer == "gap"
    assert load_model(build("plain"), preprocess=preprocess).hidden_layer == "flatten"


def test_weights_are_counted(network, preprocess):
    model = load_model(network, preprocess=preprocess)
    called = {layer.name.partition("#")[0]: layer.parameters for layer in model.layers}
    assert sum(called.values()) == network.count_params()


def test_gradient_at_the_input_is_that_of_a_gradient_tape(network, ending, preprocess, inputs):
    """The tape sees the output: its gradient is the logits' after the Jacobian of the ending, here by hand."""
    model = load_model(network, preprocess=preprocess)
    seed = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x = tf.constant(last(inputs))
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = network(x, training=False)
    expected = first(np.asarray(tape.gradient(output, x, output_gradients=tf.constant(seed))))
    values = np.asarray(output)
    own = {
        "linear": lambda: seed,
        "softmax": lambda: values * (seed - (values * seed).sum(1, keepdims=True)),
        "log_softmax": lambda: seed - np.exp(values) * seed.sum(1, keepdims=True),
    }[ending]()
    got = model.vjp(inputs, own.astype(np.float32)).gradients["@input"]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_gradient_at_layers_is_that_of_finite_differences(build, preprocess, inputs):
    network = build("residual")
    model = load_model(network, preprocess=preprocess)
    seed = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    names = ("gap", "relu#1", "sum", "conv2", "relu#0", "stem", "@input")
    got = model.vjp(inputs, seed, wrt=names).gradients
    kernel = network.get_layer("fc").get_weights()[0].astype(float)
    sums = model.activations(inputs, ["sum"])["sum"].astype(float)
    logits = lambda value: np.maximum(value, 0).mean((2, 3)) @ kernel  # noqa: E731
    rng = np.random.default_rng(2)
    for _ in range(3):
        direction = rng.normal(size=sums.shape)
        expected = ((logits(sums + 1e-6 * direction) - logits(sums - 1e-6 * direction)) / 2e-6 * seed).sum()
        assert (got["sum"] * direction).sum() == pytest.approx(expected, rel=1e-3)
    for name in names:
        alone = model.vjp(inputs, seed, wrt=(name,)).gradients[name]
        np.testing.assert_allclose(got[name], alone, atol=1e-6)


def test_a_shared_layer_has_a_gradient_at_each_call(build, preprocess, inputs):
    """By the chain rule, started again at the call before."""
    model = load_model(build("shared"), preprocess=preprocess)
    seed = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    got = model.vjp(inputs, seed, wrt=("@input", "conv#0", "conv#1", "conv#2")).gradients
    for later, earlier in (("conv#2", "conv#1"), ("conv#1", "conv#0"), ("conv#0", "@input")):
        chained = model.vjp(inputs, got[later], at=later, wrt=(earlier,)).gradients[earlier]
        np.testing.assert_allclose(got[earlier], chained, rtol=1e-3, atol=1e-5)


def test_a_seed_may_be_a_function(build, preprocess, inputs):
    model = load_model(build("residual"), preprocess=preprocess)
    seen = {}

    def strongest(logits, activations):
        seen.update(activations, logits=logits.copy())
        maps = activations["relu#1"]
        return (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float32)

    got = model.vjp(inputs, strongest, at="relu#1", keep=("stem",))
    assert sorted(seen) == ["logits", "relu#1", "stem"]
    np.testing.assert_allclose(seen["logits"], model.predict(inputs), rtol=1e-5)
    maps = model.activations(inputs, ["relu#1"])["relu#1"]
    expected = model.vjp(
        inputs, (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float32), at="relu#1"
    )
    np.testing.assert_allclose(got.gradients["@input"], expected.gradients["@input"], atol=1e-6)
    assert list(got.activations) == ["stem"]


def test_another_batch_size_and_another_seed_are_not_mixed_up(build, preprocess, inputs):
    """Graphs are kept from call to call; the seed is not part of them."""
    model = load_model(build("plain"), preprocess=preprocess)
    for count in (4, 1, 3):
        for target in (0, 4):
            seed = np.tile(np.eye(5, dtype=np.float32)[target], (count, 1))
            got = model.vjp(inputs[:count], lambda logits, kept, seed=seed: seed).gradients["@input"]
            expected = model.vjp(inputs[:count], seed).gradients["@input"]
            np.testing.assert_array_equal(got, expected)
            assert got.shape == (count, 3, 9, 9)


def test_an_error_in_the_seed_comes_through_as_it_was(build, preprocess, inputs):
    model = load_model(build("plain"), preprocess=preprocess)
    with pytest.raises(ZeroDivisionError):
        model.vjp(inputs, lambda logits, kept: 1 / 0)
    with pytest.raises(ModelError, match="seed has the shape"):
        model.vjp(inputs, np.ones((4, 4), np.float32))
    model.vjp(inputs, np.ones((4, 5), np.float32))


def test_what_the_start_does_not_depend_on_is_named(build, preprocess, inputs):
    model = load_model(build("shared"), preprocess=preprocess)
    with pytest.raises(ModelError, match="from '@logits' back to 'end'"):
        model.vjp(inputs, np.ones((4, 5), np.float32), wrt=("end",))


def test_only_so_many_graphs_are_kept_and_none_is_logged(build, preprocess, inputs, monkeypatch, caplog):
    monkeypatch.setattr("nnlens.models.keras.tf_backend.KEPT", 2)
    model = load_model(build("plain"), preprocess=preprocess)
    for name in ("conv", "pool", "flatten", "dense", "conv"):
        model.activations(inputs, [name])
    assert len(model._backend._graphs) == 2
    for count in range(1, 6):
        model.activations(inputs, ["conv", "pool", "flatten", "dropout", "dense"][:count])
    assert not caplog.records


def snapshot(network):
    return {
        "weights": [np.asarray(value).tobytes() for value in network.get_weights()],
        "trainable": [layer.trainable for layer in network._flatten_layers()],
        "nodes": [
            (len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in network._flatten_layers()
        ],
        "activations": [getattr(layer, "activation", None) for layer in network._flatten_layers()],
        "built": [layer.built for layer in network._flatten_layers()],
    }


def test_the_network_is_what_it_was(network, preprocess, inputs):
    before = snapshot(network)
    model = load_model(network, preprocess=preprocess)
    names = [layer.name for layer in model.layers]
    model.activations(inputs, names)
    model.vjp(inputs, np.ones((4, 5), np.float32), keep=names)
    for wrong in (
        lambda: model.activations(inputs, ["x"]),
        lambda: model.vjp(inputs, lambda logits, kept: 1 / 0),
    ):
        with pytest.raises((ModelError, ZeroDivisionError)):
            wrong()
    assert snapshot(network) == before


def test_a_softmax_comes_back_also_when_a_layer_fails(preprocess):
    class Failing(layers.Dense):
        fails = False

        def call(self, x, training=None):
            if self.fails:
                raise ValueError("midway")
            return super().call(x)

    x = keras.Input((9, 9, 3))
    network = keras.Model(x, Failing(5, activation="softmax", name="end")(layers.Flatten()(x)))
    network.get_layer("end").fails = True
    with pytest.raises(ModelError, match="does not take inputs"):
        load_model(network, preprocess=preprocess)
    assert network.get_layer("end").activation is keras.activations.softmax


def test_weights_that_change_count(build, preprocess, inputs):
    network = build("plain")
    model = load_model(network, preprocess=preprocess)
    before = model.predict(inputs)
    network.set_weights([2 * value for value in network.get_weights()])
    assert not np.allclose(model.predict(inputs), before)


def test_probabilities_whose_logits_cannot_be_seen(preprocess, inputs):
    x = keras.Input((9, 9, 3))
    powers = keras.ops.exp(layers.Dense(5)(layers.Flatten()(x)) * 0.1)
    network = keras.Model(x, powers / keras.ops.sum(powers, axis=1, keepdims=True))
    model = load_model(network, preprocess=preprocess)
    assert not model.has_logits
    np.testing.assert_allclose(
        model.predict(inputs), np.log(np.asarray(network(last(inputs)))), rtol=1e-4, atol=1e-5
    )
    assert model.vjp(inputs, np.ones((4, 5), np.float32)).gradients["@input"].shape == inputs.shape


def test_nothing_is_random_where_keras_predicts_without_chance(preprocess, inputs):
    """Augmentation is part of many networks and trains unless told otherwise; so does what was called so."""
    x = keras.Input((9, 9, 3))
    y = layers.RandomRotation(0.5)(layers.RandomFlip(name="flip")(x))
    y = layers.Dropout(0.5, seed=1)(layers.Flatten()(layers.GaussianNoise(1.0)(y)), training=True)
    network = keras.Model(x, layers.Dense(5)(y))
    model = load_model(network, preprocess=preprocess)
    expected = network.predict(last(inputs), verbose=0)
    np.testing.assert_allclose(model.predict(inputs), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model.activations(inputs, ["flip"])["flip"], inputs)


def test_grey_networks_may_have_no_channel():
    network = keras.Sequential([keras.Input((6, 7)), layers.Flatten(), layers.Dense(3)])
    model = load_model(network)
    assert model.preprocess.order == "grey"
    assert (model.preprocess.height, model.preprocess.width) == (6, 7)
    inputs = np.random.default_rng(0).normal(size=(2, 1, 6, 7)).astype(np.float32)
    np.testing.assert_allclose(model.predict(inputs), np.asarray(network(inputs[:, 0])), atol=1e-5)
    assert model.vjp(inputs, np.ones((2, 3), np.float32)).gradients["@input"].shape == inputs.shape


def test_what_is_assumed_of_images_is_said():
    network = keras.Sequential([keras.Input((6, 7, 3)), layers.Flatten(), layers.Dense(3)])
    model = load_model(network)
    assert model.preprocess == Preprocess((6, 7))
    assert any("scaled to 0–1" in note for note in model.notes)


def test_a_network_that_scales_itself_gets_whole_values():
    network = keras.Sequential(
        [keras.Input((6, 6, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    )
    model = load_model(network)
    assert model.preprocess == Preprocess(6, scale=1) or model.preprocess == Preprocess((6, 6), scale=1)
    assert any("from 0 to 255" in note for note in model.notes)
    assert load_model(network, preprocess=Preprocess(6)).notes == ()


def test_an_input_of_any_size_needs_a_preprocess():
    x = keras.Input((None, None, 3))
    network = keras.Model(
        x, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="c")(x)))
    )
    with pytest.raises(ModelError, match="does not tell the size of images"):
        load_model(network)
    model = load_model(network, preprocess=Preprocess((8, 6)))
    assert model.layers[0].shape == (2, 6, 4)


def two_inputs():
    x, y = keras.Input((9, 9, 3)), keras.Input((9, 9, 3))
    return keras.Model([x, y], layers.Dense(2)(layers.Flatten()(x + y)))


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (Subclassed, "does not know its graph"),
        (two_inputs, "has 2 inputs"),
        (lambda: keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(2, 3)]), r"not \(sample, class_\)"),
        (
            lambda: keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(2)]),
            "does not take inputs",
        ),
    ],
)
def test_what_is_no_classifier_of_such_images_is_refused(preprocess, network, what):
    with pytest.raises(ModelError, match=what):
        load_model(network(), preprocess=preprocess)


def two_heads():
    """A map of the image, then classes, then an auxiliary head with a Dense of its own that runs last."""
    x = keras.Input((9, 9, 3))
    y = layers.Conv2D(4, 3, name="stem")(x)
    maps = layers.Conv2D(1, 1, name="maps")(y)
    classes = layers.Dense(5, activation="softmax", name="classes")(layers.Flatten(name="flat")(y))
    late = layers.Flatten(name="late")(layers.ReLU(name="relu")(layers.ReLU(name="before")(y)))
    return keras.Model(x, [maps, classes, layers.Dense(3, name="other")(late)])


def test_of_several_outputs_the_first_flat_one_is_the_classes(preprocess, inputs):
    network = two_heads()
    model = load_model(network, preprocess=preprocess)
    assert any("3 outputs: 'classes' is taken" in note for note in model.notes)
    outputs = [first(np.asarray(output)) for output in network(last(inputs), training=False)]
    np.testing.assert_allclose(softmax(model.predict(inputs)), outputs[1], rtol=1e-4, atol=1e-6)
    got = model.activations(inputs, ["maps", "classes", "other"])
    for name, output in zip(("maps", "classes", "other"), outputs, strict=True):
        np.testing.assert_allclose(got[name], output, rtol=1e-4, atol=1e-6)
    assert (model.class_count, model.hidden_layer) == (5, "flat")
    with pytest.raises(ModelError, match="back to 'other'"):
        model.vjp(inputs, np.ones((4, 5), np.float32), wrt=("other",))


def test_a_recurrent_network_over_the_rows_of_grey_images(preprocess):
    x = keras.Input((6, 7))
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="rows")(x)
    network = keras.Model(x, layers.Dense(3, activation="softmax", name="fc")(layers.GRU(5, name="last")(y)))
    model = load_model(network)
    assert {layer.name: layer.capturable for layer in model.layers} == {
        "rows": False, "last": True, "fc": True,
    }  # fmt: skip
    assert model.hidden_layer == "last"
    inputs = np.random.default_rng(0).normal(size=(2, 1, 6, 7)).astype(np.float32)
    expected = np.asarray(network(inputs[:, 0], training=False))
    np.testing.assert_allclose(softmax(model.predict(inputs)), expected, rtol=1e-4, atol=1e-6)
    assert model.vjp(inputs, np.ones((2, 3), np.float32), wrt=("last", "@input")).gradients["last"].shape == (
        2,
        5,
    )


def words():
    x = keras.Input((20,), dtype="int32")
    return keras.Model(x, layers.Dense(2)(layers.LSTM(3)(layers.Embedding(50, 4)(x))))


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (words, r"\(sample, 20\)"),
        (lambda: keras.Sequential([keras.Input((20,)), layers.Dense(2)]), r"\(sample, 20\)"),
        (
            lambda: keras.Sequential(
                [keras.Input((None, 4, 4, 3)), layers.GlobalAveragePooling3D(), layers.Dense(2)]
            ),
            r"\(sample, any, 4, 4, 3\)",
        ),
    ],
)
def test_what_takes_no_images_is_told_so(network, shape):
    with pytest.raises(ModelError, match=rf"takes inputs of {shape}, which are no images.*\n?.*embeddings"):
        load_model(network())


def test_a_network_for_segmentation_is_told_from_a_classifier(preprocess):
    x = keras.Input((9, 9, 3))
    with pytest.raises(ModelError, match=r"returns \(sample, 9, 9, 4\), not .*\n?.*segmentation"):
        load_model(keras.Model(x, layers.Conv2D(4, 1, activation="softmax")(x)), preprocess=preprocess)


def test_a_single_output_is_told_to_say_nothing_of_accuracy(preprocess):
    x = keras.Input((9, 9, 3))
    model = load_model(keras.Model(x, layers.Dense(1)(layers.Flatten()(x))), preprocess=preprocess)
    assert any("single output" in note for note in model.notes)


def test_the_same_network_has_the_same_fingerprint_and_no_other_has(build, preprocess):
    model = load_model(build("plain"), preprocess=preprocess)
    assert model.fingerprint == load_model(build("plain"), preprocess=preprocess).fingerprint
    changed = build("plain")
    values = changed.get_weights()
    values[1] = values[1] + 1e-6
    changed.set_weights(values)
    assert load_model(changed, preprocess=preprocess).fingerprint != model.fingerprint


def test_half_precision_inside_comes_back_as_float32(preprocess, inputs):
    keras.utils.set_random_seed(0)
    x = keras.Input((9, 9, 3))
    y = layers.Conv2D(2, 3, dtype="mixed_float16", name="conv")(x)
    model = load_model(keras.Model(x, layers.Dense(3)(layers.Flatten()(y))), preprocess=preprocess)
    got = model.vjp(inputs, np.ones((4, 3), np.float32), wrt=("conv", "@input"), keep=("conv",))
    assert {array.dtype for array in (*got.gradients.values(), *got.activations.values())} == {
        np.dtype(np.float32)
    }
