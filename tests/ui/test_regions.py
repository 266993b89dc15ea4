"""Boxes and lassos against matplotlib's test of a point in a polygon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path

from nnlens.ui.core.regions import in_box, in_lasso, rounded

corner = st.tuples(*[st.floats(-9, 9, allow_nan=False).map(lambda v: round(v, 3))] * 2)


@settings(deadline=None)
@given(st.lists(corner, min_size=3, max_size=40), st.integers(0, 2**32 - 1))
def test_lasso_agrees_with_matplotlib_also_where_it_crosses_itself(lasso, seed):
    x, y = np.random.default_rng(seed).uniform(-10, 10, (2, 500)).astype(np.float32)
    inside = in_lasso(x, y, lasso)
    expected = Path(lasso).contains_points(np.stack([x, y], 1).astype(float))
    # on the line itself either answer will do
    apart = np.array([distance(lasso, px, py) > 1e-6 for px, py in zip(x, y, strict=True)])
    np.testing.assert_array_equal(inside[apart], expected[apart])


def distance(lasso, px, py):
    """The distance of a point from the lasso's edges."""
    a = np.array(lasso, float)
    b = np.roll(a, -1, axis=0)
    along = b - a
    length = np.maximum((along**2).sum(1), 1e-30)
    t = np.clip(((px - a[:, 0]) * along[:, 0] + (py - a[:, 1]) * along[:, 1]) / length, 0, 1)
    return np.hypot(a[:, 0] + t * along[:, 0] - px, a[:, 1] + t * along[:, 1] - py).min()


def test_lasso_of_many_corners_and_a_hole():
    t = np.linspace(0, 4 * np.pi, 800)
    lasso = np.stack([np.cos(t) * (1 + t), np.sin(t) * (1 + t)], 1)
    x, y = np.random.default_rng(0).uniform(-14, 14, (2, 20_000)).astype(np.float32)
    np.testing.assert_array_equal(in_lasso(x, y, lasso), Path(lasso).contains_points(np.stack([x, y], 1)))


@pytest.mark.parametrize(
    "lasso", [[], [(0, 0)], [(0, 0), (5, 5)], [(0, 1), (3, 1), (7, 1)], [(0, 0), (1, float("nan")), (2, 2)]]
)
def test_a_line_holds_nothing(lasso):
    assert not in_lasso(np.zeros(4, np.float32), np.ones(4, np.float32), lasso).any()


def test_box_includes_its_border():
    x, y = np.array([0, 1, 2, 3], np.float32), np.array([0, 1, 2, 9], np.float32)
    assert in_box(x, y, (1, 1, 2, 2)).tolist() == [False, True, True, False]


@settings(deadline=None)
@given(st.lists(corner, min_size=1, max_size=60))
def test_rounding_moves_no_corner_further_than_can_be_seen(lasso):
    short = np.array(rounded(lasso))
    size = max(float(np.ptp(np.array(lasso), axis=0).max()), 1e-12)
    for x, y in lasso:
        assert np.abs(short - (x, y)).max(axis=1).min() <= 1e-5 * size
    assert len(short) <= len(lasso)
    assert not (np.diff(short, axis=0) == 0).all(axis=1).any()
