"""The data card against naive NumPy, known figures of real data, and in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nnlens.samples import Samples, card, load_samples, places
from nnlens.samples.dividing import holds_samples, splits_of


@given(
    count=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_card_is_what_numpy_says(count, channels, classes, seed):
    chance = np.random.default_rng(seed)
    images = chance.integers(0, 256, (count, 5, 4, channels), np.uint8)
    labels, splits = chance.integers(-1, classes, count), chance.choice(["train", "test", "ünseen"], count)
    names = [f"class {each}" for each in range(classes)]
    found = Samples(images, labels, class_names=names, split=splits.tolist(), name="mine").card()
    assert (found.name, found.samples, found.channels) == ("mine", count, channels)
    assert found.sizes == {(5, 4): count}
    assert set(found.counts) == set(found.unlabelled) == set(splits)
    for split in set(splits):
        own = labels[splits == split]
        assert found.counts[split] == tuple((own == each).sum() for each in range(classes))
        assert found.unlabelled[split] == (own == -1).sum()
    pixels = images.astype(np.float64)
    np.testing.assert_allclose(found.mean, pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.std, pixels.std((0, 1, 2)), rtol=1e-12, atol=1e-9)


def test_pictures_of_several_sizes_count_by_their_pixels(tmp_path):
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (4 + each % 3, 5 + each % 2, 3), np.uint8) for each in range(40)]
    (tmp_path / "a").mkdir()
    for place, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "a" / f"{place:02}.png")
    found = load_samples(tmp_path).card()
    flat = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(float)
    np.testing.assert_allclose(found.mean, flat.mean(0))
    np.testing.assert_allclose(found.std, flat.std(0))
    for size, count in found.sizes.items():
        assert count == sum(picture.shape[:2] == size for picture in pictures)
    assert sum(found.sizes.values()) == 40
    assert list(found.sizes.values()) == sorted(found.sizes.values(), reverse=True)


def test_damaged_files_are_told_and_their_pixels_do_not_count(tmp_path):
    chance = np.random.default_rng(0)
    for place in range(5):
        picture = chance.integers(100, 256, (8, 8), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{place}.png")
    (tmp_path / "1.png").write_bytes(b"")
    whole = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(whole[: 7 * len(whole) // 10])
    good = np.stack([np.asarray(Image.open(tmp_path / f"{place}.png")) for place in (0, 2, 4)])
    found = load_samples(tmp_path).card()
    assert found.broken == {"1.png": "is empty", "3.png": "is damaged or cut off"}
    assert found.samples == 4
    assert found.mean[0] == pytest.approx(good.mean())
    assert found.facts()["broken"] == dict(found.broken)


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(card, "BYTES", 1000)
    read = []
    images = np.zeros((100, 10, 10), np.uint8)

    class Watched(Samples):
        def images(self, positions):
            found = super().images(positions)
            read.append(found.nbytes)
            return found

    told = []
    Watched(images).card(lambda done, total, message="": told.append((done, total, message)))
    assert sum(read) == images.nbytes
    assert max(read) <= 1000
    assert told[-1] == (100, 100, "reading the images")


def test_one_image_larger_than_a_batch_is_a_batch():
    assert list(card.spans(3, (10_000, 10_000, 3))) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert [span.stop for span in card.spans(40, None)] == [16, 32, 40]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "mean", "std"), [("mnist", 33.3184, 78.567), ("fashion-mnist", 72.940, 90.02)]
)
def test_real_data_has_the_known_figures(test_data, monkeypatch, name, mean, std):
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    if name not in [split.name for split in test_data.iterdir()] and not (places.DEBIAN / name).is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    found = load_samples(name).card()
    assert found.mean[0] == pytest.approx(mean, abs=5e-4)
    assert found.std[0] == pytest.approx(std, abs=5e-3)
    assert found.sizes == {(28, 28): 60_000}
    assert sum(found.counts["train"]) == 60_000
    assert splits_of(name) == ["train", "test"]


def write_pictures(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(path)


def test_the_splits_of_every_kind_of_data_set(tmp_path):
    images = np.zeros((2, 3, 3), np.uint8)
    np.savez(tmp_path / "divided.npz", x_train=images, x_val=images)
    np.savez(tmp_path / "whole.npz", images=images)
    np.save(tmp_path / "whole.npy", images)
    write_pictures(tmp_path / "folder" / "Val" / "a" / "1.png", tmp_path / "folder" / "train" / "b" / "1.png")
    write_pictures(tmp_path / "flat" / "1.png")
    (tmp_path / "flat" / "t.csv").write_text("path,split\n1.png,Test\n1.png,train\n")
    (tmp_path / "flat" / "u.csv").write_text("path\n1.png\n")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    expected = {
        "divided.npz": ["train", "val"],
        "whole.npz": ["train"],
        "whole.npy": ["train"],
        "folder": ["train", "val"],
        "flat": ["train"],
        "flat/t.csv": ["test", "train"],
        "flat/u.csv": ["train"],
        "bad.npz": ["train"],
        "missing": ["train"],
    }
    for name, splits in expected.items():
        assert splits_of(str(tmp_path / name)) == splits, name
        assert holds_samples(str(tmp_path / name)) == (name != "missing")
        if name not in ("missing", "bad.npz"):
            assert [len(load_samples(tmp_path / name, split)) > 0 for split in splits] == [True] * len(splits)
    assert splits_of("digits") == ["train", "test"]
    assert not holds_samples(str(tmp_path / "missing"))
