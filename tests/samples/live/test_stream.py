"""What can only be gone through, with a length: generators and iterables of any kind."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlens.errors import SamplesError
from nnlens.samples import load_samples
from nnlens.samples.live import stream

from .conftest import GREY, LABELS, RGB


def samples_of(images=RGB, labels=LABELS):
    return ((image, label) for image, label in zip(images, labels, strict=True))


def batches_of(sizes, images=RGB, labels=LABELS):
    starts = np.cumsum([0, *sizes])
    return ((images[a:b], labels[a:b]) for a, b in itertools.pairwise(starts))


class Iterable:
    """Can be gone through again, and knows its length in a way of its own."""

    def __init__(self, items, **told):
        self.items = list(items)
        self.__dict__ |= told

    def __iter__(self):
        return iter(self.items)


def test_a_generator_of_samples(agrees):
    agrees(load_samples((samples_of(), len(RGB))))
    agrees(load_samples((iter(GREY), len(GREY))), GREY, None)
    agrees(load_samples((({"x": image, "y": 2} for image in RGB), np.int64(23))), labels=np.full(23, 2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.sets(st.integers(1, 22)), grey=st.booleans())
def test_batches_of_any_sizes(agrees, cuts, grey):
    sizes = np.diff([0, *sorted(cuts), 23])
    images = GREY[..., None] if grey else RGB
    agrees(load_samples((batches_of(sizes, images), 23)), images)
    agrees(load_samples(Iterable(batches_of(sizes, images), cardinality=len(sizes))), images)


@pytest.mark.parametrize("told", [{"cardinality": 23}, {"cardinality": lambda: 23}])
def test_a_length_may_be_told_in_several_ways(agrees, told):
    agrees(load_samples(Iterable(samples_of(), **told)))


@pytest.mark.parametrize(("limit", "seed"), [(5, None), (7, 2), (99, 1)])
@pytest.mark.parametrize("sizes", [None, (4, 4, 4, 4, 4, 3)])
def test_a_part_is_the_part_of_arrays(agrees, limit, seed, sizes):
    source = samples_of() if sizes is None else batches_of(sizes)
    expected = load_samples((RGB, LABELS), limit=limit, seed=seed)
    agrees(load_samples((source, 23), limit=limit, seed=seed), ids=expected.ids)


def test_a_limit_ends_the_reading():
    source = samples_of()
    load_samples((source, 23), limit=5)
    assert len(list(source)) == 18


@pytest.mark.parametrize(
    ("source", "length", "words"),
    [
        (samples_of, 24, "ends after 23 samples, where its length is 24 samples"),
        (lambda: batches_of([10, 10, 3]), 25, "ends after 23 samples in 3 batches, where its length is 25 samples"),
        (lambda: batches_of([10, 10, 3]), 3, "goes on after 3 samples.*not batches"),
        (samples_of, 22, "goes on after 22 samples"),
        (lambda: itertools.cycle(samples_of()), 23, "goes on after 23 samples.*islice"),
        (lambda: iter(()), 2, "has no samples|ends after 0"),
        (samples_of, 0, "length 0 has no samples"),
        (samples_of, -1, "length -1 has no samples"),
    ],
)  # fmt: skip
def test_another_length_is_told(source, length, words):
    with pytest.raises(SamplesError, match=words):
        load_samples((source(), length))


def test_an_object_that_is_wrong_about_its_length_is_told():
    with pytest.raises(SamplesError, match="ends after 23 samples, where its length is 30 items"):
        load_samples(Iterable(samples_of(), cardinality=30))
    with pytest.raises(SamplesError, match="goes on after 2 batches"):
        load_samples(Iterable(batches_of([10, 10, 3]), cardinality=2))


def test_a_generator_alone_needs_its_length():
    with pytest.raises(
        SamplesError, match=r"A generator does not say how many.*load_samples\(\(data, 60000\)\)"
    ):
        load_samples(samples_of())


def test_a_generator_that_fails_is_named():
    def failing():
        yield RGB[0], 1
        raise RuntimeError("no more\nof this")

    with pytest.raises(SamplesError, match="Item 1 cannot be read: RuntimeError: no more of this"):
        load_samples((failing(), 3))


@pytest.mark.parametrize(("shape", "labels"), [((3, 6, 5), 3), ((5, 6, 3), 5)])
def test_one_sample_or_a_batch_of_grey_ones_is_refused(shape, labels):
    with pytest.raises(SamplesError, match=r"one sample or a batch, nobody knows.*four axes"):
        load_samples((iter([(np.zeros(shape, np.uint8), np.zeros(labels, int))]), 1))


def test_one_hot_labels_tell_one_sample_from_a_batch(agrees):
    agrees(load_samples((samples_of(labels=np.eye(7)[LABELS]), 23)))
    agrees(load_samples((batches_of([20, 3], GREY, np.eye(7)[LABELS]), 23)), GREY)


def test_pictures_of_several_sizes():
    pictures = [np.full((4 + each % 3, 5, 1 + 2 * (each % 2)), each, np.uint8) for each in range(9)]
    samples = load_samples((iter(pictures), 9))
    assert (samples.image_shape, samples.channels) == (None, 3)
    for found, expected in zip(samples.images(slice(None)), pictures, strict=True):
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
    part = samples.take(2).take(1)
    assert [image.shape for image in part.images([0])] == [(4, 5, 3)]
    assert len({each.fingerprint for each in (samples, samples.take(8), part)}) == 3


def test_what_does_not_fit_into_memory_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(
        stream.psutil, "virtual_memory", lambda: SimpleNamespace(available=10 * RGB[0].nbytes)
    )
    source = samples_of()
    with pytest.raises(SamplesError, match=r"takes .* GB.*limit="):
        load_samples((source, 23))
    assert len(list(source)) == 22
    assert len(load_samples((samples_of(), 23), limit=5)) == 5


def test_a_limit_beyond_the_end_needs_no_more_memory_than_there_is(agrees):
    agrees(load_samples(Iterable(batches_of([10, 10, 3]), cardinality=3), limit=10**15))
    agrees(load_samples((samples_of(), 23), limit=10**15, seed=3))


def test_what_comes_in_another_order_each_time_is_refused():
    class Shuffled(Iterable):
        def __iter__(self):
            self.items.reverse()
            return iter(self.items)

    with pytest.raises(SamplesError, match="shuffling"):
        load_samples(Shuffled(samples_of(), cardinality=23))


def test_several_data_sets_by_the_names_of_their_splits(agrees):
    parts = {"train": (samples_of(), 23), "val": (RGB[:3], LABELS[:3])}
    agrees(load_samples(parts))
    agrees(load_samples(parts, "val"), RGB[:3], LABELS[:3])


@pytest.mark.parametrize("turn", [None, 3])
def test_a_buffer_that_is_used_again_does_no_harm(agrees, turn):
    def reusing():
        buffer = np.empty_like(RGB[0])
        for image in RGB:
            buffer[:] = image
            yield buffer
        for _ in range(turn or 0):
            yield buffer[1:]

    samples = load_samples((reusing(), len(RGB) + (turn or 0)))
    if turn is None:
        agrees(samples, labels=None)
    for found, expected in zip(samples.images(slice(len(RGB))), RGB, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_buffer_of_batches_that_is_used_again_does_no_harm(agrees):
    class Reusing:
        buffer = np.empty_like(RGB[:1])

        def on_epoch_end(self):
            pass

        def __len__(self):
            return len(RGB)

        def __getitem__(self, place):
            self.buffer[:] = RGB[place]
            return self.buffer

    agrees(load_samples(Reusing()), labels=None)


def test_progress_is_told():
    told = []
    load_samples((samples_of(), 23), progress=lambda done, total, message="": told.append((done, total)))
    assert told[-1] == (23, 23)
