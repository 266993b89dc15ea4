"""What chosen samples share, against a slow version of itself, against chance, and with a shortcut that was planted."""

import numpy as np
import pytest
import xarray as xr
from nnlens_evaluation.in_common import InCommon
from nnlens_evaluation.shared.draws import Draws
from nnlens_evaluation.shared.pictures import STATISTICS, edges, regions, statistics

from nnlens import Lens
from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError
from nnlens.samples import load_samples
from nnlens.testing import tiny_store


def run_of(units, label, images=None, **columns):
    units = np.asarray(units, np.float32)
    layer = {"layers": [("fc", units.shape[1], "unit")]}
    data = xr.Dataset(
        {
            "label": ("sample", np.asarray(label, np.int64)),
            "pooled_layers": (("sample", "unit"), units, layer),
            **{name: ("sample", np.asarray(values)) for name, values in columns.items()},
        },
        coords={"sample": np.arange(len(units), dtype=np.int64) * 10 + 3},
    )
    if images is not None:
        data["image"] = (("sample", "y", "x", "channel"), np.asarray(images, np.uint8))
    return data


def shared(data, chosen, seed=0, **parameters):
    ids = tuple(data["sample"].values[np.asarray(chosen)].tolist())
    return InCommon(**parameters).compute(data, Context(Request("test", sample=ids, seed=seed)))


def by_name(result):
    return {str(name): result.isel(effect=place) for place, name in enumerate(result["name"].values)}


def slow_shift(values, chosen):
    return (values[chosen].mean() - values[~chosen].mean()) / values.std()


def test_shifts_and_standings_are_the_slow_ones():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 3, 300)
    units = rng.normal(size=(300, 5)) + label[:, None]
    chosen = (label == 1) & (units[:, 2] > 1)
    found = by_name(shared(run_of(units, label), chosen, draws=2000))
    for place in range(5):
        values, one = units[:, place], found[f"fc unit {place}"]
        assert float(one["shift"]) == pytest.approx(slow_shift(values, chosen), rel=1e-4)
        assert float(one["chosen_mean"]) == pytest.approx(values[chosen].mean(), rel=1e-4)
        assert float(one["rest_mean"]) == pytest.approx(values[~chosen].mean(), rel=1e-4)
        for kind, members in (("any", np.arange(300)), ("matched", np.flatnonzero(label == 1))):
            random = []
            for _ in range(2000):
                mask = np.zeros(300, bool)
                mask[rng.choice(members, chosen.sum(), replace=False)] = True
                random.append(slow_shift(values, mask))
            z = (slow_shift(values, chosen) - np.mean(random)) / np.std(random)
            assert float(one[f"{kind}_z"]) == pytest.approx(z, rel=0.08, abs=0.1)
            assert float(one[f"{kind}_low"]) == pytest.approx(np.percentile(random, 2.5), abs=0.06)
            assert float(one[f"{kind}_high"]) == pytest.approx(np.percentile(random, 97.5), abs=0.06)
            away = np.abs(random - np.mean(random))
            p = (away >= abs(slow_shift(values, chosen) - np.mean(random))).mean()
            assert float(one[f"{kind}_p"]) == pytest.approx(p, abs=0.03 if p < 0.3 else 0.08)
    assert shared(run_of(units, label), chosen)["name"].values[0] == "fc unit 2", (
        "what made the choice comes first"
    )


def test_a_class_does_not_hide_what_is_special_within_it():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 200)
    units = np.stack([10.0 * label + rng.normal(size=400), rng.normal(size=400)], axis=1)
    chosen = (label == 1) & (units[:, 1] > 0.3)
    result = shared(run_of(units, label), chosen)
    assert result["name"].values[0] == "fc unit 1"
    found = by_name(result)
    assert abs(float(found["fc unit 0"]["any_z"])) > abs(float(found["fc unit 1"]["any_z"]))
    assert np.isnan(float(found["label 1"]["matched_z"]))
    assert float(found["label 1"]["matched_p"]) == 1


