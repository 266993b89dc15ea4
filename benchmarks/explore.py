"""Measure the main job from the shell: ``nnlens explore MODEL SAMPLES`` to a truth, the first map, the finished map.

    python benchmarks/explore.py [MODEL SAMPLES] [--map "t-SNE"] [--shots FOLDER] [--json FILE]

The clock starts before the process does and runs while the capture, the page and the maps share the machine. Headless
Chromium opens the page as soon as the address answers. "Truth" is an accuracy in the page; a map counts once it says
that every sample is in view, and the finished one once its title and caption say so without "partial".
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from nnlens.testing import wait_until
from nnlens.testing.browser import FLAGS, HEADS, NO_TOUR, SHOWN_WORDS

TARGETS = {"truth": 5, "map": 60, "finished": 180}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clock:
    """Seconds since the command was started, by name."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.marks: dict[str, float] = {}

    def mark(self, name: str) -> None:
        self.marks[name] = round(time.perf_counter() - self.started, 1)
        print(f"  {name:<10} {self.marks[name]:7.1f} s", flush=True)


def wait_for_server(port: int, process: subprocess.Popen, limit: float) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"nnlens explore ended with {process.returncode}.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers, limit, what="the address", interval=0.05)


def follow(page, clock: Clock, total: str, title: str, shots: Path | None, limit: float) -> None:
    """Mark each stage as the page reaches it."""
    words = lambda: page.evaluate(SHOWN_WORDS)  # noqa: E731
    stages = [
        ("truth", lambda: re.search(r"[\d.]+ % accuracy|accuracy [\d.]+ %", words())),
        ("map", lambda: f"{total} in view" in words()),
        ("finished", lambda: any(_finished(head, title, total) for head in page.evaluate(HEADS))),
    ]
    end = time.monotonic() + limit
    for name, reached in stages:
        while not reached():
            if time.monotonic() > end:
                raise SystemExit(f"{name} was not reached in {limit:.0f} s.")
            page.wait_for_timeout(100)
        clock.mark(name)
        if shots is not None:
            page.screenshot(path=shots / f"explore_{name}.png")


def _finished(head: str, title: str, total: str) -> bool:
    """Whether the words above a map say that it shows the finished projection of all samples."""
    return f"{title} of" in head and f"{total} samples" in head and "partial" not in head


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    port, clock = free_port(), Clock()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "nnlens", "explore", arguments.model, arguments.samples]
        command += ["--run", f"{folder}/run", "--port", str(port), "--no-browser"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(NO_TOUR)
        clock = Clock()
        process = subprocess.Popen(command)
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for_server(port, process, 60)
            clock.mark("server")
            page.goto(url)
            follow(page, clock, arguments.total, arguments.map, arguments.shots, arguments.limit)
        finally:
            browser.close()
            process.send_signal(signal.SIGINT)
            process.wait(20)
    return clock.marks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="zoo:fashion-mnist")
    parser.add_argument("samples", nargs="?", default="fashion-mnist")
    parser.add_argument("--map", default="t-SNE", help="title of the map that ends the measurement")
    parser.add_argument("--total", default="60,000", help="number of samples as the page writes it")
    parser.add_argument("--limit", type=float, default=400.0, help="seconds until it gives up")
    parser.add_argument("--shots", type=Path, help="folder for screenshots of each stage")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    marks = measure(arguments)
    for name, target in TARGETS.items():
        print(f"{name:<10} {marks[name]:7.1f} s   aim {target} s   {marks[name] / target:.2f} ×")
    if arguments.json:
        arguments.json.write_text(json.dumps(marks, indent=1))


if __name__ == "__main__":
    main()
