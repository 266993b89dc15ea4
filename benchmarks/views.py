"""Measure the linked views in a real browser: headless Chromium without a GPU drives a page.

    python benchmarks/views.py [--samples 60000] [--sessions 4] [--repeats 10] [--json FILE] [--shots FOLDER]
    python benchmarks/views.py --run RUN …

Without a run it is a page of two maps, histogram and matrix over made-up samples; with one it is the explorer itself,
with table, lists and inspector, every panel opened before, and a brush measured with each in front;
`benchmarks/many_digits.py` makes a run of a million samples. Prints a table against the targets for 60,000 samples on
two cores. A warm page is one that is opened while no other is; beside others nothing is made ahead. A time runs from
the event in the browser to the last paint that follows it; "server" is what the gesture's handler took, in wall time
and in processor time (the second does not grow when other programs use the machine).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from nnlens import open_store
from nnlens.testing import wait_until
from nnlens.testing.browser import FLAGS, NO_TOUR, READY

PROBE = Path(__file__).with_name("views_probe.js")
LASSO = [(-0.62, 0.30), (-0.33, 0.62), (0.07, 0.58), (0.15, 0.33), (-0.11, 0.15), (-0.36, 0.11)]
"""Corners in a view of −1 … 1; about a sixth of the samples."""


AWAY = 7
"""Seconds in which nobody looks: the server takes the page apart and makes the next visitor's."""


class Page:
    """One browser page over the served run."""

    def __init__(self, browser, url: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.add_init_script(NO_TOUR)
        self.received, self.requests, self.errors = 0, [], []
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)[:200]))
        started = time.perf_counter()
        self.page.goto(url)
        self.page.wait_for_function(READY, timeout=120_000)
        self.page.evaluate(PROBE.read_text())
        self.page.wait_for_function("() => nn.find() >= 4 && nn.points(0) && nn.points(1)", timeout=120_000)
        self.quiet(300)
        self.opened = time.perf_counter() - started - 0.3
        self.loaded = self.received

    def _count(self, frame) -> None:
        self.received += len(frame)

    def finish(self) -> None:
        """Wait until the explorer has computed what a page begins with, so that no job shares the machine."""
        idle = """() => {
          const find = root => [...root.querySelectorAll('*')].some(
            node => node.title === 'no job is running' || (node.shadowRoot && find(node.shadowRoot)))
          window.idle = find(document) ? (window.idle ?? Date.now()) : undefined
          return window.idle && Date.now() - window.idle > 5000
        }"""
        self.page.wait_for_function(idle, timeout=600_000, polling=500)

    def panels(self) -> list[str]:
        """Name the tabs of the explorer."""
        return self.page.evaluate("() => nn.all('button.tab').map(tab => tab.textContent)")

    def open_panel(self, title: str) -> None:
        """Bring a tab to the front, and wait until it has drawn itself."""
        self.page.evaluate(
            "title => nn.all('button.tab').find(tab => tab.textContent === title).click()", title
        )
        self.page.wait_for_timeout(1000)
        self.page.evaluate("() => nn.find()")
        self.quiet(500)

    def open_all(self) -> None:
        """Open every panel once, so that each has to follow what is brushed; end where the page began."""
        self.page.mouse.click(*self.samples()[0])  # the inspector too has a sample to show
        first, *others = self.panels()
        for title in (*others, first):
            self.open_panel(title)

    def quiet(self, milliseconds: int = 500) -> None:
        """Wait until nothing was painted for so long."""
        self.page.evaluate("wait => nn.quiet(wait)", milliseconds)

    def at(self, x: float, y: float, figure: int = 0) -> tuple[float, float]:
        """Turn a place in a view of −1 … 1 into pixels of the page."""
        return self.page.evaluate("([i, x, y]) => nn.at(i, x, y)", [figure, x, y])

    def samples(self) -> list[tuple[float, float]]:
        """Find places where samples are, in pixels of the page: the names of the classes stand on them."""
        return self.page.evaluate("() => nn.named(0)")

    def hold(self, corners) -> None:
        """Draw a lasso without releasing it."""
        places = [self.at(*corner) for corner in corners]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=5)
        self.quiet(200)

    def release(self) -> None:
        self.page.evaluate("() => nn.start('pointerup')")
        self.page.mouse.up()

    def painted(self, pause: int = 1000) -> float | None:
        """Milliseconds from the event to the last paint before such a pause, once all is quiet."""
        self.quiet(max(500, pause))
        return self.page.evaluate("pause => nn.last(pause)", pause)


