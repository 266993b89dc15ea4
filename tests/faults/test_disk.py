"""A disk that is full or fails: the last commit stands, and the message says how much is safe."""

from __future__ import annotations

import errno
import os

import pytest

from nnlens import open_store
from nnlens.capturing import capture
from nnlens.errors import CaptureError, StoreError
from nnlens.samples import Samples
from nnlens.store import writer
from nnlens.testing import tiny_images, tiny_model

COUNT, COMMIT = 320, 32
FILES = 14
"""Arrays of the tiny run, so shards of a batch."""


@pytest.fixture
def samples() -> Samples:
    return Samples(*tiny_images(COUNT))


@pytest.fixture
def full_disk(monkeypatch):
    """Let the disk be full at 40 %, in the middle of a batch; return what makes it empty again."""
    written = iter(range(10**6))
    real = writer.write_file

    def fail(path, parts):
        if next(written) >= int(0.4 * FILES * COUNT / COMMIT) + FILES // 2:
            path.write_bytes(b"".join(parts)[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, parts)

    monkeypatch.setattr(writer, "write_file", fail)
    return lambda: monkeypatch.setattr(writer, "write_file", real)


def test_a_full_disk_loses_only_the_batch_in_flight(tmp_path, samples, full_disk):
    path = tmp_path / "run"
    with pytest.raises(CaptureError) as caught:
        capture(tiny_model(), samples, path, commit_size=COMMIT)
    assert caught.value.message == "The run could not be written: No space left on device."
    assert caught.value.hint == "128 of 320 samples are safe; go on with resume=True (--resume)."
    assert str(tmp_path) not in str(caught.value)
    store = open_store(path)
    assert store.committed == 128
    assert store.verify().ok
    full_disk()
    store = capture(tiny_model(), samples, path, resume=True)
    assert store.complete
    assert store.verify().ok
    assert store.metadata["labelled"] == COUNT


def test_a_failing_sync_is_no_commit(tmp_path, samples, monkeypatch):
    calls = iter(range(10**6))
    real = os.fsync

    def fsync(descriptor):
        if next(calls) >= 200:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    path = tmp_path / "run"
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CaptureError, match="Input/output error"):
        capture(tiny_model(), samples, path, commit_size=COMMIT)
    monkeypatch.setattr(os, "fsync", real)
    assert open_store(path).verify().ok
    assert 0 < open_store(path).committed < COUNT


def test_another_model_or_data_set_does_not_go_on_with_a_run(tmp_path, samples, full_disk):
    path = tmp_path / "run"
    with pytest.raises(CaptureError):
        capture(tiny_model(), samples, path, commit_size=COMMIT)
    full_disk()
    others = [
        (tiny_model(seed=1), samples, {}),
        (tiny_model(), Samples(*tiny_images(COUNT, seed=1)), {}),
        (tiny_model(), samples, {"keep": []}),
        (tiny_model(), samples, {"layers": ["fc1"]}),
    ]
    for model, data, options in others:
        with pytest.raises(
            StoreError, match="came from another model, data set, preprocessing or choice of layers"
        ):
            capture(model, data, path, resume=True, **options)
    assert open_store(path).committed == 128


def test_a_place_that_cannot_be_written_to_is_named(tmp_path, samples):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="The run 'run' cannot be written: Not a directory"):
        capture(tiny_model(), samples, tmp_path / "file" / "run")


def test_an_error_of_the_data_set_is_not_taken_for_one_of_the_disk(tmp_path, samples):
    def images(positions):
        if positions.start > 100:
            raise FileNotFoundError(errno.ENOENT, "No such picture")
        return type(samples).images(samples, positions)

    samples.images = images
    with pytest.raises(FileNotFoundError, match="No such picture"):
        capture(tiny_model(), samples, tmp_path / "run", commit_size=COMMIT)
    assert open_store(tmp_path / "run").committed == 128


def test_an_error_of_the_model_keeps_what_is_committed(tmp_path, samples):
    model = tiny_model()
    real, calls = model.activations, iter(range(10**6))

    def activations(inputs, layers, pooled=(), exact=True):
        if next(calls) == 4:  # the first call is the first look
            raise ZeroDivisionError("in the network")
        return real(inputs, layers, pooled, exact)

    model.activations = activations
    with pytest.raises(ZeroDivisionError):
        capture(model, samples, tmp_path / "run", commit_size=COMMIT)
    assert open_store(tmp_path / "run").committed == 96
    assert capture(tiny_model(), samples, tmp_path / "run", resume=True).complete
