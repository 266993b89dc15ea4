"""Results larger than what memory is meant for: made in a file, written in pieces, read when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import nnlens
import nnlens.analysis
import nnlens.lens.running
import nnlens.store.sealed
from nnlens.errors import AnalysisError, StoreDamagedError


class Wide(nnlens.Analysis):
    """Give every sample a picture of its own number."""

    scope = "sample"
    requires = {"label": ("sample",)}
    provides = {"attribution": ("sample", "y", "x"), "target": ("sample",)}

    def compute(self, data, context):
        ids = data["sample"].values
        pictures = context.empty((len(ids), 20, 30))
        pictures[:] = ids[:, None, None] + np.arange(600).reshape(20, 30) / 1000
        assert isinstance(pictures, np.memmap) == (len(ids) > 5)
        return xr.Dataset(
            {"attribution": (("sample", "y", "x"), pictures), "target": data["label"].load()}, {"sample": ids}
        )


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    for module in (nnlens.analysis, nnlens.lens.running, nnlens.store.sealed):
        monkeypatch.setattr(module, "LARGE_BYTES", 12_000)
    monkeypatch.setattr(nnlens.store.sealed, "CHUNK_BYTES", 16_000)


@pytest.fixture
def wide(lens, registry):
    registry.register(Wide)
    return lens


def in_memory(array):
    return array.variable._in_memory


def expected(ids):
    return (np.asarray(ids)[:, None, None] + np.arange(600).reshape(20, 30) / 1000).astype("f4")


def test_all_samples_are_explained_and_kept_without_reading_them(wide):
    result = wide.run("wide")
    ids = wide.store.ids
    assert not in_memory(result["attribution"])
    assert in_memory(result["target"])
    np.testing.assert_array_equal(result["attribution"].sel(sample=ids[7]), expected(ids)[7])
    np.testing.assert_array_equal(result["attribution"].isel(sample=[9, 2, 31]), expected(ids)[[9, 2, 31]])
    np.testing.assert_array_equal(result["attribution"][5:40, 3, ::7], expected(ids)[5:40, 3, ::7])
    again = wide.run("wide")
    assert not in_memory(again["attribution"])
    assert again.attrs["key"] == wide.key(wide.request("wide", sample=ids))
    xr.testing.assert_identical(again.load(), result.load())
    np.testing.assert_array_equal(result["attribution"], expected(ids))
    assert not list((wide.store.path / "results" / ".tmp").iterdir())


def test_few_samples_stay_in_memory(wide):
    assert in_memory(wide.run("wide", sample=[3, 4])["attribution"])


def test_damage_is_told_where_it_is_read_and_by_verify(wide):
    result = wide.run("wide")
    key, analysis = result.attrs["key"], result.attrs["analysis"]
    results = wide.store.results
    assert results.problem(analysis, key) is None
    chunks = sorted((wide.store.path / "results").rglob("attribution/c/*/0/0"))
    assert len(chunks) > 4
    content = bytearray(chunks[1].read_bytes())
    content[len(content) // 2] ^= 1
    chunks[1].write_bytes(content)
    damaged = results.get(analysis, key)
    np.testing.assert_array_equal(damaged["attribution"][0], expected(wide.store.ids)[0])
    assert "damaged" in results.problem(analysis, key)
    with pytest.raises(StoreDamagedError, match="damaged"):
        _ = damaged["attribution"].values
    chunks[1].unlink()
    with pytest.raises(StoreDamagedError, match="missing"):
        _ = results.get(analysis, key)["attribution"].values
    assert "missing" in results.problem(analysis, key)


def test_a_damaged_one_gives_way_to_a_sound_one(wide):
    result = wide.run("wide")
    key, analysis = result.attrs["key"], result.attrs["analysis"]
    next((wide.store.path / "results").rglob("attribution/c/1/0/0")).unlink()
    pictures = (("sample", "y", "x"), expected(wide.store.ids))
    wide.store.results.put(analysis, key, result.assign(attribution=pictures))
    assert wide.store.results.problem(analysis, key) is None


def test_a_full_disk_is_told(wide, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nnlens.analysis.os, "posix_fallocate", full, raising=False)
    with pytest.raises(AnalysisError, match=r"no room for a result of 0\.0 GB: No space left"):
        wide.run("wide")
