"""No file runs code when it is opened: all hostile ones, by every door, under an audit hook in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OPENED = {"samples/drawing", "runs/names a file", "runs/results elsewhere"}
"""What is hostile and can be opened all the same: pictures beside drawings, a run that names a file."""


def python(script: str, *arguments: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """What happened while each file was opened."""
    folder, cache = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("cache")
    python("make_hostile.py", folder)
    told = python("open_watched.py", folder, cache, XDG_CACHE_HOME=str(cache), TMPDIR=str(cache))
    found = json.loads(told)
    return {kind: {name: each for name, each in found.items() if name.startswith(kind)} for kind in KINDS}


KINDS = ("good", "models", "samples", "runs", "control")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("models", 27), ("samples", 16), ("runs", 4)])
def test_no_hostile_file_runs_anything(opened, kind, least):
    assert len(opened[kind]) >= least
    assert {name: each["events"] for name, each in opened[kind].items() if each["events"]} == {}
    assert [name for name, each in opened[kind].items() if each["ran"]] == []


@pytest.mark.slow
def test_each_is_refused_in_words(opened):
    for kind in ("models", "samples", "runs"):
        for name, each in opened[kind].items():
            assert "Traceback" not in each["said"], name
            assert "unexpected" not in each["said"], name
            if name not in OPENED:
                assert each["ended"].startswith(("nnlens.errors.", "zarr.errors.UnknownCodecError")), name


@pytest.mark.slow
def test_good_files_of_the_same_kinds_are_opened(opened):
    assert len(opened["good"]) == 10
    assert {name: each["ended"] for name, each in opened["good"].items() if each["ended"] != "opened"} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("torch", "pickle.find_class ('io', 'open')"),
        ("torch", "open ('ran', 'w'"),
        ("pickle", "os.system (b'touch ran'"),
        ("exec", "exec (<code object"),
        ("import", "evil.py"),
    ],
)
def test_the_hook_sees_what_opens_a_file_unsafely(opened, name, event):
    """The same files, opened as nobody should: the traps work, and nothing of it goes unseen."""
    control = opened["control"][f"control/{name}"]
    assert control["ran"]
    assert any(event in each for each in control["events"])
