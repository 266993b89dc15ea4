"""Small data sets to be wrapped in objects of other libraries, and what is to come out of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nnlens.samples import Samples

COUNT = 23
CHANCE = np.random.default_rng(0)
GREY = CHANCE.integers(0, 256, (COUNT, 6, 5), np.uint8)
RGB = CHANCE.integers(0, 256, (COUNT, 6, 5, 3), np.uint8)
LABELS = CHANCE.integers(0, 4, COUNT)


@pytest.fixture
def agrees() -> Callable[..., None]:
    """Check samples against arrays, read in three ways."""

    def check(samples: Samples, images=RGB, labels=LABELS, ids=None) -> None:
        images = images if images.ndim == 4 else images[..., None]
        ids = np.arange(len(images)) if ids is None else np.asarray(ids)
        np.testing.assert_array_equal(samples.ids, ids)
        np.testing.assert_array_equal(samples.labels, [-1] * len(ids) if labels is None else labels[ids])
        assert samples.image_shape == images.shape[1:]
        assert samples.reference is None
        np.testing.assert_array_equal(samples.images(slice(None)), images[ids])
        for place in (0, len(ids) - 1):
            np.testing.assert_array_equal(samples.images([place]), images[ids[[place]]])
        few = np.arange(len(ids))[::-3]
        np.testing.assert_array_equal(samples.images(few), images[ids[few]])

    return check
