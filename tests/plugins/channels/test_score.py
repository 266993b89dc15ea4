"""The channel score and the feature maps, against numpy's own histogram and means."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nnlens_channels.blocks import BLOCK_BYTES
from nnlens_channels.maps import FeatureMaps, averaged, near_square
from nnlens_channels.score import ChannelScore
from nnlens_channels.values import ChannelValues

from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.testing import tiny_store

FLOATS = st.floats(-1e3, 1e3, width=32).map(lambda value: round(value, 1))


def naive(one, bins=10):
    """System V's score: the entropy of the histogram of a map times the mean of its absolute values."""
    counts, _ = np.histogram(one.astype(np.float64), bins=bins)
    share = counts[counts > 0] / one.size
    return -(share * np.log(share)).sum() * np.abs(one.astype(np.float64)).mean()


def scored(data, told, **parameters):
    return ChannelScore(**parameters).compute(data, told())


@pytest.mark.parametrize("bins", [10, 3])
@pytest.mark.parametrize("signed", [True, False])
def test_score_is_the_naive_one(maps, layer_of, told, bins, signed):
    values = maps - 0.3 if signed else maps
    result = scored(layer_of(values), told, bins=bins)
    wanted = [[naive(channel, bins) if np.ptp(channel) else 0 for channel in sample] for sample in values]
    assert np.allclose(result["channel_score"], wanted, rtol=1e-5)
    assert np.allclose(result["score"], np.mean(wanted, axis=0), rtol=1e-5)
    assert (result["channel_score"][:, 3:] == 0).all()
    assert (result.attrs["bins"], result.attrs["log_base"]) == (bins, "e")


def test_a_value_on_an_edge_begins_a_bin(layer_of, told):
    steps = np.arange(11, dtype=np.float32).reshape(1, 1, 1, 11)  # 9 and 10 share the last of ten bins
    entropy = -(9 / 11 * np.log(1 / 11) + 2 / 11 * np.log(2 / 11))
    assert scored(layer_of(steps), told)["channel_score"].item() == pytest.approx(entropy * 5)


@settings(deadline=None, max_examples=50)
@given(
    values=arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=6), elements=FLOATS),
    data=st.data(),
)
def test_score_properties(layer_of, values, data):
    def told():
        return Context(Request("test"))

    result = scored(layer_of(values), told)["channel_score"].values
    assert (result >= 0).all()
    assert (result[np.ptp(values, axis=(2, 3)) == 0] == 0).all()
    assert (result <= np.log(10) * np.abs(values).mean((2, 3)) * 1.001 + 1e-6).all()
    order = data.draw(st.permutations(range(len(values))))
    shuffled = scored(layer_of(values[order], np.array(order) * 3 + 7), told)
    assert np.array_equal(shuffled["channel_score"].values, result[order])
    assert np.allclose(shuffled["score"], result.mean(0), rtol=1e-5)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_do_not_matter_and_are_told(maps, layer_of, told):
    context = told()
    result = ChannelScore().compute(layer_of(maps), context)
    wanted = [[naive(channel) if np.ptp(channel) else 0 for channel in sample] for sample in maps]
    assert np.allclose(result["channel_score"], wanted, rtol=1e-5)
    assert [done for done, _, _ in context.messages] == list(range(0, 31, 4))
    with pytest.raises(JobCancelledError):
        ChannelScore().compute(layer_of(maps), told(cancel_after=2))


def test_samples_that_are_not_finite_are_left_out(maps, layer_of, told):
    values = maps.copy()
    values[2, 0, 1, 1], values[30, 4, 0, 0] = np.nan, -np.inf
    result = scored(layer_of(values), told)
    assert result["sample"].values.tolist() == [7 + 3 * n for n in range(31) if n not in (2, 30)]
    assert "29 samples · 2 left out" in result.attrs["caption"]
    with pytest.raises(AnalysisError, match="All 2 samples have NaN"):
        scored(layer_of(values[[2, 30]]), told)
    with pytest.raises(AnalysisError, match="no samples"):
        scored(layer_of(values[:0]), told)


def test_a_layer_is_never_whole_in_memory(tmp_path, told):
    """600 MB that exist only block by block."""
    from nnlens.store.lazy import lazy_array

    read = []

    def some(positions):
        read.append(len(positions))
        return np.broadcast_to(np.float32(1), (len(positions), 16, 28, 28)) * positions[:, None, None, None]

    lazy = lazy_array(
        some, ("sample", "channel", "y", "x"), (12_000, 16, 28, 28), np.float32, np.arange(12_000)
    )
    tracemalloc.start()
    try:
        ChannelScore().compute(xr.Dataset({"activation": lazy}), told())
        assert tracemalloc.get_traced_memory()[1] < 6 * BLOCK_BYTES
    finally:
        tracemalloc.stop()
    assert sum(read) == 12_000
    assert len(set(read[:-1])) == 1
    assert read[0] & (read[0] - 1) == 0  # a power of two, as shards are


