import numpy as np
import pytest
from nnlens_embedding.rows import Rows, finite_rows

from nnlens.errors import AnalysisError


def rows_of(vectors, values, **options):
    return Rows(vectors(values)["embedding"], **options)


def test_leaves_out_what_is_not_finite_and_keeps_ids(vectors):
    values = np.ones((6, 3), np.float32)
    values[1, 2], values[4, 0] = np.nan, -np.inf
    rows = rows_of(vectors, values)
    assert rows.left_out == 2
    assert rows.ids.tolist() == [7, 13, 16, 22]
    assert rows.ids.dtype == np.int64
    assert np.isfinite(rows.array()).all()


def test_values_whose_sum_overflows_are_finite_all_the_same():
    values = np.full((2, 4), 3e38, np.float32)
    values[1, 0] = np.inf
    assert finite_rows(values).tolist() == [True, False]


def test_opposite_infinities_are_not_finite():
    assert finite_rows(np.array([[np.inf, -np.inf], [1, 2]])).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8])
def test_takes_any_number(vectors, dtype):
    rows = rows_of(vectors, np.arange(6).reshape(3, 2).astype(dtype))
    assert rows.array().dtype == np.float32
    assert rows.array()[2].tolist() == [4, 5]


def test_float16_overflow_and_too_large_doubles_are_left_out(vectors):
    with np.errstate(over="ignore"):
        values = np.array([[1, 2], [1e6, 2], [3, 4]]).astype(np.float16)
    assert rows_of(vectors, values).left_out == 1
    assert rows_of(vectors, np.array([[1.0, 2], [1e300, 2]])).left_out == 1


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_extreme_values_are_brought_near_one(vectors, size):
    values = np.array([[1, 2], [3, 4]]) * size
    rows = rows_of(vectors, values)
    assert 0.5 <= np.abs(rows.array()).max() <= 2
    assert np.allclose(rows.array().astype(float) * rows.scale / size, [[1, 2], [3, 4]], rtol=1e-6)


def test_usual_values_are_left_alone(vectors):
    assert rows_of(vectors, np.array([[1.0, 200], [0, 0]])).scale == 1


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_blocks_cover_the_rows_in_order(vectors, memory, monkeypatch):
    monkeypatch.setattr("nnlens_embedding.rows.BLOCK_BYTES", 40)
    values = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    values[[0, 11]] = np.nan
    rows = rows_of(vectors, values, memory=memory)
    parts = list(rows.blocks())
    assert len(parts) > 3
    assert [part.start for part, _ in parts[1:]] == [part.stop for part, _ in parts[:-1]]
    assert np.array_equal(np.concatenate([block for _, block in parts]), values[np.isfinite(values[:, 0])])
    assert np.array_equal(rows.array(), values[np.isfinite(values[:, 0])])


def test_knows_a_constant_layer(vectors):
    assert rows_of(vectors, np.full((4, 3), 2.5)).constant
    assert not rows_of(vectors, np.eye(3)).constant


def test_nothing_to_work_on_is_said(vectors):
    with pytest.raises(AnalysisError, match="no samples"):
        rows_of(vectors, np.empty((0, 3)))
    with pytest.raises(AnalysisError, match="All 4 samples have NaN or infinite"):
        rows_of(vectors, np.full((4, 2), np.nan))


def test_what_stands_in_memory_is_neither_copied_nor_changed(vectors):
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    data = vectors(values)
    assert np.shares_memory(Rows(data["embedding"]).array(), data["embedding"].values)
    for spoil in (np.nan, 1e30):
        values[3] = spoil
        data = vectors(values.copy())
        Rows(data["embedding"])
        assert np.array_equal(data["embedding"].values, values, equal_nan=True)
