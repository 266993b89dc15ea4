"""Networks that others trained, on real photos: every method against Captum, a tape, or rectifiers by hand."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from nnlens_attribution.class_saliency import ClassSaliency
from nnlens_attribution.deconv import Deconv
from nnlens_attribution.gradcam import GradCAM
from nnlens_attribution.gradcam_plus_plus import GradCAMPlusPlus
from nnlens_attribution.gradient_x_input import GradientXInput
from nnlens_attribution.guided_backprop import GuidedBackprop
from nnlens_attribution.guided_gradcam import GuidedGradCAM
from nnlens_attribution.hirescam import HiResCAM
from nnlens_attribution.integrated_gradients import IntegratedGradients
from nnlens_attribution.lrp import LRP
from nnlens_attribution.occlusion import Occlusion
from nnlens_attribution.rise import RISE, draw_masks
from nnlens_attribution.saliency import Saliency
from nnlens_attribution.smoothgrad import SmoothGrad

from nnlens import Preprocess, load_model, load_samples
from nnlens.samples import places

torch = pytest.importorskip("torch", reason="torch is an extra")
captum = pytest.importorskip("captum.attr", reason="captum is a test dependency")
F = torch.nn.functional
hand = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracles.py"))))
ARCHITECTURES = Path(__file__).parents[2] / "architectures"
PHOTOS = [3, 130]
STEPS = 8

pytestmark = [pytest.mark.data, pytest.mark.slow]


def dataset(images):
    return xr.Dataset(
        {"image": (("sample", "y", "x", "channel"), np.stack(list(images)))},
        coords={"sample": np.arange(len(images))},
    )


@pytest.fixture(params=["SqueezeNet", "LeNet"])
def trained(request, test_data, monkeypatch):
    """A torch module that is trained, the nnlens model over it, a layer, samples, and its name."""
    if request.param == "SqueezeNet":
        model = load_model(
            test_data / "models" / "squeezenet1_1_bgr.pth", f"{ARCHITECTURES / 'squeezenet.py'}:SqueezeNet"
        )
        photos = load_samples(test_data / "imagenette").images(PHOTOS)
        return request.param, model.module, model, "features.12.expand3x3_activation", dataset(photos)
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    preprocess = Preprocess(32, mean=0.1307, std=0.3081, order="grey")
    model = load_model(
        test_data / "models" / "lenet_mnist_32.pt", f"{ARCHITECTURES / 'lenet.py'}:LeNet", preprocess
    )
    digits = load_samples("mnist", "test").images(slice(0, 3))
    return request.param, model.module, model, "convnet.c3", dataset(digits)


def with_logits(module):
    """Return the network without a softmax at its end, so that a target's output is its logit."""
    parts = list(module.modules())
    if not isinstance(parts[-1], torch.nn.LogSoftmax):
        return module

    def forward(inputs):
        seen = []
        handle = parts[-1].register_forward_hook(lambda _, given, __: seen.append(given[0]))
        module(inputs)
        handle.remove()
        return seen[0]

    return forward


@pytest.mark.filterwarnings("ignore:Setting:UserWarning")  # Captum tells of the hooks that it sets
@pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")
def test_torch_networks(trained, asking, agree):
    name, module, model, layer, data = trained
    inputs = torch.from_numpy(model.prepare(data["image"].values))
    forward = with_logits(module)
    target = forward(inputs.clone()).argmax(1)
    context = asking(model, layer)

    def found(analysis):
        return analysis.compute(data, context)["attribution"]

    def fresh():
        return inputs.clone().requires_grad_()

    slopes = captum.Saliency(forward).attribute(fresh(), target)
    agree("saliency", name, "Captum", found(Saliency()), slopes.amax(1))
    agree(
        "gradient-x-input",
        name,
        "Captum",
        found(GradientXInput()),
        captum.InputXGradient(forward).attribute(fresh(), target).detach(),
    )
    path = captum.IntegratedGradients(forward).attribute(
        inputs, target=target, n_steps=STEPS, internal_batch_size=len(inputs)
    )
    agree("integrated-gradients", name, "Captum", found(IntegratedGradients(steps=STEPS)), path.detach())
    small = captum.LayerGradCam(forward, module.get_submodule(layer)).attribute(
        inputs, target, relu_attributions=True
    )
    places = F.interpolate(small, inputs.shape[2:], mode="bilinear")
    agree("gradcam", name, "Captum", found(GradCAM()), places[:, 0].detach())
    guided = by_rule(module, "guided", inputs, target)
    agree("guided-backprop", name, "rectifiers by hand", found(GuidedBackprop()), guided)
    agree(
        "deconv",
        name,
        "rectifiers by hand",
        found(Deconv(signal="target")),
        by_rule(module, "deconv", inputs, target),
    )
    agree("guided-gradcam", name, "rectifiers by hand", found(GuidedGradCAM()), guided * places.detach())
    if name == "SqueezeNet":  # every rectifier a module that is called once
        peer = captum.GuidedBackprop(module).attribute(fresh(), target).detach()
        agree("guided-backprop", name, "Captum", found(GuidedBackprop()), peer)
        peer = captum.Deconvolution(module).attribute(fresh(), target).detach()
        agree("deconv", name, "Captum", found(Deconv(signal="target")), peer)


@pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")
def test_torch_networks_by_the_papers_sums(trained, asking, agree):
    name, module, model, layer, data = trained
    inputs = torch.from_numpy(model.prepare(data["image"].values))
    forward = with_logits(module)
    target, context = forward(inputs.clone()).argmax(1), asking(model, layer)

    def check(method, analysis, oracle, expected, tolerance=1e-3):
        agree(method, name, oracle, analysis.compute(data, context)["attribution"], expected, tolerance)

    seen = hand.activation_and_gradient(with_logits(module), inputs, target, layer, module)
    for method, analysis, rule in (
        ("gradcam-plus-plus", GradCAMPlusPlus(), hand.gradcam_plus_plus),
        ("hirescam", HiResCAM(), hand.hirescam),
    ):
        larger = F.interpolate(rule(*seen)[:, None], inputs.shape[2:], mode="bilinear")[:, 0]
        check(method, analysis, "the paper's sum", larger)
    smooth = hand.smoothgrad(forward, inputs, target, context.request.seed, 3, 0.1, "max")
    # under noise some rectifiers and maxima switch with the order of sums: torch itself differs so by channels last
    check("smoothgrad", SmoothGrad(count=3, noise=0.1), "the paper's sum", smooth, 1e-2)
    side = round(0.4 * inputs.shape[2])
    window = inputs.shape[1], side, side
    hidden = captum.Occlusion(forward).attribute(inputs, window, window, baselines=0, target=target)
    check("occlusion", Occlusion(patch=0.4, stride=1), "Captum", hidden[:, 0])
    masks = draw_masks(asking(model).rng, 5, 4, 0.5, *inputs.shape[2:]).drawn(slice(0, 5))
    expected = hand.rise(forward, inputs, target, masks, 0.5)
    found = RISE(masks=5, cells=4).compute(data, asking(model))["attribution"]
    agree("rise", name, "the paper's sum", found, expected)
    ranked = forward(inputs.clone()).argsort(dim=1, descending=True)
    found = ClassSaliency(classes=2).compute(data, context)["class_attribution"]
    for rank in range(2):
        slopes = captum.Saliency(forward).attribute(inputs.clone().requires_grad_(), ranked[:, rank])
        agree("class-saliency", name, "Captum", found[:, rank], slopes.amax(1))


def by_rule(module, rule, inputs, target):
    return hand.gradient(with_logits(hand.by_hand(module, rule)), inputs, target)


@pytest.mark.parametrize("rule", ["composite", "epsilon", "z-plus"])
def test_relevance_adds_up_to_the_logit(trained, asking, rule):
    _, _, model, _, data = trained
    found = LRP(rule=rule).compute(data, asking(model))
    logits = model.predict(model.prepare(data["image"].values)).max(1)
    total = found["attribution"].sum(("channel", "y", "x")) + found["absorbed"]
    assert found["sample"].values.tolist() == data["sample"].values.tolist()
    np.testing.assert_allclose(total, logits, rtol=0.01)


