"""A renamed copy of every built-in gives the same page: no name of an analysis stands in the interface."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from nnlens.testing import tiny_store, wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS, at_rest

BUILT_IN = ("nnlens-embedding", "nnlens-evaluation", "nnlens-attribution", "nnlens-channels")


def renamed_copies(folder: Path) -> None:
    """Write a distribution that gives every built-in analysis under another name, as pip would install it."""
    entries = [
        f"{'x' + entry.name[::-1]} = {entry.value}"
        for entry in importlib.metadata.entry_points(group="nnlens.analyses")
        if entry.dist is not None and entry.dist.name in BUILT_IN
    ]
    assert len(entries) >= 10
    info = folder / "stranger_copies-3.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-copies\nVersion: 3.0\n")
    (info / "entry_points.txt").write_text("[nnlens.analyses]\n" + "\n".join(entries) + "\n")


class Served:
    """``nnlens explore RUN`` in a process of its own."""

    def __init__(self, run: Path, port: int, environment: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        command = [sys.executable, "-m", "nnlens", "explore", str(run), "--port", str(port), "--no-browser"]
        self.process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            urllib.request.urlopen(f"{self.url}favicon.ico", timeout=30).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finished(page) -> bool:
    """Whether both maps are the best ones, judged, and no job is left."""
    text = page.evaluate(SHOWN_WORDS)
    return (
        len(re.findall(r"t-SNE of (?!.{0,40}partial)", text)) >= 2
        and text.count("trust") >= 2
        and "running" not in text
    )


def settled(page) -> str:
    """Return the text of the page once no job is left and it no longer changes."""
    page.wait_for_function(f"({ALL})('[title=\"no job is running\"]').length === 1")
    page.wait_for_function(f"!({ALL})('.bone, .spin').some(n => n.checkVisibility())")
    page.wait_for_function(f"({ALL})('.near .wave').length === 5")
    return at_rest(lambda: page.evaluate(SHOWN_WORDS))


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_is_the_same(tmp_path, open_page):
    renamed_copies(tmp_path / "site")
    pages = {}
    for name, environment in {
        "own": {},
        "renamed": {"PYTHONPATH": str(tmp_path / "site"), "NNLENS_DISABLE_PLUGINS": ",".join(BUILT_IN)},
    }.items():
        tiny_store(tmp_path / name / "run")
        served = Served(tmp_path / name / "run", free_port(), environment)
        try:
            wait_until(served.answers, 120, what="the address")
            page = open_page(served.url)
            words = functools.partial(page.evaluate, SHOWN_WORDS)
            wait_until(lambda page=page: finished(page), 240, what="both maps", seen=words)
            page.keyboard.press("j")
            wait_until(lambda words=words: "Neighbors" in words(), what="the inspector", seen=words)
            pages[name] = settled(page), page.url
        finally:
            served.stop()
    assert "stranger-copies" in pages["renamed"][1] and "stranger-copies" not in pages["own"][1]
    assert pages["renamed"][0] == pages["own"][0]
