import numpy as np
import pytest
import xarray as xr
from nnlens_embedding.reduce import Reduce, pooled
from sklearn.decomposition import PCA as Oracle


def naive_pool(maps, factor):
    samples, channels, height, width = maps.shape
    out = np.empty((samples, channels, -(-height // factor), -(-width // factor)))
    for y in range(out.shape[2]):
        for x in range(out.shape[3]):
            square = maps[:, :, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            out[:, :, y, x] = square.mean((2, 3))
    return out.reshape(samples, -1)


def maps_of(values):
    return xr.Dataset(
        {"activation": (("sample", "channel", "y", "x"), values)},
        coords={"sample": np.arange(len(values)) + 100},
    )


@pytest.mark.parametrize("side", [(8, 8), (7, 5), (3, 9), (1, 1)])
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_pools_like_the_naive_version(side, factor):
    maps = np.random.default_rng(0).normal(size=(4, 3, *side)).astype(np.float32)
    assert np.allclose(pooled(maps, factor), naive_pool(maps, factor), atol=1e-6)


def test_keeps_the_fewest_components_with_ninety_percent(told):
    maps = np.random.default_rng(0).normal(size=(200, 5, 8, 8)).astype(np.float32)
    maps *= np.linspace(3, 0.2, 5, dtype=np.float32)[:, None, None]
    result = Reduce(pool=4).compute(maps_of(maps), told())
    flat = naive_pool(maps, 4)
    shares = np.cumsum(Oracle(svd_solver="full").fit(flat).explained_variance_ratio_)
    k = int(np.argmax(shares >= 0.9)) + 1
    assert result["embedding"].shape == (200, k)
    assert np.allclose(
        np.abs(result["embedding"]), np.abs(Oracle(k, svd_solver="full").fit_transform(flat)), atol=1e-3
    )
    assert f"maps ÷4 · 20 units → PCA {k} · " in result.attrs["caption"]


def test_reads_no_more_than_a_block_at_a_time(told, monkeypatch):
    monkeypatch.setattr("nnlens_embedding.rows.BLOCK_BYTES", 1600)
    maps = maps_of(np.random.default_rng(0).normal(size=(100, 4, 4, 4)).astype(np.float32))
    largest = []
    whole = xr.DataArray.to_numpy
    monkeypatch.setattr(
        xr.DataArray, "to_numpy", lambda self: (largest.append(self.sizes.get("sample", 0)), whole(self))[1]
    )
    result = Reduce(pool=2).compute(maps, told())
    assert result.sizes["sample"] == 100
    assert sorted(set(largest))[-2:] == [25, 100]  # 100 are the ids
    assert largest.count(100) == 1


def test_constant_maps_and_nan_give_a_clear_result(told):
    maps = np.ones((6, 2, 4, 4), np.float32)
    maps[2, 0, 0, 0] = np.nan
    result = Reduce().compute(maps_of(maps), told())
    assert result["embedding"].shape == (5, 1)
    assert not result["embedding"].any()
    assert "no variance · 5 samples · 1 left out" in result.attrs["caption"]