def test_random_choices_are_seldom_clear():
    rng = np.random.default_rng(1)
    units, label = rng.normal(size=(400, 40)), rng.integers(0, 4, 400)
    clear, first = [], []
    for seed in range(40):
        chosen = np.zeros(400, bool)
        chosen[rng.choice(400, 60, replace=False)] = True
        result = shared(run_of(units, label), chosen, seed=seed, draws=200)
        clear.append(result.attrs["clear"] > 0)
        first.append(float(result["matched_family_p"][0]))
    assert sum(clear) <= 6, "of 40 at the level of 5 %"
    assert 0.2 < np.mean(first) < 0.8, "a chance is as often low as high"


def test_selections_are_drawn_class_by_class():
    label = np.array([0] * 10 + [1] * 5 + [2] * 7 + [-1] * 3)
    chosen = np.zeros(25, bool)
    chosen[[0, 1, 2, 10, 11, 12, 13, 14, 24]] = True
    draws = Draws(chosen, label, 200, np.random.default_rng(0))
    every = np.hstack([draws.block(0, 16), draws.block(16, 25)]).astype(bool)
    assert every.shape == (401, 25)
    assert (every.sum(axis=1) == 9).all()
    assert np.array_equal(every[0], chosen)
    assert np.allclose(every[1:201].mean(axis=0), 9 / 25, atol=0.12)
    matched = every[201:]
    assert (matched[:, 10:15]).all(), "a class that is chosen whole leaves no choice"
    assert (matched[:, :10].sum(axis=1) == 3).all()
    assert not matched[:, 15:22].any()
    assert (matched[:, 22:].sum(axis=1) == 1).all(), "those without a label are a class of their own"
    assert len(np.unique(matched, axis=0)) > 100


def test_one_that_is_chosen_whole_is_compared_with_all():
    label = np.repeat([0, 1], 50)
    units = np.random.default_rng(0).normal(size=(100, 3))
    result = shared(run_of(units, label), label == 1)
    assert result["name"].values[0] in ("label 0", "label 1")
    assert not result.attrs["matched"]
    assert "of the same classes" not in result.attrs["caption"]


def test_regions_are_means_of_blocks_and_a_lean_is_a_slant():
    grey = np.random.default_rng(0).random((4, 9, 11)).astype(np.float32)
    rows, columns = edges(9, 4), edges(11, 3)
    found = regions(grey, rows, columns).reshape(4, 4, 3)
    for row, (top, low) in enumerate(zip(rows, [*rows[1:], 9], strict=True)):
        for column, (left, right) in enumerate(zip(columns, [*columns[1:], 11], strict=True)):
            assert np.allclose(
                found[:, row, column], grey[:, top:low, left:right].mean(axis=(1, 2)), atol=1e-5
            )
    upright, right, left = (np.zeros((28, 28), np.float32) for _ in range(3))
    for row in range(4, 24):
        upright[row, 14] = 1
        right[row, 14 - (row - 14) // 2] = 1
        left[row, 14 + (row - 14) // 2] = 1
    slant = statistics(np.stack([upright, right, left]))[:, STATISTICS.index("slant")]
    assert slant[0] == pytest.approx(0, abs=1e-3)
    assert slant[1] == pytest.approx(0.5, abs=0.05)
    assert slant[2] == pytest.approx(-0.5, abs=0.05)


def test_images_and_classes_are_counted():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 5, 6, 3))
    label = rng.integers(-1, 4, 30)
    prediction = rng.integers(0, 4, 30)
    chosen = np.arange(30) % 4 == 0
    result = shared(run_of(rng.normal(size=(30, 2)), label, images, prediction=prediction), chosen, draws=30)
    assert np.allclose(result["chosen_image"], images[chosen].mean(axis=0) / 255)
    assert np.allclose(result["rest_image"], images[~chosen].mean(axis=0) / 255)
    for word, codes in (("label", label), ("prediction", prediction)):
        for who, mask in (("chosen", chosen), ("rest", ~chosen)):
            assert result[f"{who}_{word}"].values.tolist() == [
                int((codes[mask] == c).sum()) for c in range(4)
            ]
    units = np.asarray(rng.normal(size=(30, 2)), np.float32)
    result = shared(run_of(units, label, images), chosen, draws=30)
    place = result["name"].values.tolist().index("fc unit 1")
    assert np.array_equal(result["value"].values[:, place], units[:, 1]), "its values come along"
    assert result.attrs["grid"] == [5, 6]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_samples_without_a_value_are_left_out_of_that_trait_only(broken):
    rng = np.random.default_rng(0)
    units, label = rng.normal(size=(80, 2)), np.zeros(80, int)
    units[[3, 50], 1] = broken
    loss = rng.random(80).astype(np.float32)
    loss[7] = np.nan
    chosen, there = np.arange(80) < 20, np.isfinite(units).all(axis=1)
    found = by_name(shared(run_of(units, label, loss=loss), chosen))
    assert float(found["fc unit 0"]["shift"]) == pytest.approx(
        slow_shift(units[there, 0], chosen[there]), rel=1e-4
    )
    known = np.isfinite(loss)
    assert float(found["log loss"]["shift"]) == pytest.approx(
        slow_shift(np.log10(loss[known]), chosen[known]), rel=1e-4
    )