def shifted(step: int) -> list[tuple[float, float]]:
    return [(x + 0.005 * (step % 9), y) for x, y in LASSO]


def brush(page: Page, repeats: int) -> dict[str, list[float]]:
    times, sent = [], []
    for step in range(repeats):
        page.hold(shifted(step))
        before = page.received
        page.release()
        times.append(page.painted())
        sent.append(page.received - before)
    return {"time": times, "bytes": sent}


def hover(page: Page, repeats: int) -> list[float]:
    """From the end of the rest of 150 ms to the card, its picture loaded."""
    times, places = [], page.samples()
    card = "nn.all('.card[style*=left] img')[0]"  # of a map: cards of the pool stand elsewhere
    for step in range(repeats):
        x, y = places[step % len(places)]
        page.page.mouse.move(*page.at(0.97, 0.97))
        page.page.wait_for_function(f"() => !{card}", polling=100)
        page.quiet(300)
        page.page.mouse.move(x - 2, y - 2)
        page.page.evaluate("() => nn.start('pointermove')")
        page.page.mouse.move(x, y)
        spent = page.page.evaluate(f"() => nn.until(() => {card}?.complete && {card}.naturalWidth)")
        times.append(spent - 150 if spent else None)
    return times


def tap(page: Page, repeats: int) -> list[float]:
    """To the picture of the sample, loaded, wherever the page shows it."""
    times, places = [], page.samples()
    for step in range(repeats):
        x, y = places[step % len(places)]
        page.page.mouse.move(
            *page.at(0.97, 0.97)
        )  # away from any sample: no card, whose picture would be the one
        page.quiet(400)
        page.page.evaluate("() => { nn.known = new Set(nn.pictures()); nn.start('pointerup') }")
        page.page.mouse.click(x + 3 * (step // len(places)), y)
        times.append(
            page.page.evaluate("() => nn.until(() => nn.pictures().some(address => !nn.known.has(address)))")
        )
        page.quiet(200)
    return times


def zoom(page: Page, repeats: int) -> list[float]:
    times = []
    page.page.mouse.move(*page.at(-0.2, 0.3))
    for step in range(repeats):
        page.quiet(300)
        page.page.evaluate("() => nn.start('wheel')")
        page.page.mouse.wheel(0, -120 if step < repeats / 2 else 120)
        times.append(page.painted(250))
    return times


def together(pages: list[Page], repeats: int) -> list[float]:
    """All pages release a lasso at once: what each waits."""
    times = []
    for step in range(repeats):
        for page in pages:
            page.hold(shifted(step))
        for page in pages:
            page.release()
        times += [page.painted() for page in pages]
    return times


def by_panel(page: Page, monitor: str) -> dict[str, float]:
    """Measure a brush with each panel in front, five times."""
    first, *others = page.panels()
    figures = {}
    for title in others:
        page.open_panel(title)
        ask(monitor, "timings")
        figures[f"brush, {title} in front, ms"] = median(brush(page, 5)["time"])
        figures[f"  server, {title} in front, ms"] = median(ask(monitor, "timings").get("_lasso wall", []))
    page.open_panel(first)
    return figures


def ask(base: str, what: str):
    with urllib.request.urlopen(f"{base}/{what}") as answer:
        return json.load(answer)


def median(values) -> float:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else float("nan")


def measure(given, base: str, monitor: str) -> dict[str, float]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        opened = []
        for _ in range(4):
            opened.append(Page(browser, base))
            if given.run:
                opened[-1].finish()
            opened[-1].page.close()
            time.sleep(AWAY)
        page = Page(browser, base)
        figures = {
            "first page, s": opened[0].opened,
            "warm page, s": median([p.opened for p in opened[1:]]),
            "bytes at load, kB": page.loaded / 1e3,
        }
        if given.run:
            page.open_all()
        brush(page, 2)
        ask(monitor, "timings")
        found = brush(page, given.repeats)
        shares = ask(monitor, "timings")
        figures |= {
            "brush → all painted, ms": median(found["time"]),
            "server a brush, wall ms": median(shares["_lasso wall"]),
            "server a brush, processor ms": median(shares["_lasso processor"]),
            "bytes a brush, kB": median(found["bytes"]) / 1e3,
            "hover, ms": median(hover(page, given.repeats)),
            "tap → image, ms": median(tap(page, given.repeats)),
            "server a tap, wall ms": median(ask(monitor, "timings").get("_tap wall", [])),
            "zoom settled, ms": median(zoom(page, given.repeats)),
        }
        if given.run:
            figures |= by_panel(page, monitor)
        if given.shots:
            page.page.screenshot(path=str(Path(given.shots) / f"views_{given.samples}.png"))
        asked = {url for p in (page, *opened) for url in p.requests}
        figures["requests to other hosts"] = sum(
            not url.startswith((base, "data:", "blob:")) for url in asked
        )
        figures["errors in the page"] = len(page.errors)
        before = ask(monitor, "memory")
        pages = [Page(browser, base) for _ in range(given.sessions)]
        figures["page beside others, s"] = median([p.opened for p in pages])
        figures["memory a session, MB"] = (ask(monitor, "memory") - before) / given.sessions
        figures[f"{given.sessions} brushes at once, ms"] = median(together(pages, max(3, given.repeats // 3)))
        browser.close()
    return figures


TARGETS = {
    "warm page, s": 2.5, "bytes at load, kB": 1000, "brush → all painted, ms": 150, "server a brush, wall ms": 40,
    "server a brush, processor ms": 40, "bytes a brush, kB": 400, "hover, ms": 50, "tap → image, ms": 100,
    "zoom settled, ms": 250, "4 brushes at once, ms": 500, "memory a session, MB": 20,
    "requests to other hosts": 0, "errors in the page": 0,
}  # fmt: skip
MILLION = {"brush → all painted, ms": 250}


def show(given, figures: dict[str, float], load: float) -> None:
    many = open_store(given.run).committed if given.run else given.samples
    targets = MILLION if many >= 1_000_000 else TARGETS
    what = f"the explorer on {given.run}" if given.run else f"{given.samples:,} made-up samples"
    print(
        f"{what}, medians of {given.repeats}; load average {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    for name, value in figures.items():
        target = targets.get(name)
        verdict = "" if target is None else f"{'≤':>3} {target:<6g} {'ok' if value <= target else 'OVER'}"
        print(f"  {name:<32} {value:9.2f} {verdict}")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--run", help="a captured run, shown by the explorer itself")
    cli.add_argument("--samples", type=int, default=60_000, help="how many to make up")
    cli.add_argument("--sessions", type=int, default=4)
    cli.add_argument("--repeats", type=int, default=10)
    cli.add_argument("--port", type=int, default=5302)
    cli.add_argument("--json", help="write the figures to a file")
    cli.add_argument("--shots", help="write a screenshot into a folder")
    given = cli.parse_args()
    base, monitor = (f"http://127.0.0.1:{given.port + i}" for i in (0, 1))
    options = ["--run", given.run] if given.run else ["--samples", str(given.samples)]
    script = Path(__file__).with_name("views_page.py")
    server = subprocess.Popen(
        [sys.executable, script, *options, "--port", str(given.port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(base)
        load = os.getloadavg()[0]
        figures = measure(given, base, monitor)
    finally:
        server.terminate()
        server.wait(10)
    show(given, figures, load)
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=1, ensure_ascii=False))


def wait_for(address: str) -> None:
    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{address}/favicon.ico").close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    wait_until(answers, 120, what="the address", interval=0.2)


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(f"the browser did not come along: {error}")
