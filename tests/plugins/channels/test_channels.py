"""Dead channels, selectivity and top samples, each against a version of a few lines of numpy."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nnlens_channels.dead import DeadChannels
from nnlens_channels.score import ChannelScore
from nnlens_channels.selectivity import Selectivity
from nnlens_channels.top import TopSamples

from nnlens import Lens
from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError
from nnlens.testing import tiny_model, tiny_store

STEPS = st.integers(-3, 6).map(float)  # few values, so that some are equal


def asked():
    return Context(Request("test"))


def naive_dead(values):
    """The same numbers with the whole layer at hand."""
    flat = values.reshape(len(values), values.shape[1], -1).astype(np.float64)
    silent = (flat.max(2) <= 0).mean(0)
    low, high = flat.min((0, 2)), flat.max((0, 2))
    dead = low == high if (flat < 0).any() else silent == 1
    saturated = np.where(dead, 0, (flat == high[:, None]).mean((0, 2)))
    return [dead, silent, saturated, flat.mean((0, 2)), high, flat.std((0, 2))]


@settings(deadline=None, max_examples=60)
@given(
    values=st.one_of(
        arrays(np.float32, st.tuples(*[st.integers(1, 9)] * 2, *[st.integers(1, 4)] * 2), elements=STEPS),
        arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 5)), elements=STEPS),
    ),
    rectified=st.booleans(),
    rows=st.sampled_from([1, 4, 2048]),
)
def test_dead_channels_are_the_naive_ones(layer_of, values, rectified, rows):
    values = np.maximum(values, 0) if rectified else values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlens_channels.blocks.BLOCK_ROWS", rows)
        result = DeadChannels().compute(layer_of(values), asked())
    for name, wanted in zip(result.data_vars, naive_dead(values), strict=True):
        assert np.allclose(result[name], wanted, rtol=1e-5, atol=1e-6), name


def test_dead_channels_are_counted_in_words(layer_of, maps):
    values = np.minimum(maps, 0.01)  # as a ReLU that is cut off: most of what fires is at the limit
    values[:, 4] = 2.5
    caption = DeadChannels(limit=0.4).compute(layer_of(values), asked()).attrs["caption"]
    assert caption == "1 dead of 5 channels · 4 saturated · 31 samples · 0 left out"
    result = DeadChannels().compute(layer_of(maps - 1), asked())
    assert result["dead"].values.tolist() == [0, 0, 0, 1, 1]
    assert result.attrs["caption"].startswith("2 dead of 5 channels · 0 saturated · dead is constant")


def test_a_large_offset_costs_no_digits(layer_of):
    values = (1000 + np.random.default_rng(0).normal(size=(5000, 1)) / 100).astype(np.float32)
    found = DeadChannels().compute(layer_of(values), asked())["standard_deviation"].item()
    assert found == pytest.approx(values.astype(np.float64).std(), rel=1e-4)


def naive_selectivity(values, label):
    """Morcos et al.: the best class' mean against the mean of the other classes' means."""
    classes = sorted(set(label[label >= 0].tolist()))
    out = []
    for channel in np.maximum(values.astype(np.float64), 0).T:
        means = [channel[label == each].mean() for each in classes]
        best = int(np.argmax(means))
        rest = np.mean(means[:best] + means[best + 1 :])
        total = means[best] + rest
        out.append(((means[best] - rest) / total, classes[best]) if total else (0, -1))
    return np.array(out)


def pooled_of(values, label, ids=None):
    ids = np.arange(len(values)) * 2 + 1 if ids is None else ids
    data = {"pooled": (("sample", "channel"), np.asarray(values, np.float32)), "label": ("sample", label)}
    return xr.Dataset(data, coords={"sample": ids})


@settings(deadline=None, max_examples=60)
@given(
    values=arrays(np.float32, (12, 4), elements=STEPS),
    label=arrays(np.int64, 12, elements=st.integers(-1, 4)),
    data=st.data(),
)
def test_selectivity_is_the_naive_one(values, label, data):
    if len(set(label[label >= 0].tolist())) < 2:
        with pytest.raises(AnalysisError, match="compares classes"):
            Selectivity().compute(pooled_of(values, label), asked())
        return
    result = Selectivity().compute(pooled_of(values, label), asked())
    wanted = naive_selectivity(values, label)
    assert np.allclose(result["selectivity"], wanted[:, 0], atol=1e-6)
    assert result["preferred_class"].values.tolist() == wanted[:, 1].tolist()
    assert result.attrs["left_out"] == (label < 0).sum()
    assert ("negative values count as 0" in result.attrs["caption"]) == bool((values[label >= 0] < 0).any())
    order = np.array(data.draw(st.permutations(range(12))))
    shuffled = Selectivity().compute(pooled_of(values[order], label[order], order * 2 + 1), asked())
    assert np.allclose(shuffled["selectivity"], result["selectivity"], atol=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_selectivity_of_one_class_and_of_all_alike(told):
    label = np.arange(30) % 3
    values = np.stack([label == 2, np.ones(30), np.zeros(30), -np.ones(30)], axis=1).astype(np.float32)
    values[4, 0] = np.nan
    result = Selectivity().compute(pooled_of(values, label), told())
    assert result["selectivity"].values.tolist() == [1, 0, 0, 0]
    assert result["preferred_class"].values.tolist() == [2, 0, -1, -1]
    assert "29 samples · 1 left out" in result.attrs["caption"]


def with_field(data, height=12, width=14):
    facts = {"exact": 0, "input_height": height, "input_width": width}
    field = np.array([[[0, 0, height, width]]])
    return data.assign(receptive_field=(("row", "column", "edge"), field, facts))


@settings(deadline=None, max_examples=60)
@given(
    values=arrays(
        np.float32, st.tuples(st.integers(1, 9), st.just(3), st.just(2), st.just(3)), elements=STEPS
    ),
    k=st.integers(1, 6),
    rows=st.sampled_from([1, 4, 2048]),
    data=st.data(),
)
def test_top_samples_are_the_naive_ones(layer_of, values, k, rows, data):
    order = np.array(data.draw(st.permutations(range(len(values)))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnlens_channels.blocks.BLOCK_ROWS", rows)
        result = TopSamples(k=k).compute(with_field(layer_of(values[order], order * 3 + 7)), asked())
    for channel in range(3):
        peaks = values[:, channel].reshape(len(values), -1).max(1)
        best = sorted(range(len(values)), key=lambda sample: (-peaks[sample], sample))[:k]
        assert result["rank_sample"][channel].values.tolist() == [sample * 3 + 7 for sample in best]
        assert result["value"][channel].values.tolist() == peaks[best].tolist()
        for rank, sample in enumerate(best):
            y, x = np.argwhere(values[sample, channel] == peaks[sample])[0]
            assert result["place"][channel, rank].values.tolist() == [y, x]
            # twelve by fourteen pixels over two by three cells: the whole pixels that a cell touches
            edges = [y * 6, x * 14 // 3, y * 6 + 6, -(-(x + 1) * 14 // 3)]
            assert result["patch"][channel, rank].values.tolist() == edges
    assert "give the model" in result.attrs["caption"]


def test_top_samples_of_units_see_the_whole_picture(layer_of, told):
    values = np.array([[0, 1], [5, 1], [np.nan, 9], [3, 1]], np.float32)
    result = TopSamples().compute(with_field(layer_of(values)), told())
    assert result["rank_sample"].values.tolist() == [[10, 16, 7], [7, 10, 16]]
    assert (result["place"] == -1).all()
    assert (result["patch"] == [0, 0, 12, 14]).all()
    assert "3 samples · 1 left out" in result.attrs["caption"]
    few = TopSamples(k=2).compute(with_field(layer_of(values)), told())
    assert "1 unit with equal values" in few.attrs["caption"]


@pytest.fixture(scope="module")
def lenses(tmp_path_factory):
    """One run that holds all layers, and one that holds none in full and has the model."""
    folder = tmp_path_factory.mktemp("runs")
    whole, pooled = tiny_store(folder / "whole"), tiny_store(folder / "pooled", keep=[])
    assert not any(layer.kept for layer in pooled.layers if layer.info.spatial)
    return Lens(whole), Lens(whole, tiny_model()), Lens(pooled, tiny_model()), Lens(pooled)


@pytest.mark.parametrize("layer", ["conv", "relu1", "relu2"])
@pytest.mark.parametrize(
    "name", ["feature-maps", "channel-score", "top-samples", "dead-channels", "selectivity"]
)
def test_from_the_run_and_through_the_model_are_the_same(lenses, name, layer):
    _, kept, computed, without = lenses
    chosen = {"sample": [3, 17]} if name == "feature-maps" else {}
    if name == "channel-score" and layer == "relu2":
        with pytest.raises(AnalysisError, match="is flat"):
            kept.run(name, layer=layer)
        return
    one, other = (lens.run(name, layer=layer, **chosen) for lens in (kept, computed))
    for variable in one.data_vars:
        assert one[variable].dims == other[variable].dims
        assert np.allclose(one[variable], other[variable], rtol=1e-5, atol=1e-6), variable
    again = computed.cached(name, layer=layer, **chosen)
    assert again is not None
    assert again.identical(other)
    if layer != "relu2" and name != "selectivity":
        with pytest.raises(AnalysisError, match="does not hold"):
            without.run(name, layer=layer, **chosen)


def test_the_patch_comes_from_the_model_where_there_is_one(lenses):
    store_only, kept, *_ = lenses
    about, exact = (lens.run("top-samples", layer="conv") for lens in (store_only, kept))
    assert about.attrs["key"] != exact.attrs["key"]
    assert about["rank_sample"].equals(exact["rank_sample"])
    assert (about["patch"].values[..., 2:] - about["patch"].values[..., :2] == 1).all()
    places = exact["place"].values
    wanted = np.concatenate([np.maximum(places - 1, 0), np.minimum(places + 2, 8)], axis=-1)
    assert np.array_equal(exact["patch"], wanted)
    assert "receptive field" in exact.attrs["caption"]


def test_ids_are_those_of_a_selection(lenses):
    lens = lenses[1]
    chosen = [5, 8, 40, 59]
    assert lens.run("channel-score", layer="conv", sample=chosen)["sample"].values.tolist() == chosen
    found = lens.run("top-samples", layer="conv", sample=chosen, k=4)["rank_sample"].values
    assert (np.sort(found, axis=1) == chosen).all()
    whole = ChannelScore().compute(xr.Dataset({"activation": lens.store.activation("conv")}), asked())
    part = lens.run("channel-score", layer="conv", sample=chosen)["channel_score"]
    assert np.array_equal(part, whole["channel_score"].sel(sample=chosen))


@pytest.mark.parametrize(
    "name",
    ["top-samples", "dead-channels", "selectivity", "channel-score", "feature-maps", "receptive-field"],
)
def test_a_channel_is_refused_where_it_would_be_ignored(lenses, name):
    chosen = {"sample": [3]} if name == "feature-maps" else {}
    with pytest.raises(AnalysisError, match=f"{name} looks at no single channel"):
        lenses[1].run(name, layer="conv", channel=3, **chosen)


def test_values_of_one_channel_come_from_the_run_and_through_the_model(lenses):
    _, kept, computed, without = lenses
    one, other = (
        lens.run("channel-values", layer="conv", sample=[17], channel=1) for lens in (kept, computed)
    )
    wanted = kept.store.activation("conv").sel(sample=[17]).values[:, 1:2]
    assert np.array_equal(one["channel_value"], wanted)
    assert np.allclose(other["channel_value"], wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(AnalysisError, match="does not hold"):
        without.run("channel-values", layer="conv", sample=[17], channel=1)
