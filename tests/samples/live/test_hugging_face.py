"""Data sets of Hugging Face, against the arrays that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples import load_samples

from .conftest import GREY, LABELS, RGB

datasets = pytest.importorskip("datasets", reason="of the extra test")
NAMES = ["ant", "bee", "cat", "<b>dog</b>"]


def made(images=RGB, labels=LABELS, image="image", label="label", **features):
    columns = {image: [Image.fromarray(each) for each in images]}
    kinds = {image: datasets.Image()}
    if labels is not None:
        columns[label], kinds[label] = labels.tolist(), datasets.ClassLabel(names=NAMES)
    for name, (values, kind) in features.items():
        columns[name], kinds[name] = values, kind
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


@pytest.mark.parametrize("images", [GREY, RGB], ids=["grey", "rgb"])
def test_pictures_labels_and_names_of_classes(agrees, images):
    samples = load_samples(made(images))
    agrees(samples, images)
    assert samples.class_names == tuple(NAMES)


@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("photo", "what"), ("x", "y")])
def test_columns_are_found_by_what_they_are(agrees, image, label):
    numbers = (list(range(len(RGB))), datasets.Value("int64"))
    agrees(load_samples(made(image=image, label=label, number=numbers, path=numbers)))


def test_of_two_columns_of_labels_the_finer_one_is_taken(agrees):
    coarse = ([0] * len(RGB), datasets.ClassLabel(names=["all"]))
    agrees(load_samples(made(label="fine_label", coarse_label=coarse)))


def test_without_a_column_of_images_those_that_are_there_are_named():
    data = datasets.Dataset.from_dict({"text": ["a"], "label": [0]})
    with pytest.raises(SamplesError, match=r"no column of images, only 'text', 'label'\. .*rename_column"):
        load_samples(data)


def test_a_split_is_picked(agrees):
    data = datasets.DatasetDict(train=made(), validation=made(RGB[:5], LABELS[:5]))
    agrees(load_samples(data, "train"))
    agrees(load_samples(data, "test"), RGB[:5], LABELS[:5])
    with pytest.raises(SamplesError, match=r"no split 'extra'\. Its splits are 'train', 'validation'"):
        load_samples(data, "extra")


def test_minus_one_and_nothing_are_unlabelled(agrees):
    agrees(load_samples(made(labels=None)), labels=None)
    hidden = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(each) for each in RGB], "label": [-1] * len(RGB)},
        features=datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=NAMES)),
    )
    agrees(load_samples(hidden), labels=None)


def test_names_as_labels_are_numbered_in_sorted_order(agrees):
    words = np.array(["d", "c", "b", "a"])[LABELS].tolist()
    samples = load_samples(made(labels=None, target=(words, datasets.Value("string"))))
    agrees(samples, labels=3 - LABELS)
    assert samples.class_names == tuple(sorted(set(words)))


@pytest.mark.parametrize(("limit", "seed"), [(4, None), (9, 3), (99, 1)])
def test_a_part_is_the_part_of_arrays(agrees, limit, seed):
    expected = load_samples((RGB, LABELS), limit=limit, seed=seed)
    agrees(load_samples(made(), limit=limit, seed=seed), ids=expected.ids)


def test_only_the_part_is_decoded():
    class Counting:
        """A data set that counts what is asked of it."""

        def __init__(self):
            self.asked = set()

        def __len__(self):
            return len(RGB)

        def __getitem__(self, place):
            self.asked.add(place)
            return {"image": RGB[place], "label": 1}

    data = Counting()
    samples = load_samples(data, limit=5, seed=0)
    samples.images(slice(None))
    assert data.asked == set(samples.ids.tolist())


def test_pictures_of_several_sizes_and_colors():
    pictures = [np.full((4 + each, 5, 3), each, np.uint8) if each % 2 else GREY[each] for each in range(6)]
    samples = load_samples(made(pictures, LABELS[:6]))
    assert samples.image_shape is None
    assert samples.channels == 3
    for found, expected in zip(samples.images(slice(None)), pictures, strict=True):
        np.testing.assert_array_equal(found, np.broadcast_to(np.atleast_3d(expected), found.shape))


def test_a_picture_that_cannot_be_opened_is_left_out_and_told(agrees):
    stored = [{"bytes": _png(each), "path": None} for each in RGB]
    stored[7] = {"bytes": b"no picture", "path": None}
    data = datasets.Dataset.from_dict({"image": stored, "label": LABELS.tolist()}).cast_column(
        "image", datasets.Image()
    )
    samples = load_samples(data)
    agrees(samples, ids=np.delete(np.arange(len(RGB)), 7))
    assert samples.broken == {"sample 7": "cannot be opened"}


@pytest.mark.parametrize("kind", ["torch", "numpy", "tensorflow"])
def test_formats_for_frameworks_change_nothing(agrees, kind):
    agrees(load_samples(made().with_format(kind)))


def test_a_stream_needs_its_length(agrees):
    stream = made().to_iterable_dataset()
    samples = load_samples((stream, len(RGB)))
    agrees(samples)
    assert samples.class_names == tuple(NAMES)
    with pytest.raises(SamplesError, match=r"IterableDataset does not say how many"):
        load_samples(stream)


def test_synsets_are_shown_in_words_and_counted_as_the_network_counts_them():
    data = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(each) for each in RGB[:2]], "label": [0, 1]},
        features=datasets.Features(
            image=datasets.Image(), label=datasets.ClassLabel(names=["n02979186", "n01440764"])
        ),
    )
    samples = load_samples(data)
    assert samples.class_names == ("cassette player", "tench")
    assert samples.for_outputs(1000).labels.tolist() == [482, 0]


def _png(image):
    import io

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
