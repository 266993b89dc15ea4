"""Folders of pictures: classes, splits, sizes, and files that are none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from nnlens.capturing import BrokenFilesWarning, capture
from nnlens.errors import SamplesError
from nnlens.samples import load_samples
from nnlens.samples.files import Cache, FilePixels
from nnlens.samples.folder import EmptyClassWarning, read_folder
from nnlens.testing import tiny_model


def paint(path, value, size=(8, 8), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def pets(tmp_path):
    """Two classes in two splits, grey and all of one size; the names of the files are not in the order of writing."""
    for split, count in (("train", 3), ("val", 2)):
        for place, name in enumerate(("dog", "cat")):
            for index in reversed(range(count)):
                paint(tmp_path / split / name / f"{index}.png", 100 * place + index)
    return tmp_path


def test_classes_and_ids_follow_the_sorted_paths(pets):
    samples = read_folder(pets, "train", "pets")
    assert samples.class_names == ("cat", "dog")
    assert samples.paths == tuple(
        f"train/{name}/{index}.png" for name in ("cat", "dog") for index in range(3)
    )
    assert samples.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert samples.image_shape == (8, 8, 1)
    assert samples.images(slice(None))[:, 0, 0, 0].tolist() == [100, 101, 102, 0, 1, 2]
    assert samples.images([4, 0])[:, 0, 0, 0].tolist() == [1, 100]


def test_a_class_that_a_split_lacks_keeps_its_number(pets):
    for path in (pets / "val" / "cat").iterdir():
        path.unlink()
    with pytest.warns(EmptyClassWarning, match="'cat' of 'val' has no pictures; it is a class"):
        samples = read_folder(pets, "val", "pets")
    assert samples.class_names == ("cat", "dog")
    assert samples.labels.tolist() == [1, 1]


def test_a_split_is_found_by_its_usual_names(pets):
    assert len(read_folder(pets, "test", "pets")) == len(read_folder(pets, "val", "pets")) == 4
    with pytest.raises(SamplesError, match="no split 'extra'"):
        read_folder(pets, "extra", "pets")


def test_without_folders_of_splits_all_is_taken_and_without_classes_nothing_is_labelled(tmp_path):
    paint(tmp_path / "b.png", 1)
    paint(tmp_path / "a.png", 2)
    samples = read_folder(tmp_path, "train", "flat")
    assert samples.labels.tolist() == [-1, -1]
    assert samples.class_names == ()
    assert samples.paths == ("a.png", "b.png")


def test_pictures_of_several_sizes_and_colors_come_as_a_list(tmp_path):
    paint(tmp_path / "x" / "a.png", 7, (5, 9))
    paint(tmp_path / "x" / "b.png", (1, 2, 3), (6, 4), "RGB")
    samples = read_folder(tmp_path, "train", "mixed")
    assert samples.image_shape is None
    first, second = samples.images(slice(None))
    assert first.shape == (9, 5, 3)
    assert (first == 7).all()
    assert (second == [1, 2, 3]).all()
    assert "several sizes" in repr(samples)


def test_what_is_no_picture_is_left_out_and_ids_stay(pets):
    (pets / "train" / "cat" / "1.png").write_bytes(b"")
    samples = read_folder(pets, "train", "pets")
    assert samples.ids.tolist() == [0, 2, 3, 4, 5]
    assert samples.broken == {"train/cat/1.png": "is empty"}
    assert samples.take(2).ids.tolist() == [0, 2]


def test_a_random_part_of_a_folder_opens_again(pets):
    samples = load_samples(pets, "train", 3, seed=4)
    assert samples.paths == tuple(
        f"train/{'cat' if place < 3 else 'dog'}/{place % 3}.png" for place in samples.ids
    )
    values = [100 * (place < 3) + place % 3 for place in samples.ids]
    assert samples.images(slice(None))[:, 0, 0, 0].tolist() == values
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint


def test_a_file_that_breaks_off_is_blank_in_the_run_and_named(tmp_path):
    noise = np.random.default_rng(0)
    for index in range(12):
        path = tmp_path / "data" / "ab"[index % 2] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 250, (8, 8), np.uint8)).save(path)
    broken = tmp_path / "data" / "b" / "05.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: 7 * len(whole) // 10])
    samples = read_folder(tmp_path / "data", "train", "data")
    assert len(samples) == 12
    with pytest.warns(UserWarning) as told:
        store = capture(tiny_model(), samples, tmp_path / "run", keep="all")
    assert any(
        issubclass(each.category, BrokenFilesWarning) and "b/05.png" in str(each.message) for each in told
    )
    assert "1 file is without a prediction: 1 is damaged or cut off" in " ".join(
        str(each.message) for each in told
    )
    assert store.metadata["invalid"] == 0, "the network has done nothing wrong"
    assert store.metadata["labelled"] == 11
    row = samples.paths.index("b/05.png")
    assert store.samples["path"].values[row] == "b/05.png"
    assert store.samples["prediction"].values[row] == -1
    assert np.isnan(store.samples["loss"].values[row])
    for layer in ("conv", "fc1"):
        assert np.isnan(store.activation(layer).values[row]).all()
        assert np.isfinite(np.delete(store.activation(layer).values, row, 0)).all()


def test_the_fingerprint_tells_other_files_apart(pets):
    before = read_folder(pets, "train", "pets").fingerprint
    assert read_folder(pets, "train", "pets").fingerprint == before
    paint(pets / "train" / "cat" / "1.png", 250)
    assert read_folder(pets, "train", "pets").fingerprint != before


def test_nothing_but_pictures_and_nothing_at_all(tmp_path):
    with pytest.raises(SamplesError, match="has no pictures"):
        read_folder(tmp_path, "train", "empty")
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(SamplesError, match="None of 1 files"):
        read_folder(tmp_path, "train", "broken")


def test_load_samples_opens_it_and_says_how_to_open_it_again(pets):
    samples = load_samples(pets, split="val", limit=3)
    assert samples.reference == {"source": str(pets), "split": "val", "limit": 3}
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint
    assert samples.name == pets.name


def test_links_in_a_circle_end(tmp_path):
    paint(tmp_path / "cat" / "a.png", 1)
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    assert read_folder(tmp_path, "train", "circle").paths == ("cat/a.png",)


def test_the_cache_holds_what_fits_and_no_more(tmp_path):
    cache = Cache(3 * 64)
    for index in range(5):
        paint(tmp_path / f"{index}.png", index)
    samples = read_folder(tmp_path, "train", "flat")
    pixels = FilePixels(tmp_path, samples.paths, list(samples._pixels._headers), 1, cache)
    for index in (0, 1, 2, 3, 0):
        assert (pixels.read([index]) == index).all()
    assert cache.bytes == 3 * 64
    assert cache.get("1.png") is None
    assert (cache.get("0.png") == 0).all()


def test_reading_leaves_the_filters_of_warnings_alone(tmp_path):
    for index in range(40):
        paint(tmp_path / f"{index:02}.png", index)
    before = list(warnings.filters)
    for _ in range(20):
        read_folder(tmp_path, "train", "flat").images(slice(None))
    assert warnings.filters == before
