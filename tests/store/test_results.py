"""Results come back as they were given, once, and never damaged."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
import xarray as xr

from nnlens.errors import StoreError
from nnlens.store import Results
from nnlens.store.results import cache_folder

ANALYSIS, KEY = "nnlens-embedding:pca", "0a1b"


@pytest.fixture
def dataset() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "projection": (("sample", "component"), rng.normal(size=(50, 2)).astype(np.float32)),
            "neighbor": (("sample", "rank"), rng.integers(0, 50, (50, 3))),
            "hit": ("sample", rng.random(50) > 0.5),
            "trustworthiness": ((), 0.25),
            "class_name": ("class_", np.array(["a", "<b>", "ü"])),
            "none": (("sample", "empty"), np.zeros((50, 0))),
            "holes": ("component", np.array([np.nan, np.inf])),
        },
        coords={"sample": np.arange(50) * 7, "place": ("sample", np.arange(50.0))},
        attrs={"seconds": np.float64(1.5), "parameters": {"k": 3}, "shape": (1, 2), "units": "seconds"},
    )


def test_a_result_comes_back_as_it_was_given(tiny_store, dataset):
    dataset["trustworthiness"].attrs["units"] = "seconds"
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    found = tiny_store.results.get(ANALYSIS, KEY)
    xr.testing.assert_equal(found, dataset)
    for name in ("projection", "neighbor", "hit", "trustworthiness"):
        assert found[name].dtype == dataset[name].dtype
    assert found.attrs == {"seconds": 1.5, "parameters": {"k": 3}, "shape": [1, 2], "units": "seconds"}
    assert found["trustworthiness"].attrs == {"units": "seconds"}
    assert found["class_name"].values.tolist() == ["a", "<b>", "ü"]


def test_a_result_that_was_read_can_be_put_again(tiny_store, dataset):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    tiny_store.results.put(ANALYSIS, "other", tiny_store.results.get(ANALYSIS, KEY))
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, "other"), dataset)


def test_what_is_not_there_is_none(tiny_store):
    assert tiny_store.results.get(ANALYSIS, KEY) is None
    assert tiny_store.results.list() == []
    assert not tiny_store.results.delete(ANALYSIS, KEY)


def test_results_are_listed_and_deleted(tiny_store, dataset):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    tiny_store.results.put("a/../b:c", KEY + "2", dataset)
    assert {(info.analysis, info.key) for info in tiny_store.results.list()} == {
        (ANALYSIS, KEY),
        ("a/../b:c", KEY + "2"),
    }
    assert all(info.bytes > 500 and info.attrs["seconds"] == 1.5 for info in tiny_store.results.list())
    assert tiny_store.results.delete(ANALYSIS, KEY)
    assert tiny_store.results.get(ANALYSIS, KEY) is None
    assert len(tiny_store.results.list()) == 1


def test_hostile_keys_are_refused(tiny_store, dataset):
    for key in ("../x", "", "a/b", ".tmp"):
        with pytest.raises(StoreError, match="no key"):
            tiny_store.results.put(ANALYSIS, key, dataset)


def test_hostile_names_stay_inside_the_run(tiny_store, dataset):
    for name in ("../../x", "a\\b", "..", ".tmp", "zarr.json", "n" * 200):
        tiny_store.results.put(name, KEY, dataset)
    assert {info.analysis for info in tiny_store.results.list()} == {
        "../../x",
        "a\\b",
        "..",
        ".tmp",
        "zarr.json",
        "n" * 200,
    }
    assert {path.name for path in tiny_store.path.iterdir()} == {
        "LOCK",
        "commit.json",
        "data.zarr",
        "results",
    }


def test_the_second_of_two_throws_its_own_away(tiny_store, dataset):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    tiny_store.results.put(ANALYSIS, KEY, dataset.assign_attrs(seconds=9.0))
    assert tiny_store.results.get(ANALYSIS, KEY).attrs["seconds"] == 1.5
    assert not list((tiny_store.path / "results" / ".tmp").iterdir())


def test_many_writers_at_once_leave_one_sound_result(tiny_store, dataset):
    barrier = threading.Barrier(6)

    def write() -> None:
        barrier.wait()
        Results(tiny_store.path, tiny_store.fingerprint).put(ANALYSIS, KEY, dataset)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, KEY), dataset)
    assert len(tiny_store.results.list()) == 1
    assert not list((tiny_store.path / "results" / ".tmp").iterdir())


def result_files(store):
    return sorted(path for path in (store.path / "results").rglob("*") if path.is_file())


def test_every_damage_is_noticed_and_named(tiny_store, dataset, caplog):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    for file in result_files(tiny_store):
        sound = file.read_bytes()
        for content in (sound[:-1] + bytes([sound[-1] ^ 1]), sound[: len(sound) // 2], b"", None):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                file.unlink() if content is None else file.write_bytes(content)
                assert tiny_store.results.get(ANALYSIS, KEY) is None, file
                assert KEY in caplog.text
            assert len(tiny_store.verify().problems) == 1
        file.write_bytes(sound)
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, KEY), dataset)
    assert tiny_store.verify().ok


def test_a_damaged_result_is_replaced_by_the_next(tiny_store, dataset):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    result_files(tiny_store)[0].unlink()
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, KEY), dataset)


def test_a_link_in_a_result_is_not_followed(tiny_store, dataset, tmp_path):
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    chunk = next(file for file in result_files(tiny_store) if file.name == "0")
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    assert tiny_store.results.get(ANALYSIS, KEY) is None


def test_a_run_that_cannot_be_written_to_keeps_its_results_in_the_cache(tiny_store, dataset):
    (tiny_store.path / "results").write_text("in the way")  # root may write to read-only folders, so no chmod
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, KEY), dataset)
    assert [info.key for info in tiny_store.results.list()] == [KEY]
    assert list((cache_folder() / "results" / tiny_store.fingerprint).iterdir())
    assert tiny_store.results.delete(ANALYSIS, KEY)
    assert tiny_store.results.list() == []


def test_a_run_that_is_taken_away_meanwhile_leaves_nothing_in_the_cache(tiny_store, dataset, monkeypatch):
    import shutil

    from nnlens.store import results as module

    write = module.write_result

    def taken_away(*arguments, **options):
        shutil.rmtree(tiny_store.path)
        return write(*arguments, **options)

    monkeypatch.setattr(module, "write_result", taken_away)
    with pytest.raises(StoreError, match="is gone"):
        tiny_store.results.put(ANALYSIS, KEY, dataset)
    assert not (cache_folder() / "results" / tiny_store.fingerprint / ANALYSIS / f"{KEY}.zarr").exists()


def test_where_nothing_can_be_written_to_the_message_says_so(tiny_store, dataset, monkeypatch, tmp_path):
    (tiny_store.path / "results").write_text("in the way")
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    results = Results(tiny_store.path, tiny_store.fingerprint)
    with pytest.raises(StoreError, match="could not be kept"):
        results.put(ANALYSIS, KEY, dataset)


def test_what_a_killed_process_left_is_swept_up(tiny_store, dataset):
    import os

    old = tiny_store.path / "results" / ".tmp" / "dead.zarr"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    tiny_store.results.put(ANALYSIS, KEY, dataset)
    assert not old.exists()
