import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlens.errors import SamplesError
from nnlens.samples import Samples, load_samples

GREY = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)


def test_grey_images_get_a_channel():
    samples = load_samples(GREY)
    assert samples.image_shape == (2, 3, 1)
    assert len(samples) == 4
    np.testing.assert_array_equal(samples.images([2, 0])[..., 0], GREY[[2, 0]])
    np.testing.assert_array_equal(samples.images(np.array([3]))[0, ..., 0], GREY[3])
    np.testing.assert_array_equal(samples.images(slice(1, 3))[..., 0], GREY[1:3])


def test_without_labels_every_sample_is_unlabelled():
    samples = load_samples(GREY)
    np.testing.assert_array_equal(samples.labels, [-1] * 4)
    assert samples.labels.dtype == samples.ids.dtype == np.int64
    assert samples.class_names == ()
    assert samples.reference is None


def test_a_pair_carries_labels():
    samples = load_samples((GREY, np.array([0, 2, 1, -1])), split="mine")
    assert samples.class_names == ("0", "1", "2")
    assert list(samples.splits) == ["mine"] * 4
    assert samples.split == "mine"


def test_splits_may_differ():
    samples = Samples(GREY, split=["train", "train", "test", "train"])
    assert samples.split == "all"
    assert list(samples.take(2).splits) == ["train", "train"]
    assert samples.take(2).split == "train"


@given(count=st.integers(1, 30), limit=st.one_of(st.none(), st.integers(1, 40)))
def test_a_limit_takes_the_first_and_keeps_their_ids(count, limit):
    images = np.random.default_rng(count).integers(0, 256, (count, 2, 2), np.uint8)
    ids = np.random.default_rng(count).permutation(1000)[:count]
    samples = Samples(images, ids=ids)
    taken = samples.take(limit)
    expected = count if limit is None else min(count, limit)
    np.testing.assert_array_equal(taken.ids, ids[:expected])
    np.testing.assert_array_equal(taken.images(slice(None))[..., 0], images[:expected])
    assert len(taken.splits) == expected


@given(count=st.integers(2, 60), limit=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_a_seed_draws_some_that_keep_their_ids(count, limit, seed):
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((2, 2), np.uint8)
    samples = Samples(images, np.arange(count) % 3)
    taken, again = samples.take(limit, seed), samples.take(limit, seed)
    assert len(taken) == min(count, limit)
    assert (np.diff(taken.ids) > 0).all()
    np.testing.assert_array_equal(taken.images(slice(None))[:, 0, 0, 0], taken.ids)
    np.testing.assert_array_equal(taken.labels, taken.ids % 3)
    assert taken.fingerprint == again.fingerprint


def test_a_seed_draws_from_everywhere():
    samples = Samples(np.zeros((1000, 1, 1), np.uint8))
    drawn = np.stack([samples.take(100, seed).ids for seed in range(50)])
    assert len({tuple(ids) for ids in drawn}) == 50
    # 500 each of the two halves are expected of 5,000; five standard deviations are 170
    assert abs((drawn < 500).sum() - 2500) < 170


@pytest.mark.parametrize(("limit", "seed"), [(None, 1), (3, -1)])
def test_a_seed_needs_a_limit(limit, seed):
    with pytest.raises(SamplesError, match="seed"):
        load_samples(GREY, limit=limit, seed=seed)


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_must_leave_something(limit):
    with pytest.raises(SamplesError, match="leaves nothing"):
        load_samples(GREY, limit=limit)


def test_the_fingerprint_is_of_everything_that_is_known():
    labels = np.array([0, 1, 2, 0])
    base = Samples(GREY, labels, class_names="abc")
    changed = GREY.copy()
    changed[3, 1, 2] ^= 1
    others = [
        Samples(changed, labels, class_names="abc"),
        Samples(GREY, labels[::-1].copy(), class_names="abc"),
        Samples(GREY, labels, class_names="abd"),
        Samples(GREY, labels, class_names="abc", ids=[0, 1, 2, 4]),
        Samples(GREY.reshape(4, 3, 2), labels, class_names="abc"),
    ]
    assert base.fingerprint == Samples(GREY.copy(), labels.copy(), class_names=("a", "b", "c")).fingerprint
    assert len({samples.fingerprint for samples in [base, *others]}) == 6


@pytest.mark.parametrize(
    ("images", "what"),
    [
        (GREY[0], "not 2 of them"),
        (np.zeros((1, 1, 2, 2, 1), np.uint8), "not 5 of them"),
        (GREY.astype(float), "uint8"),
        (GREY.astype(np.int16), "uint8"),
        (np.zeros((0, 2, 2), np.uint8), "no images"),
        (np.zeros((2, 0, 2), np.uint8), "no images"),
        (np.zeros((2, 5, 5, 4), np.uint8), "not 4"),
        (np.zeros((2, 3, 5, 5), np.uint8), "Move the channels last"),
    ],
)
def test_images_of_another_form_are_refused(images, what):
    with pytest.raises(SamplesError, match=what):
        load_samples(images)


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ([0, 1], "4 integers as labels"),
        ([0.0, 1.0, 2.0, 3.0], "4 integers as labels"),
        (np.eye(4, dtype=int), "argmax"),
        ([0, 1, 2, -2], "-2 is no class"),
    ],
)
def test_labels_of_another_form_are_refused(labels, what):
    with pytest.raises(SamplesError, match=what):
        load_samples((GREY, np.asarray(labels)))


def test_every_label_needs_a_name():
    with pytest.raises(SamplesError, match="label 7 but only 5 class names"):
        Samples(GREY, [0, 7, 1, 2], class_names="abcde")


def test_names_may_be_hostile_and_stay_text():
    names = ["<img src=x onerror=alert(1)>", "", "", "\u202egnorw", "x" * 10_000]
    assert Samples(GREY, [0, 1, 2, 4], class_names=names).class_names == tuple(names)


def test_splits_must_be_as_many_as_images():
    with pytest.raises(SamplesError, match="4 splits"):
        Samples(GREY, split=["train"])


def test_what_it_says_of_itself():
    assert repr(Samples(GREY, [0, 1, 1, 0], name="mine")) == "<Samples mine train: 4 of 2×3×1, 2 classes>"


@pytest.mark.parametrize("label", [100_000, 2 * 10**9, 10**15])
def test_labels_that_are_ids_do_not_become_as_many_classes(label):
    with pytest.raises(SamplesError, match=r"labels count classes from 0\. Are these ids"):
        Samples(np.zeros((3, 4, 4), np.uint8), [0, 1, label])
    assert len(Samples(np.zeros((3, 4, 4), np.uint8), [0, 1, 99_999]).class_names) == 100_000


def test_labels_of_text_are_not_called_one_hot():
    with pytest.raises(SamplesError, match="Give one whole number for each image as labels"):
        Samples(np.zeros((3, 4, 4), np.uint8), np.array(["a", "b", "c"]))
