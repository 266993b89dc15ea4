"""``nnlens explore`` serves, says where, and ends."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nnlens.cli import exploring


@pytest.mark.slow
def test_it_prints_the_address_and_serves_until_ctrl_c(finished_run: Path, tmp_path):
    command = [sys.executable, "-m", "nnlens", "explore", finished_run, "--no-browser"]
    served = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        address = served.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), served.stderr.read()
        with urllib.request.urlopen(address, timeout=60) as page:
            assert page.status == 200
            assert b"nnlens" in page.read()
        served.send_signal(signal.SIGINT)
        _, said = served.communicate(timeout=60)
    finally:
        served.kill()
    assert served.returncode == 0
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_capture_that_fails_behind_the_page_is_named_here_too(tmp_path):
    command = [sys.executable, "-m", "nnlens", "explore", "zoo:digits", "no-such-data", "--no-browser"]
    served = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True
    )
    try:
        said = iter(served.stderr.readline, "")
        assert any("no data set" in line for line in said)
    finally:
        served.kill()
        served.communicate()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["no-such-run"], 1, "no run"),
        (["no-such-model.pth", "digits"], 1, "no file"),
        (["a", "b", "c"], 2, "a model and its data set"),
        (["run", "--size", "32"], 2, "--model"),
        (["--port", "0"], 2, "port"),
        (["--plugin", "nothing"], 1, "file.py:Class"),
    ],
)
def test_a_mistake_is_named_before_anything_is_served(nnlens, tmp_path, monkeypatch, words, status, said):
    monkeypatch.chdir(tmp_path)
    answer = nnlens("explore", *words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.error.lower() or said in answer.error
    assert len(answer.error.splitlines()) == 1


def test_without_the_extra_it_says_what_to_install(nnlens, monkeypatch):
    monkeypatch.setitem(sys.modules, "nnlens.ui.serving.launch", None)  # importing it fails
    monkeypatch.setitem(sys.modules, "panel", None)
    for name in [name for name in sys.modules if name.startswith("nnlens.ui")]:
        monkeypatch.delitem(sys.modules, name)
    answer = nnlens("explore")
    assert answer.status == 1
    assert "pip install 'nnlens[ui]'" in answer.error


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "w"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_browser_opens_only_where_there_is_a_screen(monkeypatch, platform, variables, expected):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert exploring._has_screen() is expected
