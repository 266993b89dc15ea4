"""Whatever is changed in a file, it is opened or refused in words: no other error, no hang, no memory without end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("open_mutated.py")
SEED, COUNT = 0, 200
LONGEST, LARGEST = 10, 1 << 30
"""Seconds for one file, and bytes by which the process may grow."""
GROUPS = {
    "torch": ("pth", "old pth", "safetensors"),
    "keras": ("keras", "h5"),
    "arrays": ("npy", "npz", "idx"),
    "pictures": ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm"),
    "runs": ("commit", "metadata", "root", "shard", "text shard"),
}


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_changed_file_is_opened_or_refused_in_words(group, tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, str(SEED), str(COUNT), *GROUPS[group]],
        capture_output=True,
        text=True,
        timeout=300,
    )
    last = (tmp_path / "last").read_text() if (tmp_path / "last").is_file() else "nothing"
    assert done.returncode == 0, f"it ended at {last}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert set(found) == set(GROUPS[group])
    for name, each in found.items():
        assert not each["strange"], f"{name} {each['strange'][0]}"
        assert sum(each["ended"].values()) == COUNT
        assert each["longest"] < LONGEST, name
        assert each["grown"] < LARGEST, name
        assert group == "pictures" or len(each["ended"]) > 1 or "StoreDamagedError" in each["ended"], name
