"""What chosen samples share, against a slow version of itself, against chance, and with a shortcut that was planted."""

import numpy as np
import pytest
import torch
import xarray as xr
from nnlens_evaluation.in_common import InCommon
from nnlens_evaluation.shared.draws import Draws
from nnlens_evaluation.shared.pictures import STATISTICS, edges, regions, statistics
from torch import nn

from nnlens import Lens, capture, load_model
from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError
from nnlens.models.preprocess import Preprocess
from nnlens.samples import Samples, load_samples
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
def planted(samples, corner, seed=0):
    """Put a white square into a corner of 2 % of the images of class 3."""
    images = np.array(samples.images(np.arange(len(samples))))
    ids = np.flatnonzero(samples.labels == 3)
    marked = np.random.default_rng(seed).choice(ids, max(2, round(0.02 * len(ids))), replace=False)
    images[marked, :corner, -corner:] = 255
    return Samples(images, samples.labels, class_names=samples.class_names), marked


def trained(samples, side, epochs):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    prepare = Preprocess(side, order="grey")
    inputs = torch.from_numpy(prepare(samples.images(np.arange(len(samples)))))
    labels = torch.from_numpy(np.asarray(samples.labels))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(inputs)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[part]), labels[part]).backward()
            optimizer.step()
    return load_model(network.eval(), preprocess=prepare)


def check_planted(samples, corner, side, epochs, folder):
    samples, marked = planted(samples, corner)
    lens = Lens(capture(trained(samples, side, epochs), samples, folder / "run"))
    assert lens.store.metadata["accuracy"] > 0.7
    result = lens.run("in-common", sample=marked)
    first = result.isel(effect=0)
    rows, columns = result.attrs["grid"]
    assert str(first["kind"].values) == "region"
    assert int(first["index"]) == columns - 1, "the corner at the upper right"
    assert float(first["matched_p"]) == float(first["matched_family_p"]) == 1 / 501
    assert float(first["shift"]) > 3
    assert rows > 1
    ordered = np.abs(np.nan_to_num(result["matched_z"].values, nan=0))
    assert (np.diff(ordered) <= 1e-9).all()
    difference = (result["chosen_image"] - result["rest_image"]).values[..., 0]
    assert np.unravel_index(difference.argmax(), difference.shape)[0] < corner


def test_a_square_that_was_planted_into_digits_comes_first(tmp_path):
    check_planted(load_samples("digits", "all"), 2, 8, 12, tmp_path)


@pytest.mark.data
@pytest.mark.slow
def test_a_square_that_was_planted_into_fashion_comes_first(tmp_path):
    check_planted(load_samples("fashion-mnist", "train", limit=6000), 4, 28, 3, tmp_path)
