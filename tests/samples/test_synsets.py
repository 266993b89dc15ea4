"""ImageNet's classes against the table of the real data, and labels that count as a network's outputs do."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from nnlens.samples.base import Samples
from nnlens.samples.folder import read_folder
from nnlens.samples.synsets import are_synsets, imagenet

IMAGES = np.zeros((5, 2, 2), np.uint8)


@pytest.mark.data
def test_synsets_are_counted_as_networks_count_them(test_data):
    with (test_data / "imagenet_classes.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["synset"] for row in rows] == list(imagenet())
    assert [int(row["index"]) for row in rows] == list(range(1000))
    same = sum(
        row["name"].replace("_", " ").lower() == name.lower()
        for row, name in zip(rows, imagenet().values(), strict=True)
    )
    assert same > 980


def test_the_table_is_in_order_and_names_differ():
    assert list(imagenet()) == sorted(imagenet())
    assert len(set(imagenet().values())) == 1000


def test_what_looks_like_a_synset_and_is_none():
    assert not are_synsets([])
    assert not are_synsets(["n01440764", "cat"])
    assert not are_synsets(["n00000001"])
    assert are_synsets(["n01440764", "n02102040"])


def test_labels_count_as_the_outputs_do():
    codes = ["n01440764", "n02102040"]
    samples = Samples(IMAGES, [1, 0, -1, 1, 0], class_names=["tench", "springer"], class_codes=codes)
    assert samples.for_outputs(2) is samples
    assert samples.for_outputs(7) is samples
    known = samples.for_outputs(1000)
    assert known.labels.tolist() == [217, 0, -1, 217, 0]
    assert known.class_names[217] == imagenet()["n02102040"]
    assert known.for_outputs(1000) is known
    assert Samples(IMAGES, [0] * 5).for_outputs(1000).labels.tolist() == [0] * 5


@pytest.mark.data
def test_imagenette_opens_with_words_for_classes(test_data):
    samples = read_folder(test_data / "imagenette", "train", "imagenette")
    assert len(samples) == 500
    assert samples.class_names[:3] == ("tench", "English springer", "cassette player")
    assert np.bincount(samples.labels).tolist() == [50] * 10
    assert samples.image_shape == (224, 224, 3)
