"""A run from a stranger may hold links in place of its folders and files: nothing is written or deleted through one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import xarray as xr

from nnlens.capturing import capture
from nnlens.errors import CaptureError, StoreDamagedError, StoreError
from nnlens.samples import Samples
from nnlens.store import open_store
from nnlens.store.commit import read_commit, write_commit
from nnlens.testing import tiny_images, tiny_model

ANALYSIS, KEY = "nnlens-embedding:pca", "0a1b"
RESULT = xr.Dataset({"value": ("sample", [1.0, 2.0])})


@pytest.fixture
def samples():
    return Samples(*tiny_images(64))


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of the user's with an old file and an old folder."""
    folder = tmp_path / "elsewhere"
    (folder / "letters").mkdir(parents=True)
    (folder / "letters" / "one.txt").write_text("dear")
    (folder / "c.1").write_text("mine")
    for path in (folder / "letters", folder / "c.1", folder):
        os.utime(path, (0, 0))
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("link", ["results", "results/.tmp", f"results/{ANALYSIS}"])
def test_results_go_to_the_cache_instead(tiny_store, elsewhere, link):
    place = tiny_store.path / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere)
    before = contents(elsewhere)
    tiny_store.results.put(ANALYSIS, KEY, RESULT)
    assert contents(elsewhere) == before
    xr.testing.assert_equal(tiny_store.results.get(ANALYSIS, KEY), RESULT)
    assert tiny_store.results.delete(ANALYSIS, KEY)
    assert contents(elsewhere) == before


@pytest.mark.parametrize("link", ["data.zarr", "data.zarr/samples", "data.zarr/samples/label"])
def test_a_capture_does_not_go_on_through_a_link(tmp_path, samples, elsewhere, link):
    path = tmp_path / "run"
    capture(tiny_model(), samples, path, commit_size=32)
    write_commit(path, replace(read_commit(path), rows=32))
    (path / link).rename(tmp_path / "moved")
    (path / link).symlink_to(elsewhere)
    before = contents(elsewhere)
    with pytest.raises((StoreError, CaptureError)):
        capture(tiny_model(), samples, path, resume=True)
    assert contents(elsewhere) == before


@pytest.mark.parametrize("link", ["commit.json.tmp", "LOCK", "data.zarr"])
def test_a_capture_does_not_begin_through_a_link(tmp_path, samples, elsewhere, link):
    path = tmp_path / "run"
    path.mkdir()
    target = elsewhere if link == "data.zarr" else elsewhere / "c.1"
    (path / link).symlink_to(target)
    before = contents(elsewhere)
    with pytest.raises(StoreError, match="cannot be written"):
        capture(tiny_model(), samples, path)
    assert contents(elsewhere) == before


@pytest.mark.parametrize("place", ["commit.json", "data.zarr/zarr.json", "data.zarr/samples/label/c.0"])
@pytest.mark.parametrize("odd", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_what_is_no_file_is_not_read(tiny_store, place, odd):
    """A pipe would be waited for, and what a link leads to may never end."""
    path = tiny_store.path / place
    path.unlink()
    odd(path)
    with pytest.raises(StoreDamagedError, match=path.name):
        open_store(tiny_store.path).samples.load()


def test_a_commit_is_not_larger_than_commits_are(tiny_store):
    os.truncate(tiny_store.path / "commit.json", 1 << 40)  # which takes no room on the disk
    with pytest.raises(StoreDamagedError, match=r"commit\.json"):
        open_store(tiny_store.path)


def test_a_shard_is_not_written_through_a_link(tmp_path, samples, elsewhere):
    path = tmp_path / "run"
    capture(tiny_model(), samples, path, commit_size=32)
    write_commit(path, replace(read_commit(path), rows=32))
    shard = path / "data.zarr" / "samples" / "label" / "c.1"
    shard.unlink()
    shard.symlink_to(elsewhere / "c.1")
    before = contents(elsewhere)
    assert capture(
        tiny_model(), samples, path, resume=True
    ).complete  # what is left of a killed writer is swept up
    assert open_store(path).verify().ok
    assert contents(elsewhere) == before
