"""The commit is whole or not there, and one writer at a time holds a run."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlens.errors import StoreDamagedError, StoreError, StoreLockedError
from nnlens.store.commit import Commit, read_commit, write_commit
from nnlens.store.lock import WriterLock

COMMIT = Commit(64, 200, "f" * 64, 32, {"zarr.json": "0" * 64}, {"correct": 3})


def test_a_commit_comes_back(tmp_path):
    assert read_commit(tmp_path) is None
    write_commit(tmp_path, COMMIT)
    assert read_commit(tmp_path) == COMMIT
    assert not COMMIT.complete
    assert {path.name for path in tmp_path.iterdir()} == {"commit.json"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(tmp_path, place, bit):
    write_commit(tmp_path, COMMIT)
    text = bytearray((tmp_path / "commit.json").read_bytes())
    text[place % len(text)] ^= 1 << bit
    (tmp_path / "commit.json").write_bytes(text)
    try:
        assert read_commit(tmp_path) == COMMIT  # JSON has several ways to write one thing
    except StoreDamagedError as error:
        assert "commit.json" in error.message


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"crc32": 1, "commit": {}}', "\x00" * 50])
def test_what_is_no_commit_is_named(tmp_path, text):
    (tmp_path / "commit.json").write_text(text)
    with pytest.raises(StoreDamagedError, match=r"commit\.json"):
        read_commit(tmp_path)


def test_rows_beyond_the_total_are_refused(tmp_path):
    import zlib

    body = {"rows": 9, "total": 3, "fingerprint": "", "shard": 1, "metadata": {}, "facts": {}}
    crc = zlib.crc32(json.dumps(body, sort_keys=True).encode())
    (tmp_path / "commit.json").write_text(json.dumps({"crc32": crc, "commit": body}))
    with pytest.raises(StoreDamagedError):
        read_commit(tmp_path)


def test_a_second_lock_fails_at_once(tmp_path):
    with WriterLock(tmp_path), pytest.raises(StoreLockedError, match="Another process is writing"):
        WriterLock(tmp_path).__enter__()
    with WriterLock(tmp_path):  # free again
        pass


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "LOCK").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        WriterLock(tmp_path).__enter__()
    assert not (tmp_path / "elsewhere").exists()
