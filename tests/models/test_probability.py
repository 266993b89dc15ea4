import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from nnlens.models.probability import explains, meaning

LOGITS = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.floats(-30, 30))


@given(LOGITS)
def test_softmax_and_its_logarithm_are_explained_by_logits(logits):
    assert explains(logits, softmax(logits, axis=1))
    assert explains(logits, log_softmax(logits, axis=1))
    assert explains(logits + 5, softmax(logits, axis=1))
    assert meaning(softmax(logits, axis=1)) == "probability"
    assert meaning(log_softmax(logits, axis=1)) == "log-probability"


@given(LOGITS)
def test_other_logits_do_not_explain(logits):
    other = logits.copy()
    other[0, 0] += 100
    if softmax(logits, axis=1)[0, 0] < 0.9:
        assert not explains(other, softmax(logits, axis=1))


@pytest.mark.parametrize("output", [[[3.0, -1.0]], [[0.2, 0.9]], [[1000.0, 0.0]], [[-5.0, -5.0]]])
def test_anything_else_is_taken_for_logits(output):
    assert meaning(np.array(output)) == "logit"


def test_another_shape_does_not_explain():
    assert not explains(np.zeros((2, 3)), np.full((3, 2), 0.5))
