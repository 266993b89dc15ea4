"""Some of the kills of benchmarks/kills.py: over what is kept, batches small and large, and pictures by thumbnail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"
CASES = {"full": 7, "small": 7, "pictures": 7}


@pytest.fixture(scope="module")
def kills():
    spec = importlib.util.spec_from_file_location("kills", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["kills"]


@pytest.mark.slow
def test_kills_and_full_disks_lose_what_is_in_flight_and_nothing_else(kills, tmp_path, monkeypatch):
    """Each kill is checked where it happens: what is committed, what is lost, verify, and the end of the run."""
    monkeypatch.setattr(kills, "PHOTOS", tmp_path / "none")
    pytest.importorskip("torch", reason="torch is an extra")
    tallies = kills.measure(tmp_path, list(CASES), sum(CASES.values()), seed=1)
    for name, tally in tallies.items():
        assert tally.kills == CASES[name]
        assert tally.resumed >= 2  # one after the kills, one after the full disk
        assert tally.verified >= tally.resumed
        assert "safe" in tally.full
    assert sum(tally.moved for tally in tallies.values()) > 0  # the moments were not all too early to matter