@pytest.mark.parametrize("size", [(6, 7), (70, 33), (129, 64)])
def test_feature_maps_can_be_read_back(layer_of, told, size):
    values = np.random.default_rng(1).normal(size=(3, 2, *size)).astype(np.float32)
    values[:, 1, 0, 0] = 40
    result = FeatureMaps().compute(layer_of(values), told())
    factor = -(-max(size) // 64)
    assert result["feature_map"].dtype == np.uint8
    assert max(result["feature_map"].shape[2:]) <= 64
    low, high = (result[name].values[..., None, None] for name in ("low", "high"))
    shown = low + result["feature_map"].values / 255 * (high - low)
    for y, x in np.ndindex(shown.shape[2:]):
        square = values[:, :, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].mean((2, 3))
        assert (np.abs(shown[:, :, y, x] - square) <= (high - low)[..., 0, 0] / 509).all()
    assert np.allclose(
        result["channel_score"], [[naive(map_) for map_ in sample] for sample in values], rtol=1e-4
    )


def test_a_constant_map_is_black_and_keeps_its_value(layer_of, told):
    result = FeatureMaps().compute(layer_of(np.full((1, 1, 4, 4), -3.5)), told())
    assert not result["feature_map"].values.any()
    assert result["low"].item() == result["high"].item() == -3.5
    assert result["channel_score"].item() == 0


@pytest.mark.parametrize("units", [1, 2, 9, 10, 5000])
def test_a_flat_layer_is_one_near_square(layer_of, told, units):
    values = np.random.default_rng(0).normal(size=(2, units)).astype(np.float32)
    result = FeatureMaps().compute(layer_of(values), told())
    _, channels, rows, columns = result["feature_map"].shape
    assert channels == 1
    assert rows <= columns <= rows + 1
    assert (rows, columns) == near_square(units)
    low, high = result["low"].values, result["high"].values
    shown = low + result["feature_map"].values.reshape(2, -1) / 255 * (high - low)
    assert (np.abs(shown[:, :units] - values) <= (high - low) / 509 + 1e-6).all()
    assert np.allclose(shown[:, units:], low)
    wanted = [naive(row) if units > 1 else 0 for row in values]
    assert np.allclose(result["channel_score"].values[:, 0], wanted, rtol=1e-4)


def of_channel(channel):
    return Context(Request("nnlens-channels:some", channel=channel))


def test_values_of_a_channel_are_those_of_the_layer(layer_of, told):
    values = np.random.default_rng(2).normal(size=(3, 4, 5, 6)).astype(np.float32)
    values[1, 0, 0, 0] = np.nan  # in another channel, so that only the request for all leaves the sample out
    one = ChannelValues().compute(layer_of(values), of_channel(2))["channel_value"]
    assert np.array_equal(one, values[:, 2:3])
    every = ChannelValues().compute(layer_of(values), told())
    assert np.array_equal(every["channel_value"], values[[0, 2]])
    assert "2 samples · 1 left out" in every.attrs["caption"]


@pytest.mark.parametrize("units", [1, 2, 10, 33])
def test_values_of_a_flat_layer_stand_row_by_row(layer_of, told, units):
    values = np.random.default_rng(3).normal(size=(2, units)).astype(np.float32)
    found = ChannelValues().compute(layer_of(values), told())["channel_value"].values
    assert found.shape == (2, 1, *near_square(units))
    rows = found.reshape(2, -1)
    assert np.array_equal(rows[:, :units], values)
    assert np.isnan(rows[:, units:]).all()
    unit = ChannelValues().compute(layer_of(values), of_channel(units - 1))["channel_value"]
    assert np.array_equal(unit.values.ravel(), values[:, -1])


def test_more_values_than_anybody_looks_at_are_refused(layer_of, told, monkeypatch):
    monkeypatch.setattr("nnlens_channels.values.MOST_BYTES", 4000)
    with pytest.raises(AnalysisError, match="values of 9 samples") as raised:
        ChannelValues().compute(layer_of(np.ones((9, 5, 10, 10))), told())
    assert "2 samples, or one channel" in raised.value.hint
    assert ChannelValues().compute(layer_of(np.ones((9, 5, 10, 10))), of_channel(0)).sizes["sample"] == 9


def test_more_maps_than_anybody_looks_through_are_refused(layer_of, told, monkeypatch):
    monkeypatch.setattr("nnlens_channels.maps.MOST_BYTES", 1000)
    with pytest.raises(AnalysisError, match="maps of 9 samples") as raised:
        FeatureMaps().compute(layer_of(np.ones((9, 5, 10, 10))), told())
    assert "2 samples" in raised.value.hint
    assert FeatureMaps().compute(layer_of(np.ones((2, 5, 10, 10))), told()).sizes["sample"] == 2


@settings(deadline=None, max_examples=30)
@given(values=arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=7), elements=FLOATS))
def test_averaging_keeps_the_mean_of_maps_that_divide(values):
    once = np.tile(values, (1, 1, 2, 2))
    assert np.allclose(averaged(once, 2).mean((2, 3)), values.mean((2, 3)), atol=1e-2)
    assert averaged(values, 1) is values


def test_default_layers_and_hints(tmp_path):
    from nnlens import Lens

    lens = Lens(tiny_store(tmp_path / "run"))
    assert lens.run("channel-score").attrs["layer"] == "relu1"
    with pytest.raises(AnalysisError, match=r"fc1 is flat\. Choose 'relu1'\."):
        lens.run("channel-score", layer="fc1")
