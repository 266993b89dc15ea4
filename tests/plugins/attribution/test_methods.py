"""Every method on every form of network against Captum where it is right, and against the paper's rule by hand."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nnlens_attribution.class_saliency import ClassSaliency
from nnlens_attribution.deconv import Deconv
from nnlens_attribution.gradcam import GradCAM
from nnlens_attribution.gradcam_plus_plus import GradCAMPlusPlus
from nnlens_attribution.gradient_x_input import GradientXInput
from nnlens_attribution.guided_backprop import GuidedBackprop
from nnlens_attribution.guided_gradcam import GuidedGradCAM
from nnlens_attribution.hirescam import HiResCAM
from nnlens_attribution.integrated_gradients import IntegratedGradients
from nnlens_attribution.occlusion import Occlusion
from nnlens_attribution.rise import RISE, draw_masks
from nnlens_attribution.saliency import Saliency, join_channels
from nnlens_attribution.smoothgrad import SmoothGrad

from nnlens.analysis import Context, Request
from nnlens.errors import JobCancelledError

torch = pytest.importorskip("torch", reason="torch is an extra")
captum = pytest.importorskip("captum.attr", reason="captum is a test dependency")
F = torch.nn.functional
hand = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracles.py"))))


def inputs_of(model, pictures):
    return torch.from_numpy(model.prepare(pictures["image"].values))


def predicted(module, inputs):
    with torch.no_grad():
        return module(inputs.clone()).argmax(1)


# ------------------------------------------------------------------------------- the methods by gradients
def test_saliency(family, pictures, asking, agree):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    oracle = captum.Saliency(module).attribute(inputs.clone().requires_grad_(), target).amax(1)
    agree("saliency", name, "Captum", Saliency().compute(pictures, asking(model))["attribution"], oracle)


def test_gradient_x_input(family, pictures, asking, agree):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    oracle = captum.InputXGradient(module).attribute(inputs.clone().requires_grad_(), target).detach()
    found = GradientXInput().compute(pictures, asking(model))
    agree("gradient-x-input", name, "Captum", found["attribution"], oracle)


def test_integrated_gradients(family, pictures, asking, agree):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    oracle, delta = captum.IntegratedGradients(module).attribute(
        inputs, target=target, n_steps=20, return_convergence_delta=True
    )
    found = IntegratedGradients(steps=20).compute(pictures, asking(model))
    agree("integrated-gradients", name, "Captum", found["attribution"], oracle.detach())
    np.testing.assert_allclose(found["delta"], delta.detach(), atol=1e-4)


def test_integrated_gradients_tell_how_much_they_miss(pictures, asking, family):
    """With many steps the sum is what the image changes in the logit: the axiom of completeness."""
    _, _, model, _ = family
    few, many = (IntegratedGradients(steps=steps).compute(pictures, asking(model)) for steps in (2, 200))
    logits = model.predict(model.prepare(pictures["image"].values))
    black = model.predict(np.zeros_like(model.prepare(pictures["image"].values)))
    change = (logits - black)[range(7), logits.argmax(1)]
    assert np.allclose(
        many["attribution"].sum(("channel", "y", "x")), change, atol=0.02 * np.abs(change).max()
    )
    assert np.abs(many["delta"]).mean() < np.abs(few["delta"]).mean()


@pytest.mark.parametrize("join", ["max", "sum"])
def test_smoothgrad(family, pictures, asking, agree, join):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    context = asking(model)
    total = hand.smoothgrad(module, inputs, target, context.request.seed, 6, 0.2, join)
    found = SmoothGrad(count=6, noise=0.2, join=join).compute(pictures, context)
    agree("smoothgrad", name, "the paper's sum", found["attribution"], total)


@pytest.mark.parametrize(
    ("rule", "analysis"), [("guided", GuidedBackprop()), ("deconv", Deconv(signal="target"))]
)
def test_rules_at_rectifiers(family, pictures, asking, agree, rule, analysis):
    name, module, model, layer = family
    inputs = inputs_of(model, pictures)
    oracle = hand.gradient(hand.by_hand(module, rule), inputs, predicted(module, inputs))
    found = analysis.compute(pictures, asking(model, layer))
    method = {"guided": "guided-backprop", "deconv": "deconv"}[rule]
    agree(method, name, "rectifiers by hand", found["attribution"], oracle)
    assert not np.allclose(oracle, hand.gradient(module, inputs, predicted(module, inputs)))
    assert found.attrs["plain_at"] == ""


@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning")
def test_captum_is_right_where_every_rectifier_is_a_module(network_named, pictures, asking, agree):
    module, model, layer = network_named("plain")
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    for method, peer, analysis in (
        ("guided-backprop", captum.GuidedBackprop, GuidedBackprop()),
        ("deconv", captum.Deconvolution, Deconv(signal="target")),
    ):
        oracle = peer(module).attribute(inputs.clone().requires_grad_(), target).detach()
        agree(
            method, "plain", "Captum", analysis.compute(pictures, asking(model, layer))["attribution"], oracle
        )
    guided = captum.GuidedGradCam(module, module[3])
    oracle = guided.attribute(inputs.clone().requires_grad_(), target, interpolate_mode="bilinear").detach()
    found = GuidedGradCAM().compute(pictures, asking(model, layer))
    agree("guided-gradcam", "plain", "Captum", found["attribution"], oracle)


@pytest.mark.filterwarnings(
    "ignore"
)  # of Captum, which warns of the hooks that it sets, not of those that it misses
@pytest.mark.parametrize("name", ["GoogLeNet-like", "MobileNetV2-like"])
def test_captum_gives_the_plain_gradient_without_a_word_where_we_do_not(
    network_named, name, pictures, asking
):
    """It looks at modules of the class ReLU alone: functional ones and ReLU6 pass by it."""
    module, model, layer = network_named(name)
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    peer = captum.GuidedBackprop(module).attribute(inputs.clone().requires_grad_(), target).detach()
    slopes = hand.gradient(module, inputs, target)
    oracle = hand.gradient(hand.by_hand(module, "guided"), inputs, target).numpy()
    found = GuidedBackprop().compute(pictures, asking(model, layer))["attribution"].values
    assert torch.allclose(peer, slopes, atol=1e-6)
    assert not np.allclose(peer, oracle, atol=0.1 * np.abs(oracle).max())
    assert np.allclose(found, oracle, atol=1e-4 * np.abs(oracle).max())


# ------------------------------------------------------------------------------- class activation maps
def larger(maps):
    return F.interpolate(maps[:, None], (16, 18), mode="bilinear")[:, 0]


@pytest.mark.parametrize(
    ("method", "analysis", "rule"),
    [
        ("gradcam", GradCAM(), hand.gradcam),
        ("gradcam-plus-plus", GradCAMPlusPlus(), hand.gradcam_plus_plus),
        ("hirescam", HiResCAM(), hand.hirescam),
    ],
)
def test_class_activation_maps(family, pictures, asking, agree, method, analysis, rule):
    name, module, model, layer = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    oracle = larger(rule(*hand.activation_and_gradient(module, inputs, target, layer)))
    found = analysis.compute(pictures, asking(model, layer))["attribution"]
    agree(method, name, "the paper's sum", found, oracle)
    if method == "gradcam":
        small = captum.LayerGradCam(module, module.get_submodule(layer)).attribute(
            inputs, target, relu_attributions=True
        )
        agree(method, name, "Captum", found, larger(small[:, 0].detach()))


def test_guided_gradcam(family, pictures, asking, agree):
    name, module, model, layer = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    places = larger(hand.gradcam(*hand.activation_and_gradient(module, inputs, target, layer)))
    oracle = hand.gradient(hand.by_hand(module, "guided"), inputs, target) * places[:, None]
    found = GuidedGradCAM().compute(pictures, asking(model, layer))
    agree("guided-gradcam", name, "rectifiers by hand", found["attribution"], oracle)


# ------------------------------------------------------------------------------- without gradients
@pytest.mark.filterwarnings(
    "ignore:Converting:UserWarning"
)  # Captum tells that it takes integers for numbers
def test_occlusion(family, pictures, asking, agree):
    name, module, model, _ = family
    few = pictures.isel(sample=slice(3))
    inputs = inputs_of(model, few)
    oracle = captum.Occlusion(module).attribute(
        inputs, (3, 6, 6), (3, 3, 3), target=predicted(module, inputs), baselines=0, perturbations_per_eval=9
    )
    found = Occlusion(patch=0.375).compute(few, asking(model))["attribution"]
    agree("occlusion", name, "Captum", found, oracle[:, 0])


def test_rise(family, pictures, asking, agree):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    target = predicted(module, inputs)
    masks = draw_masks(asking(model).rng, 9, 3, 0.5, 16, 18).drawn(slice(0, 9))
    found = RISE(masks=9, cells=3).compute(pictures, asking(model))["attribution"]
    agree("rise", name, "the paper's sum", found, hand.rise(module, inputs, target, masks, 0.5))


# ------------------------------------------------------------------------------- from a channel, and of many classes
def only_first_maximum(values):
    """Return zeros but for the single maximum; a ReLU6 may have its largest value at several places."""
    flat = values.flatten()
    return torch.where(torch.arange(len(flat)) == flat.argmax(), flat, 0).reshape(values.shape)


@pytest.mark.parametrize("signal", ["maximum", "map"])
@pytest.mark.parametrize("channel", [2, None])
def test_deconv_from_a_channel(family, pictures, asking, agree, signal, channel):
    name, module, model, layer = family
    inputs = inputs_of(model, pictures).requires_grad_()
    _, graph = hand.run_watched(hand.by_hand(module, "deconv"), inputs, layer)
    maps = graph.detach()
    number = maps.amax((2, 3)).argmax(1) if channel is None else torch.full((7,), channel)
    start = torch.zeros_like(maps)
    for sample, each in enumerate(number):
        one = maps[sample, each]
        start[sample, each] = one if signal == "map" else only_first_maximum(one)
    oracle = torch.autograd.grad(graph, inputs, start)[0]
    context = asking(model, layer, channel=channel)
    found = Deconv(signal=signal).compute(pictures, context)
    agree(f"deconv from a channel's {signal}", name, "rectifiers by hand", found["attribution"], oracle)
    assert found["target"].values.tolist() == number.tolist()
    assert np.allclose(found["probability"], maps.amax((2, 3))[range(7), number], atol=1e-5)


def test_saliency_of_every_class(family, pictures, asking, agree):
    name, module, model, _ = family
    inputs = inputs_of(model, pictures)
    found = ClassSaliency(classes=99).compute(pictures, asking(model))
    assert found["class_attribution"].shape == (7, 5, 16, 18)
    logits = module(inputs.clone()).detach()
    ranked = logits.argsort(dim=1, descending=True)
    assert found["ranked_class"].values.tolist() == ranked.tolist()
    assert np.allclose(found["logit"], logits.gather(1, ranked), atol=1e-5)
    assert np.allclose(found["probability"], logits.softmax(1).gather(1, ranked), atol=1e-5)
    for rank in range(5):
        oracle = captum.Saliency(module).attribute(inputs.clone().requires_grad_(), ranked[:, rank]).amax(1)
        agree("class-saliency", name, "Captum", found["class_attribution"][:, rank], oracle)


def test_a_map_does_not_depend_on_what_else_is_asked_for(pictures, asking, family):
    _, _, model, _ = family
    for analysis in (SmoothGrad(count=3), IntegratedGradients(steps=4)):
        together = analysis.compute(pictures, asking(model))["attribution"]
        alone = analysis.compute(pictures.isel(sample=[5]), asking(model))["attribution"]
        assert np.allclose(alone[0], together[5], rtol=1e-3, atol=1e-5 * np.abs(alone).max())


class Patient(Context):
    """Listens to progress, and loses patience after so much of it."""

    def __init__(self, model, patience):
        super().__init__(Request("test"), model)
        self.told, self._patience = [], patience

    def progress(self, done, total, message=""):
        self.told.append(done / total)

    @property
    def cancelled(self):
        return len(self.told) > self._patience


@pytest.mark.parametrize("analysis", [SmoothGrad(count=40), IntegratedGradients(steps=40), ClassSaliency()])
def test_many_passes_tell_how_far_they_are_and_end_when_nobody_wants_them(pictures, network, analysis):
    _, model, _ = network
    context = Patient(model, 1000)
    analysis.compute(pictures, context)
    assert context.told == sorted(context.told)
    assert len(context.told) >= 2
    assert context.told[-1] < 1
    with pytest.raises(JobCancelledError):
        analysis.compute(pictures, Patient(model, 1))


def test_channels_join():
    slopes = np.array([[[[-2.0, 1]]]], np.float32)
    assert join_channels(slopes, "sum").tolist() == [[[2, 1]]]


# ------------------------------------------------------------------------------- targets
def test_targets_of_labels_units_and_channels(pictures, asking, family):
    _, module, model, layer = family
    inputs = inputs_of(model, pictures)
    labels = np.array([4, 0, 1, -1, 2, 9, 1])  # one without a label, one that the network has no output for
    labelled = Saliency().compute(pictures.assign(label=("sample", labels)), asking(model, target="label"))
    known = [0, 1, 2, 4, 6]
    oracle = hand.gradient(module, inputs[known], torch.from_numpy(labels[known])).abs().amax(1)
    assert np.allclose(labelled["attribution"], oracle, atol=1e-5)
    assert labelled["sample"].values.tolist() == [place * 11 for place in known]
    assert "2 left out" in labelled.attrs["caption"]
    found = Saliency().compute(pictures, asking(model, target=f"{layer}:1"))
    inputs.requires_grad_()
    _, maps = hand.run_watched(module, inputs, layer)
    peak = maps[:, 1].amax((1, 2))
    oracle = torch.autograd.grad(peak.sum(), inputs)[0].abs().amax(1)
    assert np.allclose(found["attribution"], oracle, atol=1e-5)
    assert np.allclose(found["probability"], peak.detach(), atol=1e-5)
