"""An order of samples, against a sorted list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnlens.ui.core.ordering import Ordering
from nnlens.ui.maps.naming import classes_in

SCORES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, float("nan"), float("-inf")]), min_size=1, max_size=40)


@given(st.data(), SCORES, st.none() | st.integers(0, 45))
def test_the_first_of_a_selection_are_those_of_a_sorted_list(data, scores, limit):
    score = np.array(scores)
    chosen = data.draw(st.none() | st.lists(st.booleans(), min_size=len(score), max_size=len(score)))
    order = Ordering.by(score)
    wanted = [at for at in range(len(score)) if np.isfinite(score[at]) and (chosen is None or chosen[at])]
    wanted.sort(key=lambda at: (-score[at], at))
    mask = None if chosen is None else np.array(chosen, bool)
    assert order.first(mask, limit).tolist() == wanted[:limit]
    assert order.count(mask) == len(wanted)


@given(st.lists(st.tuples(st.integers(-1, 6), st.booleans())))
def test_the_classes_in_a_selection_are_those_of_a_set(drawn):
    codes = np.array([code for code, _ in drawn], np.int32)
    mask = np.array([chosen for _, chosen in drawn], bool)
    assert classes_in(codes, mask) == {code for code, chosen in drawn if chosen and code >= 0}
