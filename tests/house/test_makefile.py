"""Each target sets itself up first, and only once."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("Makefile", "requirements.txt", "constraints.txt", "pyproject.toml")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS", "DATA", "PORT", "PYTHON"):
        monkeypatch.delenv(name, raising=False)  # what `make test ARGS=…` was told is not for these
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)
    for file in ROOT.glob("plugins/*/pyproject.toml"):
        target = tmp_path / file.relative_to(ROOT)
        target.parent.mkdir(parents=True)
        shutil.copy(file, target)
    return tmp_path


def plan(folder: Path, *words: str) -> str:
    """Return what make would do."""
    answer = subprocess.run(["make", "-n", *words], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout


@pytest.mark.parametrize(
    "target", ["explore", "test", "bench", "lint", "docs", "wheels", "reference", "format"]
)
def test_a_target_sets_itself_up_before_anything_else(checkout, target):
    words = plan(checkout, target)
    assert words.index("pip install") < words.rindex(".venv/bin/")
    assert "-r requirements.txt" in words


def test_what_is_set_up_is_not_set_up_again(checkout):
    stamp = checkout / ".venv" / ".ready"
    stamp.parent.mkdir()
    stamp.touch()
    assert "pip install" not in plan(checkout, "test")
    newer = stamp.stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (newer, newer))
    assert "pip install" in plan(checkout, "test")


def test_a_change_of_a_plugin_sets_up_again(checkout):
    stamp = checkout / ".venv" / ".ready"
    stamp.parent.mkdir()
    stamp.touch()
    newer = stamp.stat().st_mtime + 10
    os.utime(checkout / "plugins" / "nnlens-embedding" / "pyproject.toml", (newer, newer))
    assert "pip install" in plan(checkout, "test")


def test_explore_shows_the_demo_or_the_data_set_that_is_named(checkout):
    assert re.search(r"nnlens explore *$", plan(checkout, "explore").rstrip())
    assert "nnlens explore zoo:fashion-mnist fashion-mnist" in plan(checkout, "explore", "DATA=fashion-mnist")
    assert "--port 5010" in plan(checkout, "explore", "PORT=5010")


def test_a_python_that_does_not_fit_is_named(checkout):
    answer = subprocess.run(
        ["make", "setup", "PYTHON="], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert "Python 3.11" in answer.stderr


def test_make_alone_tells_what_there_is(checkout):
    answer = subprocess.run(["make"], cwd=checkout, capture_output=True, text=True, check=True)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [line.split()[0] for line in answer.stdout.splitlines()] == targets


def test_ci_is_a_script_that_bash_can_read():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
