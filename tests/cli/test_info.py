"""``nnlens info`` of data sets and the card of a run."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import nnlens as library
from nnlens.cli.cards import card_of_run


def test_a_data_set_by_name_has_a_card_for_each_split(nnlens):
    answer = nnlens("info", "digits")
    assert answer.status == 0
    assert answer.out.startswith("digits: 1,438 train, 359 test\n")
    cards = nnlens("info", "digits", "--json").json()["cards"]
    for card, split in zip(cards, ("train", "test"), strict=True):
        samples = library.load_samples("digits", split)
        pixels = samples.images(slice(None)).astype(float)
        assert card["samples"] == len(samples)
        assert card["counts"] == {split: np.bincount(samples.labels).tolist()}
        assert card["mean"] == pytest.approx([pixels.mean()])
        assert card["std"] == pytest.approx([pixels.std()])
        assert card["sizes"] == [{"y": 8, "x": 8, "images": len(samples)}]
        assert f"mean {pixels.mean():.4f}, deviation {pixels.std():.4f}" in answer.out
    assert len(nnlens("info", "digits", "--split", "test", "--json").json()["cards"]) == 1


def test_the_options_that_it_prints_are_those_of_capture(nnlens):
    line = next(line for line in nnlens("info", "digits").out.splitlines() if "--scale" in line)
    options = line[line.index("--scale") :].split()
    answer = nnlens("doctor", "zoo:digits", "digits", "--size", "8", "--order", "grey", *options)
    assert answer.status in (0, 4)


def test_a_folder_with_broken_and_unlabelled_files(nnlens, tmp_path):
    for name, size in (("<b>cat", (6, 4)), ("dog", (3, 2)), ("dog", (3, 3))):
        (tmp_path / "pets" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "pets" / name / f"{size}.png")
    Image.new("RGB", (6, 4), (1, 2, 3)).save(tmp_path / "pets" / "alone.png")
    (tmp_path / "pets" / "dog" / "x.png").write_bytes(b"<html>")
    answer = nnlens("info", tmp_path / "pets")
    assert answer.status == 0
    for words in (
        "pets: 4 train",
        "of 3 sizes from 2×3 to 4×6, 2 of 4×6, RGB",
        "mean 1.0000, 2.0000, 3.0000",
        "1 cannot be read:\n  dog/x.png is a web page",
    ):
        assert words in answer.out
    rows = {tuple(line.split()) for line in answer.out.splitlines()}
    assert {("<b>cat", "1"), ("dog", "2"), ("unlabelled", "1")} <= rows


def test_the_card_of_a_run_is_that_of_its_samples(nnlens, tmp_path):
    nnlens("capture", "zoo:digits", "digits", tmp_path / "run", "--split", "test", "--keep", "none")
    card = nnlens("info", tmp_path / "run", "--json").json()["card"]
    assert card == library.load_samples("digits", "test").card().facts()
    assert "digits: 359 test" in nnlens("info", tmp_path / "run").out


def test_a_run_of_thumbnails_tells_nothing_of_their_pixels(nnlens, tmp_path):
    model, images = library.load_model("zoo:digits"), np.zeros((2, 300, 400, 1), np.uint8)
    mixed = [images[0], images[1, :200]]
    library.capture(model, library.load_samples((iter(mixed), 2)), tmp_path / "run", keep=[])
    card = nnlens("info", tmp_path / "run", "--json").json()["card"]
    assert (card["samples"], card["mean"], card["sizes"]) == (2, [], [])
    assert "thumbnails" in nnlens("info", tmp_path / "run").out


def test_a_run_without_images_and_labels_has_a_card_too(run_folder):
    store = library.open_store(run_folder)
    store.samples = store.samples.drop_vars(["image", "label", "split"])
    card = card_of_run(store)
    assert (card.samples, card.channels, card.mean, card.unlabelled) == (60, 0, (), {"all": 60})


def test_a_folder_that_is_neither_is_no_run(nnlens, tmp_path):
    answer = nnlens("info", tmp_path)
    assert answer.status == 1
    assert "is no run" in answer.error


def test_a_model_is_not_taken_for_a_data_set_though_both_are_zip_files(nnlens, tmp_path):
    (tmp_path / "a.keras").write_bytes(b"PK\x03\x04 and no more")
    answer = nnlens("info", tmp_path / "a.keras")
    assert answer.status == 1
    assert "is a file and no run" in answer.error


def test_a_damaged_data_set_is_named(nnlens, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    answer = nnlens("info", tmp_path / "a.npz")
    assert answer.status == 1
    assert "a.npz cannot be read" in answer.error


def test_a_name_that_can_be_no_file_is_told(nnlens):
    answer = nnlens("info", "x" * 5000)
    assert answer.status == 1
    assert "cannot be read: File name too long" in answer.error


def test_a_run_that_has_lost_its_commit_is_no_data_set(nnlens, run_folder):
    (run_folder / "commit.json").unlink()
    Image.new("L", (2, 2)).save(run_folder / "picture.png")
    answer = nnlens("info", run_folder)
    assert answer.status == 1
    assert "commit.json" in answer.error


def test_many_classes_are_cut(nnlens, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((150, 2, 2), np.uint8), labels=np.arange(150))
    answer = nnlens("info", tmp_path / "a.npz")
    assert "… 50 more" in answer.out
    assert len(answer.out.splitlines()) < 110


def test_a_run_of_embeddings_has_a_card_without_images(nnlens, tmp_path):
    library.capture_embeddings(np.eye(6, 4, dtype=np.float32), tmp_path / "run", labels=[0, 0, 1, 1, 1, -1])
    card = nnlens("info", tmp_path / "run", "--json").json()["card"]
    assert (card["samples"], card["counts"], card["unlabelled"]) == (6, {"all": [2, 3]}, {"all": 1})
    assert card["sizes"] == card["mean"] == []
    assert "no images" in nnlens("info", tmp_path / "run").out
