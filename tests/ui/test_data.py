"""What sessions share: positions of ids, projections that leave samples out, columns."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from nnlens.ui.core.data import RunData, shared
from nnlens.ui.core.turning import moved, read_turn, turned


def run(ids, **changes):
    n = len(ids)
    fields = {
        "ids": np.asarray(ids, np.int64),
        "label": np.zeros(n, np.int32),
        "prediction": np.zeros(n, np.int32),
        "loss": np.ones(n, np.float32),
        "class_names": ("zero", "one"),
        "images": lambda wanted: np.zeros((len(wanted), 4, 4, 1), np.uint8),
    }
    return RunData(**{**fields, **changes})


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), unique=True, max_size=30), st.lists(st.integers(-60, 60), max_size=20))
def test_positions_are_where_the_ids_stand(ids, wanted):
    data = run(ids)
    expected = [ids.index(sample) if sample in ids else -1 for sample in wanted]
    assert data.positions(wanted).tolist() == expected
    for sample, position in zip(wanted, expected, strict=True):
        assert data.position(sample) == (None if position < 0 else position)
    assert data.position(None) is None


def test_columns_by_name():
    data = run([5, 6, 7], label=np.array([0, 1, -1], "i4"), extras={"split": np.array(["a", "b", "c"])})
    assert data.column("id").tolist() == [5, 6, 7]
    assert data.column("correct").tolist() == [True, False, False]  # without a label nothing is correct
    assert data.column("split").tolist() == ["a", "b", "c"]
    with pytest.raises(KeyError):
        data.column("nothing")


def test_class_names_of_odd_codes():
    data = run([1])
    assert [data.class_name(code) for code in (1, -1, 7)] == ["one", "unlabelled", "class 7"]


def result(ids, xy, **attributes):
    return xr.Dataset(
        {"projection": (("sample", "component"), np.asarray(xy, "f4"))},
        coords={"sample": np.asarray(ids, np.int64)},
        attrs=attributes,
    )


def test_a_projection_may_leave_samples_out_and_order_them_otherwise():
    data = run([30, 10, 20, 40])
    made = data.projection(
        result([40, 10, 99, 20], [[4, 0], [1, 0], [9, 9], [np.nan, 0]], title="t", caption="c")
    )
    assert made.positions.tolist() == [3, 1] and made.x.tolist() == [4, 1]
    assert made.row.tolist() == [-1, 1, -1, 0]
    assert (made.left_out, made.title, made.caption) == (2, "t", "c")


def test_finished_projections_are_shared_and_pictures_of_jobs_are_not():
    data = run([1, 2])
    finished = result([1, 2], [[0, 0], [1, 1]], key="K")
    assert data.projection(finished) is data.projection(finished) is data.known("K")
    picture = result([1, 2], [[0, 0], [1, 1]])
    assert data.projection(picture) is not data.projection(picture)
    assert data.known("") is None


def test_few_projections_are_kept():
    data = run([1])
    for i in range(60):
        data.projection(result([1], [[0, 0]], key=str(i)))
    assert data.known("59") is not None and data.known("0") is None


@pytest.mark.parametrize("xy", [[[0, 0]] * 3, [[1, 1], [1, 5], [1, 3]], np.zeros((0, 2))])
def test_the_extent_is_a_square_with_room(xy):
    made = run(list(range(len(xy)))).projection(result(range(len(xy)), np.reshape(xy, (-1, 2))))
    x0, y0, x1, y1 = made.extent
    assert x1 - x0 == pytest.approx(y1 - y0) and x1 > x0
    if len(made.x):
        assert x0 < made.x.min() and y1 > made.y.max()


def test_a_projection_of_three_components_shows_the_first_two():
    made = run([1]).projection(result([1], [[3, 4, 5]]))
    assert (made.x.tolist(), made.y.tolist()) == ([3], [4])


def test_a_store_is_read_once_for_all_sessions(tiny_store):
    data = shared(tiny_store)
    assert shared(tiny_store) is data
    samples = tiny_store.samples
    np.testing.assert_array_equal(data.ids, samples["sample"].values)
    np.testing.assert_array_equal(data.label, samples["label"].values)
    np.testing.assert_allclose(data.loss, samples["loss"].values)
    assert data.images(data.ids[:2].tolist()).shape[0] == 2
    assert len(data) == len(data.ids) == 60


def test_one_component_lies_on_a_line_and_a_third_gives_depth():
    line = run([1, 2]).projection(result([1, 2], [[3], [5]]))
    assert (line.x.tolist(), line.y.tolist(), line.z) == ([3, 5], [0, 0], None)
    solid = run([1]).projection(result([1], [[3, 4, 5, 6]]))
    assert solid.z.tolist() == [5]


@given(st.tuples(st.floats(-400, 400), st.floats(-400, 400)))
def test_turning_keeps_distances_and_stays_within_the_extent(angles):
    xyz = np.random.default_rng(5).normal(2, [3, 1, 2], (50, 3))
    flat = run(list(range(50))).projection(result(range(50), xyz, key=""))
    body = turned(flat, moved((0.0, 0.0), *angles))
    seen = np.column_stack([body.x, body.y, body.z])
    np.testing.assert_allclose(pdist(seen), pdist(xyz), rtol=1e-4)
    x0, y0, x1, y1 = body.extent
    assert body.extent == flat.extent and body.positions is flat.positions
    assert x0 <= body.x.min() and body.x.max() <= x1 and y0 <= body.y.min() and body.y.max() <= y1


def test_a_turn_goes_around_but_not_over_and_a_wrong_one_is_the_front():
    assert moved((170.0, 80.0), 20, 20) == (-170.0, 90.0)
    assert read_turn(["30", "-20"]) == (30, -20) and read_turn([0, 500]) == (0, 90)
    for wrong in (None, "", ["a", "b"], ["nan", "0"], [1], [1, 2, 3], {"a": 1}):
        assert read_turn(wrong) == (0, 0)