def test_all_or_none_cannot_be_compared(tmp_path):
    lens = Lens(tiny_store(tmp_path / "run", 30))
    for chosen in (None, lens.store.ids):
        with pytest.raises(AnalysisError, match="against the others, and all are chosen"):
            lens.run("in-common", sample=chosen)
    result = lens.run("in-common", sample=lens.store.ids[:1], draws=20)
    assert result.sizes["sample"] == 30
    assert result.attrs["chosen"] == 1


# ---------------------------------------------------------------------------------------------------------- a shortcut
def check_planted(found, corner, random=5):
    """Check that a square which was planted is what its samples share, and that random ones of their class do not."""
    store, samples, marked, model = found
    assert store.metadata["accuracy"] > 0.7
    lens, drawn = Lens(store), np.random.default_rng(1)
    result = lens.run("in-common", sample=marked, effects=500)
    first, (rows, columns) = result.isel(effect=0), result.attrs["grid"]
    assert str(first["kind"].values) == "region"
    assert int(first["index"]) == columns - 1, "the corner at the upper right"
    assert float(first["matched_p"]) == float(first["matched_family_p"]) == 1 / 501
    assert float(first["shift"]) > max(3, float(first["matched_high"])) and rows > 1
    ordered = np.abs(np.nan_to_num(result["matched_z"].values, nan=0))
    assert (np.diff(ordered) <= 1e-9).all()
    difference = (result["chosen_image"] - result["rest_image"]).values[..., 0]
    brightest = np.unravel_index(np.argsort(-difference, axis=None)[: corner**2], difference.shape)
    assert set(brightest[0]) == set(range(corner)), "the square and nothing else"
    assert set(brightest[1]) == set(range(difference.shape[1])[-corner:])
    check_channel(result, *(pooled_of(model, each, marked) for each in (samples, store)))
    alike = np.setdiff1d(samples.ids[samples.labels == 3], marked)
    for seed in range(random):
        chosen = drawn.choice(alike, len(marked), replace=False)
        other = by_name(lens.run("in-common", sample=chosen, effects=500, seed=seed))
        assert next(iter(other)) != str(first["name"].values)
        assert float(other[str(first["name"].values)]["matched_family_p"]) > 0.05


def pooled_of(model, images, ids):
    """The pooled channels of all layers, run through the network once more: name → values, dims (sample, channel)."""
    inputs = model.prepare(images.images(ids))
    found = model.activations(inputs, [layer.name for layer in model.layers if layer.capturable])
    return {name: np.asarray(values).reshape(*values.shape[:2], -1).mean(2) for name, values in found.items()}


def check_channel(result, plain, marked):
    """Check that the first channel is one that the square itself drives, and beyond 95 % of random selections."""
    channel = result.isel(effect=(result["kind"] == "channel").values.argmax())
    assert float(channel["matched_family_p"]) < 0.05
    low, high = float(channel["matched_low"]), float(channel["matched_high"])
    assert not low <= float(channel["shift"]) <= high
    layer, index = str(channel["layer"].values), int(channel["index"])
    drive = np.abs(marked[layer] - plain[layer]).mean(0)
    assert drive[index] >= np.quantile(drive, 0.9), f"{layer} {index} is not what the square drives"


def test_a_square_that_was_planted_into_digits_comes_first(shortcut):
    check_planted(shortcut(load_samples("digits", "all"), 2, 12), 2)


@pytest.mark.data
@pytest.mark.slow
def test_a_square_that_was_planted_into_fashion_comes_first(shortcut):
    check_planted(shortcut(load_samples("fashion-mnist", "train", limit=6000), 4, 3), 4)