def test_mobilenet_of_keras(test_data, asking, agree):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is an extra")
    keras = pytest.importorskip("keras", reason="Keras is an extra")
    model = load_model(
        test_data / "models" / "mobilenet_v1_025_224.keras",
        preprocess=Preprocess(224, scale=1 / 127.5, mean=1),
    )
    data = dataset(load_samples(test_data / "imagenette").images(PHOTOS))
    inputs = np.moveaxis(model.prepare(data["image"].values), 1, -1)
    layer = "conv_pw_13"
    last = next(each for each in reversed(model.model.layers) if type(each).__name__ == "Conv2D")
    both = keras.Model(
        model.model.inputs, [model.model.get_layer(layer).output, last.output]
    )  # the last convolution gives the logits
    image = tf.constant(inputs)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        maps, logits = both(image)
        best = tf.reduce_max(tf.reshape(logits, (len(inputs), -1)), axis=1)
    slopes, weights = tape.gradient(best, image).numpy(), tape.gradient(best, maps).numpy().mean((1, 2))
    small = np.maximum((weights[:, None, None] * maps.numpy()).sum(-1), 0)
    context, name = asking(model, layer), "Keras MobileNet"

    def found(analysis):
        return analysis.compute(data, context)["attribution"]

    agree("saliency", name, "GradientTape", found(Saliency()), np.abs(slopes).max(-1))
    agree(
        "gradient-x-input",
        name,
        "GradientTape",
        found(GradientXInput()),
        np.moveaxis(slopes * inputs, -1, 1),
    )
    larger = tf.image.resize(small[..., None], (224, 224), "bilinear").numpy()[..., 0]
    agree("gradcam", name, "GradientTape", found(GradCAM()), larger)
    others = by_place(maps.numpy(), tape.gradient(best, maps).numpy())
    for method, analysis in (("gradcam-plus-plus", GradCAMPlusPlus()), ("hirescam", HiResCAM())):
        larger = tf.image.resize(others[method][..., None], (224, 224), "bilinear").numpy()[..., 0]
        agree(method, name, "GradientTape", found(analysis), larger)
    hidden = occluded(lambda x: both(tf.constant(x))[1].numpy().reshape(len(x), -1), inputs, 90)
    agree("occlusion", name, "a naive loop", found(Occlusion(patch=0.4, stride=1)), hidden)
    for rule, analysis in (("guided-backprop", GuidedBackprop()), ("deconv", Deconv(signal="target"))):
        other = keras.models.clone_model(
            model.model, clone_function=lambda part, rule=rule: rebuilt(part, rule)
        )
        other.set_weights(model.model.get_weights())
        again = load_model(other, preprocess=model.preprocess)
        logits = again.predict(model.prepare(data["image"].values))
        seed = np.eye(model.class_count, dtype=np.float32)[logits.argmax(1)]
        oracle = again.vjp(model.prepare(data["image"].values), seed).gradients["@input"]
        agree(rule, name, "rectifiers by hand", found(analysis), oracle)
    result = LRP().compute(data, context)
    total = result["attribution"].sum(("channel", "y", "x")) + result["absorbed"]
    np.testing.assert_allclose(total, model.predict(model.prepare(data["image"].values)).max(1), rtol=0.01)


def by_place(activation, slopes):
    """The papers' sums in torch, of what the tape gave with channels last."""
    both = [torch.from_numpy(np.moveaxis(each, -1, 1)).double() for each in (activation, slopes)]
    rules = {"gradcam-plus-plus": hand.gradcam_plus_plus, "hirescam": hand.hirescam}
    return {method: rule(*both).numpy() for method, rule in rules.items()}


def occluded(logits, inputs, side):
    """Return what each square takes from the largest logit; squares do not overlap."""
    target, found = logits(inputs).argmax(1), np.zeros(inputs.shape[:3])
    rows = np.arange(len(inputs))
    for top in range(0, inputs.shape[1], side):
        for left in range(0, inputs.shape[2], side):
            copy, place = inputs.copy(), np.s_[:, top : top + side, left : left + side]
            copy[place] = 0
            found[place] = (logits(inputs) - logits(copy))[rows, target][:, None, None]
    return found


def rebuilt(layer, rule):
    """Return a layer of its own for each of the network's, rectifiers with the rule written out."""
    import keras
    import tensorflow as tf

    @tf.custom_gradient
    def bent(x):
        def back(gradient):
            passed = (gradient > 0) & ((x > 0) & (x < 6) if rule == "guided-backprop" else True)
            return tf.where(passed, gradient, tf.zeros_like(gradient))

        return tf.clip_by_value(x, 0, 6), back

    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.Activation(bent, name=layer.name)
    return type(layer).from_config(layer.get_config())
