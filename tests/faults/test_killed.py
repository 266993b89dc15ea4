"""A capture may be killed at any instant: what is committed is whole, and going on gives the same run."""

from __future__ import annotations

import os
import random
import select
import signal
import statistics
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nnlens import open_store
from nnlens.capturing import capture
from nnlens.errors import StoreLockedError
from nnlens.samples import Samples
from nnlens.store.commit import read_commit
from nnlens.testing import tiny_images, tiny_model, wait_until

SCRIPT = Path(__file__).with_name("capture_slowly.py")
COUNT, COMMIT, BATCH_SECONDS = 640, 32, 0.008
KILLS, LIFE_SECONDS = 20, 1.2


def start(path: Path, count: int = COUNT, seconds: float = BATCH_SECONDS) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(path), str(count), str(seconds)], stdout=subprocess.PIPE, text=True
    )


class Nursery:
    """Children that capture, forked one after the other from a process that has imported everything."""

    def __init__(self) -> None:
        self.parent = subprocess.Popen(
            [sys.executable, str(SCRIPT), "--fork"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def tell(self) -> int:
        assert self.parent.stdout is not None
        return int(self.parent.stdout.readline())

    def kill_one(self, path: Path, output: Path, life: float) -> tuple[bool, list[int]]:
        """Let a child go on with a run for some seconds; return whether it was killed, and what it said it computed."""
        assert self.parent.stdin is not None and self.parent.stdout is not None
        self.parent.stdin.write(f"{path}\t{COUNT}\t{BATCH_SECONDS}\t{output}\n".encode())
        self.parent.stdin.flush()
        child = self.tell()
        wait_until(lambda: output.exists() and output.read_text(), what="the child", interval=0.002)
        if not select.select([self.parent.stdout], [], [], life)[0]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        killed = self.tell() == -signal.SIGKILL
        said = output.read_text().split()
        output.unlink()
        assert said[0] == "ready"
        return killed, [int(line) for line in said if line.isdigit()]

    def close(self) -> None:
        self.parent.communicate()


@pytest.fixture
def nursery():
    made = Nursery()
    yield made
    made.close()


def contents(store) -> dict[str, np.ndarray]:
    """Everything that a run holds, as zarr reads it: not the reader that is being tested."""
    members = store.zarr().members(max_depth=None)
    return {path: array[: store.committed] for path, array in members if hasattr(array, "shape")}


def assert_same(found, expected) -> None:
    assert set(found) == set(expected)
    for path, values in expected.items():
        equal_nan = values.dtype.kind == "f"
        assert np.array_equal(found[path], values[: len(found[path])], equal_nan=equal_nan), path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    samples = Samples(*tiny_images(COUNT))
    return contents(capture(tiny_model(), samples, path, commit_size=COMMIT, batch_size=8))


@pytest.mark.slow
def test_kills_at_random_moments_lose_at_most_what_is_in_flight(tmp_path, nursery, uninterrupted):
    chance = random.Random(0)
    samples = Samples(*tiny_images(COUNT))
    kills, runs, committed = 0, 0, 0
    lost = []
    while kills < KILLS:
        path = tmp_path / f"run{runs}"
        safe = committed_rows(path)
        killed, said = nursery.kill_one(path, tmp_path / "said.txt", chance.random() * LIFE_SECONDS)
        computed = max([0, *said])
        kills += killed
        assert safe <= committed_rows(path)
        # the batch that is being written, the one that waits for it, and the one that is being computed
        assert committed_rows(path) >= computed - 3 * COMMIT
        committed += committed_rows(path) - safe
        lost.append(max(0, computed - committed_rows(path)))
        if committed_rows(path):
            assert open_store(path).verify().ok
            assert_same(contents(open_store(path)), uninterrupted)
        if (
            chance.random() < 0.5 or committed_rows(path) == COUNT
        ):  # else the next child goes on, and is killed too
            store = capture(tiny_model(), samples, path, resume=True, commit_size=COMMIT, batch_size=8)
            assert store.complete
            assert_same(contents(store), uninterrupted)
            assert {file.name for file in path.iterdir()} == {"LOCK", "commit.json", "data.zarr"}
            runs += 1
    print(
        f"{kills} kills: {statistics.median(lost):.0f} computed samples lost in the median, {max(lost)} at most"
    )
    assert committed > COUNT  # the moments were not all too early to matter


def committed_rows(path: Path) -> int:
    commit = read_commit(path)
    return 0 if commit is None else commit.rows


def test_control_c_keeps_what_is_committed_and_says_how_to_go_on(tmp_path, uninterrupted):
    path = tmp_path / "run"
    child = start(path, seconds=0.1)
    wait_until(
        lambda: (commit := read_commit(path)) is not None and commit.rows >= 2 * COMMIT, what="two commits"
    )
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=30)[0]
    assert child.returncode == 130
    store = open_store(path)
    assert 2 * COMMIT <= store.committed < COUNT
    assert f"{store.committed:,} of {COUNT:,} samples are safe; go on with resume=True (--resume)." in said
    samples = Samples(*tiny_images(COUNT))
    resumed = capture(tiny_model(), samples, path, resume=True)
    assert resumed.metadata["accuracy"] > 0.9
    assert_same(contents(resumed), uninterrupted)


def test_a_second_writer_is_refused_at_once_and_a_reader_is_not(tmp_path):
    path = tmp_path / "run"
    child = start(path, seconds=0.1)
    try:
        wait_until(lambda: read_commit(path), what="the first commit")
        samples = Samples(*tiny_images(COUNT))
        with pytest.raises(StoreLockedError, match="Another process is writing the run 'run'"):
            capture(tiny_model(), samples, path, resume=True)
        store = wait_until(lambda: (store := open_store(path)).committed and store, what="a batch")
        later = wait_until(lambda: (new := store.refresh()) is not store and new, what="another batch")
        assert later.committed > store.committed
        assert later.fingerprint == store.fingerprint
        assert not later.complete
        first = store.activation("conv").values
        assert np.array_equal(later.activation("conv").values[: len(first)], first)
        assert np.isfinite(later.activation("conv").values).all()
        assert later.verify().ok
    finally:
        child.kill()
        child.communicate()


def test_a_run_that_never_came_to_a_commit_is_begun_anew(tmp_path):
    path = tmp_path / "run"
    (path / "data.zarr" / "samples").mkdir(parents=True)
    (path / "LOCK").touch()
    (path / "commit.json.tmp").write_text("{")
    store = capture(tiny_model(), Samples(*tiny_images(60)), path)
    assert store.complete
    assert store.verify().ok
