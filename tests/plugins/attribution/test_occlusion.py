"""Occlusion against Captum's and a naive loop."""

import numpy as np
import pytest
from nnlens_attribution.masking import blur, filling, gaussian
from nnlens_attribution.occlusion import Occlusion, occlude, spots

from nnlens.testing import TinyModel

torch = pytest.importorskip("torch", reason="torch is an extra")
captum = pytest.importorskip("captum.attr", reason="captum is a test dependency")


def nothing(done):
    del done


@pytest.mark.parametrize(("side", "stride"), [(5, 3), (4, 4), (7, 1), (16, 5), (1, 1)])
def test_patches_and_their_means_are_captums(network, pictures, side, stride):
    module, model, _ = network
    inputs = model.prepare(pictures["image"].values[:2])
    fill = np.random.default_rng(1).normal(size=inputs.shape[1:]).astype(np.float32)
    oracle = captum.Occlusion(module).attribute(
        torch.from_numpy(inputs),
        sliding_window_shapes=(3, side, side),
        strides=(3, stride, stride),
        baselines=torch.from_numpy(np.stack([fill, fill])),
        target=2,
        perturbations_per_eval=8,
    )
    for image, wanted in zip(inputs, oracle, strict=True):
        hidden = spots(16, 18, side, stride)
        found = occlude(image, fill, hidden, lambda x: model.predict(x)[:, 2], 7, nothing)
        assert np.allclose(found, wanted[0], rtol=1e-3, atol=1e-5)


def test_fills_are_what_they_say(network, pictures):
    _, model, _ = network
    inputs = model.prepare(pictures["image"].values)
    assert not filling("mean", inputs, model).any()
    assert np.allclose(filling("black", inputs, model), -0.4 / 0.3)
    assert filling("black", TinyModel().prepare(np.zeros((1, 8, 8, 1), np.uint8)), TinyModel()).shape == (
        1,
        1,
        8,
        8,
    )
    assert filling("blurred", inputs, model).shape == inputs.shape


def test_the_blur_is_a_gaussian_that_keeps_constants():
    scipy = pytest.importorskip("scipy.ndimage", reason="scipy is a test dependency")
    image = np.random.default_rng(0).normal(size=(1, 2, 40, 60)).astype(np.float32)
    oracle = scipy.gaussian_filter(image, (0, 0, 2, 2), truncate=8)
    # where the border has no part in it
    assert np.allclose(blur(image)[..., 16:-16, 16:-16], oracle[..., 16:-16, 16:-16], atol=1e-5)
    assert np.allclose(blur(np.full((1, 1, 9, 5), 3.0, np.float32)), 3)
    assert np.allclose(gaussian(7, 1.5).sum(1), 1)


@pytest.mark.parametrize("target", [None, 3])
def test_the_analysis_is_captums(network, pictures, asking, target):
    module, model, _ = network
    inputs = torch.from_numpy(model.prepare(pictures["image"].values[:3]))
    wanted = module(inputs).argmax(1) if target is None else torch.full((3,), 3)
    oracle = captum.Occlusion(module).attribute(
        inputs, sliding_window_shapes=(3, 6, 6), strides=(3, 3, 3), baselines=0, target=wanted
    )
    result = Occlusion(patch=0.375).compute(pictures.isel(sample=slice(3)), asking(model, target=target))
    assert np.allclose(result["attribution"], oracle[:, 0], rtol=1e-3, atol=1e-5)
    assert result["target"].values.tolist() == wanted.tolist()
    chances = module(inputs).softmax(1)[range(3), wanted].detach()
    assert np.allclose(result["probability"], chances, atol=1e-5)
    assert result.attrs["caption"].startswith("25 patches of 6×6 pixels, every 3")
