import numpy as np
import pytest
from nnlens_attribution.cams import enlarge
from nnlens_attribution.gradcam import GradCAM
from nnlens_attribution.saliency import Saliency
from nnlens_attribution.targets import probabilities

from nnlens.errors import AnalysisError
from nnlens.testing import TinyModel, tiny_images

torch = pytest.importorskip("torch", reason="torch is an extra")
captum = pytest.importorskip("captum.attr", reason="captum is a test dependency")


def inputs_of(model, pictures):
    return torch.from_numpy(model.prepare(pictures["image"].values))


def predicted(module, inputs):
    with torch.no_grad():
        return module(inputs).argmax(1)


def test_saliency_is_a_difference_quotient(asking, pictures):
    """For a network without a framework: the definition itself, by moving one pixel at a time."""
    model = TinyModel()
    images = tiny_images(2)[0]
    data = pictures.isel(sample=slice(0, 2), channel=slice(0, 1), y=slice(0, 8), x=slice(0, 8)).copy()
    data["image"].values[:] = images
    result = Saliency().compute(data, asking(model, target=1))
    inputs, step = model.prepare(images).astype(np.float64), 1e-2
    for row, column in ((0, 3), (4, 4), (7, 1)):
        moved = inputs.copy()
        moved[:, 0, row, column] += step
        slope = (model.predict(moved)[:, 1] - model.predict(inputs)[:, 1]) / step
        assert np.allclose(result["attribution"].values[:, row, column], np.abs(slope), rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (16, 18), (7, 2)])
def test_enlarging_is_torchs_bilinear(shape):
    maps = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    oracle = torch.nn.functional.interpolate(torch.from_numpy(maps)[:, None], (16, 18), mode="bilinear")[:, 0]
    assert np.allclose(enlarge(maps, 16, 18), oracle, atol=1e-6)


def test_a_uniform_positive_map_stays_what_it_is():
    assert np.allclose(enlarge(np.full((1, 3, 3), 0.25, np.float32), 9, 9), 0.25)


def test_batches_give_what_single_samples_give(network, pictures, asking, monkeypatch):
    _, model, layer = network
    monkeypatch.setattr("nnlens_attribution.batches.LARGEST", 2)
    for analysis, where in ((Saliency(), None), (GradCAM(), layer)):
        whole = analysis.compute(pictures, asking(model, where))
        for place in range(7):
            one = analysis.compute(pictures.isel(sample=[place]), asking(model, where))
            assert np.allclose(one["attribution"][0], whole["attribution"][place], rtol=1e-3, atol=1e-6)
            assert one["sample"].values.tolist() == [place * 11]


def test_leaves_the_network_as_it_was(network, pictures, asking):
    module, model, layer = network
    module.train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    grads = {name: weight.requires_grad for name, weight in module.named_parameters()}
    Saliency().compute(pictures, asking(model))
    GradCAM().compute(pictures, asking(model, layer))
    assert module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert grads == {name: weight.requires_grad for name, weight in module.named_parameters()}
    assert all(weight.grad is None for weight in module.parameters())
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())


def test_flat_layer_names_the_last_spatial_one_before_it(asking, pictures):
    model = TinyModel()
    with pytest.raises(AnalysisError, match="'relu2' is flat") as raised:
        GradCAM().compute(pictures, asking(model, "relu2"))
    assert raised.value.hint == "Choose 'relu1'."
    for name in ("nowhere", "@input", None):
        with pytest.raises(AnalysisError, match="no layer of the network") as raised:
            GradCAM().compute(pictures, asking(model, name))
        assert raised.value.hint == "Choose 'relu1'."


def test_impossible_targets_and_no_model_are_refused(network, pictures, asking):
    _, model, layer = network
    for target in (-1, 5):
        with pytest.raises(AnalysisError, match=f"no output {target}"):
            Saliency().compute(pictures, asking(model, target=target))
        with pytest.raises(AnalysisError, match=f"no output {target}"):
            GradCAM().compute(pictures, asking(model, layer, target))
    with pytest.raises(AnalysisError, match="needs the model"):
        GradCAM().compute(pictures, asking(None, layer))


def test_samples_without_a_finite_output_are_left_out(asking):
    images = tiny_images(3)[0]
    images[1, 0, 0] = 255  # the tiny network takes this for NaN
    import xarray as xr

    data = xr.Dataset({"image": (("sample", "y", "x", "channel"), images)}, coords={"sample": [4, 5, 6]})
    for analysis, layer in ((Saliency(), None), (GradCAM(), "conv")):
        result = analysis.compute(data, asking(TinyModel(), layer))
        assert result["sample"].values.tolist() == [4, 6]
        assert "1 left out" in result.attrs["caption"]
        with pytest.raises(AnalysisError, match="not finite"):
            analysis.compute(data.isel(sample=[1]), asking(TinyModel(), layer))


def test_softmax_of_large_logits():
    assert np.allclose(probabilities(np.array([[1e4, 0], [0, 0]], np.float32)), [[1, 0], [0.5, 0.5]])
    assert np.isnan(probabilities(np.array([[np.nan, 0]], np.float32))).all()
