"""Data sets of TensorFlow and Keras, against the arrays that they were made of."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnlens.errors import SamplesError
from nnlens.samples import load_samples
from nnlens.samples.files import Cache
from nnlens.samples.live import indexed

from .conftest import GREY, LABELS, RGB

tf = pytest.importorskip("tensorflow", reason="TensorFlow is an extra")
keras = pytest.importorskip("keras", reason="Keras is an extra")

BATCHES = [None, 1, 4, 23, 50]


def flow(images=RGB, labels=LABELS, batch=None):
    data = tf.data.Dataset.from_tensor_slices(images if labels is None else (images, labels))
    return data if batch is None else data.batch(batch)


class Batches(keras.utils.PyDataset):
    def __init__(self, images=RGB, labels=LABELS, batch=4):
        super().__init__()
        self.images, self.labels, self.batch = images, labels, batch
        self.reads = 0

    def __len__(self):
        return math.ceil(len(self.images) / self.batch)

    def __getitem__(self, place):
        self.reads += 1
        part = slice(place * self.batch, (place + 1) * self.batch)
        return self.images[part] if self.labels is None else (self.images[part], self.labels[part])


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    "images", [GREY, GREY[..., None], RGB, RGB.transpose(0, 3, 1, 2)], ids=["flat", "grey", "rgb", "first"]
)
def test_batches_and_samples_of_tensorflow(agrees, images, batch):
    expected = RGB if 3 in images.shape else GREY
    agrees(load_samples(flow(images, batch=batch)), expected)
    agrees(load_samples(flow(images, None, batch=batch)), expected, None)


@pytest.mark.parametrize("batch", [None, 4])
def test_scaled_floats_and_one_hot_labels_of_tensorflow(agrees, batch):
    data = flow(batch=batch).map(lambda image, label: (tf.cast(image, "float32") / 255, tf.one_hot(label, 4)))
    agrees(load_samples(data))
    agrees(load_samples(flow(batch=batch).map(lambda image, label: (tf.cast(image, "float32"), label))))
    rescale = keras.layers.Rescaling(1 / 255)
    agrees(load_samples(flow(batch=batch).map(lambda image, label: (rescale(image), label))))


def test_samples_by_name(agrees):
    agrees(load_samples(tf.data.Dataset.from_tensor_slices({"image": RGB, "label": LABELS, "id": LABELS})))


def test_resized_floats_are_refused():
    data = flow().map(lambda image, label: (tf.image.resize(image, (9, 9)), label))
    with pytest.raises(SamplesError, match=r"Sample 0: Pixels lie between.*After resizing, round to uint8"):
        load_samples(data)


def test_a_shuffled_data_set_is_refused():
    data = flow(np.arange(200, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8), None)
    with pytest.raises(SamplesError, match=r"other pixels each time.*shuffling"):
        load_samples(data.shuffle(200, seed=1))


def test_an_unknown_and_an_infinite_length_are_asked_for(agrees):
    unknown = flow().filter(lambda image, label: True)
    for data in (unknown, flow().repeat()):
        with pytest.raises(SamplesError, match="does not say how many"):
            load_samples(data)
    agrees(load_samples((unknown, len(RGB))))
    agrees(load_samples((unknown.batch(4), len(RGB))))
    with pytest.raises(SamplesError, match="goes on after 23 samples"):
        load_samples((flow().repeat(), len(RGB)))


@pytest.mark.parametrize("batch", [None, 4])
@pytest.mark.parametrize(("limit", "seed"), [(5, None), (7, 2), (99, None)])
def test_a_part_is_the_part_of_arrays(agrees, batch, limit, seed):
    expected = load_samples((RGB, LABELS), limit=limit, seed=seed)
    agrees(load_samples(flow(batch=batch), limit=limit, seed=seed), ids=expected.ids)
    agrees(load_samples((flow(batch=batch), 23), limit=limit, seed=seed), ids=expected.ids)
    agrees(load_samples(Batches(), limit=limit, seed=seed), ids=expected.ids)


def test_the_fingerprint_is_that_of_arrays():
    assert load_samples(flow(batch=4)).fingerprint == load_samples((RGB, LABELS)).fingerprint


@pytest.mark.parametrize("batch", BATCHES[1:])
@pytest.mark.parametrize("images", [GREY, RGB, RGB.transpose(0, 3, 1, 2)], ids=["grey", "rgb", "first"])
def test_batches_of_keras(agrees, images, batch):
    expected = RGB if 3 in images.shape else GREY
    agrees(load_samples(Batches(images, batch=batch)), expected)
    agrees(load_samples(Batches(images, np.eye(4)[LABELS], batch=batch)), expected)
    agrees(load_samples(Batches(images.astype(np.float32) / 255, None, batch=batch)), expected, None)


def test_batches_that_do_not_fit_the_cache_are_read_again(agrees, monkeypatch):
    monkeypatch.setattr(indexed, "Cache", lambda: Cache(5 * RGB[0].nbytes))
    batches = Batches()
    samples = load_samples(batches)
    before = batches.reads
    agrees(samples)
    assert batches.reads > before


def test_batches_that_shuffle_are_refused():
    batches = Batches()
    batches.shuffle = True
    with pytest.raises(SamplesError, match=r"shuffles its samples.*shuffle=False"):
        load_samples(batches)


def test_a_batch_with_too_few_labels_is_named():
    class Short(Batches):
        def __getitem__(self, place):
            images, labels = super().__getitem__(place)
            return images, labels[: len(images) - (place == 2)]

    with pytest.raises(SamplesError, match="Batch 2: 4 images come with 3 labels"):
        load_samples(Short())


def test_folders_that_keras_opens_keep_their_class_names(tmp_path, agrees):
    for place, (image, label) in enumerate(zip(RGB, LABELS, strict=True)):
        path = tmp_path / "abcd"[label] / f"{place:02}.png"
        path.parent.mkdir(exist_ok=True)
        keras.utils.save_img(path, image, scale=False)
    order = np.argsort(LABELS, kind="stable")
    options = {"image_size": RGB.shape[1:3], "batch_size": 4, "shuffle": False, "verbose": False}
    samples = load_samples(keras.utils.image_dataset_from_directory(tmp_path, **options))
    agrees(samples, RGB[order], LABELS[order])
    assert samples.class_names == tuple("abcd")
