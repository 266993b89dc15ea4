"""The means of all layers of one sample, against the model's own activations."""

import numpy as np
import pytest
from nnlens_channels.layers import resized

from nnlens.errors import AnalysisError
from nnlens.lens import Lens
from nnlens.testing import tiny_model, tiny_store


@pytest.fixture
def lens(tmp_path):
    return Lens(tiny_store(tmp_path / "run", keep=[]), tiny_model())


def test_a_mean_is_the_mean_of_the_channels(lens):
    sample = int(lens.store.ids[7])
    result = lens.run("layer-means", sample=[sample], size=64)
    inputs = lens.model.prepare(lens.store.images([sample]))
    spatial = [layer.name for layer in lens.model.layers if layer.spatial]
    assert result["layer"].values.tolist() == spatial
    for name, maps in lens.model.activations(inputs, spatial).items():
        shown, mean = result["layer_mean"].sel(layer=name).values[0], maps.mean(axis=1)[0]
        rows = (np.arange(64) + 0.5) * mean.shape[0] // 64
        np.testing.assert_allclose(shown, mean[rows.astype(int)][:, rows.astype(int)], rtol=1e-6)


def test_a_large_map_is_averaged_over_squares():
    values = np.arange(64, dtype=np.float32).reshape(8, 8)
    expected = values.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resized(values, 4), expected)
    np.testing.assert_allclose(resized(expected, 8), expected.repeat(2, 0).repeat(2, 1))


def test_without_a_model_it_says_so(tmp_path):
    with pytest.raises(AnalysisError, match="model"):
        Lens(tiny_store(tmp_path / "run", keep=[])).run("layer-means", sample=[0])
