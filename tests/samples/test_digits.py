import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnlens.errors import SamplesError
from nnlens.samples import load_samples


def test_all_are_those_of_scikit_learn():
    samples, bunch = load_samples("digits", "all"), load_digits()
    assert len(samples) == 1797
    np.testing.assert_array_equal(samples.labels, bunch.target)
    np.testing.assert_array_equal(samples.ids, np.arange(1797))
    np.testing.assert_allclose(samples.images(slice(None))[..., 0] * (16 / 255), bunch.images, atol=0.04)
    assert samples.images([0]).max() == 255 * 15 // 16


def test_train_and_held_out_parts_share_nothing_and_leave_nothing():
    whole, train, test = (load_samples("digits", part) for part in ("all", "train", "test"))
    np.testing.assert_array_equal(np.sort(np.concatenate([train.ids, test.ids])), whole.ids)
    assert not set(train.ids) & set(test.ids)
    assert 0.19 < len(test) / len(whole) < 0.21
    np.testing.assert_array_equal(whole.ids[whole.splits == "test"], test.ids)


def test_an_id_means_the_same_image_in_every_part():
    whole, test = load_samples("digits", "all"), load_samples("digits", "test")
    np.testing.assert_array_equal(whole.images(test.ids), test.images(slice(None)))
    np.testing.assert_array_equal(whole.labels[test.ids], test.labels)


def test_every_class_is_held_out_in_the_same_share():
    whole, test = load_samples("digits", "all"), load_samples("digits", "test")
    share = np.bincount(test.labels) / np.bincount(whole.labels)
    assert share.min() > 0.19
    assert share.max() < 0.21


def test_the_default_is_the_training_part():
    assert load_samples("digits").split == "train"


def test_another_split_is_refused():
    with pytest.raises(SamplesError, match=r"no split 'validation'.*all, train, test"):
        load_samples("digits", "validation")
