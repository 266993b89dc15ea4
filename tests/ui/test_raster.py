"""Pixels against the rule, point by point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.core import raster
from nnlens.ui.core.raster import NO_VALUE, class_image, value_image, value_steps
from nnlens.ui.look.palette import LEVELS, STEPS

VIEW = (0.0, 0.0, 8.0, 6.0)
WIDTH, HEIGHT = 8, 6
point = st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 10), st.booleans())


def arrays(points):
    """Points in the middles of pixels."""
    columns, rows, tints, chosen = (np.array(values) for values in zip(*points, strict=True))
    return (columns + 0.5).astype("f4"), (rows + 0.5).astype("f4"), tints.astype("u1"), chosen.astype(bool)


def reached(column, row, side):
    away = range(-(side // 3), side - side // 3)
    return {(column + i, row + j) for i in away for j in away}


@settings(deadline=None)
@given(st.lists(point, min_size=1, max_size=60), st.booleans())
def test_a_pixel_shows_the_selected_class_with_most_samples(points, selecting):
    x, y, slots, chosen = arrays(points)
    image = class_image(x, y, slots, chosen if selecting else None, VIEW, WIDTH, HEIGHT)
    assert image.dtype == np.uint8 and image.shape == (HEIGHT, WIDTH)
    of_pixel: dict = {}
    for c, r, slot, on in points:
        code = 2 * slot + (on or not selecting)
        of_pixel.setdefault((c, r), {}).setdefault(code, 0)
        of_pixel[c, r][code] += 1
    for row in range(HEIGHT):
        for column in range(WIDTH):
            rivals = [
                (code % 2, n, code)
                for (c, r), codes in of_pixel.items()
                if (column, row) in reached(c, r, 3)  # few samples cover three by three
                for code, n in codes.items()
            ]
            if not rivals:
                assert image[row, column] == 0
                continue
            _, n, code = max(rivals)
            assert image[row, column] == 1 + code * LEVELS + min(
                LEVELS - 1, int(np.log2(n) * raster.PER_LEVEL)
            )


@settings(deadline=None)
@given(st.lists(point, min_size=1, max_size=60), st.booleans())
def test_a_pixel_shows_the_highest_selected_value(points, selecting):
    x, y, steps, chosen = arrays(points)
    image = value_image(x, y, steps, chosen if selecting else None, VIEW, WIDTH, HEIGHT)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            rivals = [
                (on or not selecting, step) for c, r, step, on in points if (column, row) in reached(c, r, 3)
            ]
            if not rivals:
                assert image[row, column] == 0
                continue
            full, step = max(rivals)
            assert image[row, column] == (NO_VALUE if step == 0 else step + STEPS * full)


def test_points_outside_the_view_leave_no_trace():
    x, y = np.array([-1, 9, 4], "f4"), np.array([3, 3, 70], "f4")
    assert not class_image(x, y, np.zeros(3, "u1"), None, VIEW, WIDTH, HEIGHT).any()


def test_no_samples_give_an_empty_picture():
    none = np.zeros(0, "f4")
    assert class_image(none, none, none.astype("u1"), none.astype(bool), VIEW, WIDTH, HEIGHT).shape == (
        HEIGHT,
        WIDTH,
    )
    assert not value_image(none, none, none.astype("u1"), None, VIEW, WIDTH, HEIGHT).any()


@pytest.mark.parametrize(("samples", "side"), [(100, 3), (60_000, 2), (1_000_000, 1)])
def test_more_samples_make_smaller_points(samples, side):
    assert raster.point_side(samples) == side


def test_steps_keep_the_order_and_mark_what_is_no_number():
    values = np.array([np.nan, 0.0, 1e-9, 1e-3, 0.5, 2.0, np.inf, 7.0])
    steps = value_steps(values, logarithmic=True)
    assert steps[0] == steps[6] == 0
    there = [1, 2, 3, 4, 5, 7]
    assert (np.diff(steps[there].astype(int)) >= 0).all()
    assert steps[7] == STEPS and steps[1] == 1


@pytest.mark.parametrize(
    "values", [np.zeros(5), np.full(5, 3.0), np.full(5, np.nan), np.zeros(0), np.array([True, False])]
)
def test_steps_of_odd_columns(values):
    for logarithmic in (True, False):
        steps = value_steps(values, logarithmic)
        assert steps.shape == values.shape and steps.max(initial=0) <= STEPS


@settings(deadline=None)
@given(st.lists(point, min_size=1, max_size=60))
def test_of_a_body_without_depth_the_picture_is_that_of_a_plane(points):
    x, y, slots, chosen = arrays(points)
    flat = class_image(x, y, slots, chosen, VIEW, WIDTH, HEIGHT)
    level = np.zeros(len(x), np.float32)
    np.testing.assert_array_equal(class_image(x, y, slots, chosen, VIEW, WIDTH, HEIGHT, level), flat)


def test_of_a_body_what_is_near_covers_what_is_far_and_is_stronger():
    x, y = np.full(4, 0.5, "f4"), np.full(4, 0.5, "f4")
    slots, depth = np.array([3, 3, 3, 5], "u1"), np.array([0, 0, 0, 1], "f4")
    near = class_image(x, y, slots, None, VIEW, WIDTH, HEIGHT, depth)[0, 0]
    far = class_image(x[:1], y[:1], slots[3:], None, VIEW, WIDTH, HEIGHT)[0, 0]
    assert (near - 1) // LEVELS == 2 * 5 + 1 and near > far
