"""Take pictures of the explorer, at two sizes and in both themes, and lay each beside the mock it is to pass.

    python docs/screenshots.py NAME=RUN [NAME="RUN --model FILE --architecture SPEC"] … [--mock FOLDER] [--out FOLDER]

What follows the run are options of ``nnlens explore``. Each page is opened by a link: the cell of the confusion matrix
with most mistakes is selected, and the worst of them focused. The pictures lie in ``docs/pictures``; sheets with the
mocks, which are not the project's, and pictures that hold photos belong to ``docs/_build``, which is not kept.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright

from nnlens import open_store
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, FLAGS, NO_TOUR, READY

HERE = Path(__file__).parent
SIZES = ((1440, 900), (1920, 1080))
THEMES = ("light", "dark")
IDLE = f"() => ({ALL})('[title=\"no job is running\"]').length > 0"
QUIET = f"() => ({ALL})('.bone, [aria-busy=true]').every(part => !part.checkVisibility())"
LOADED = f"() => ({ALL})('img').every(picture => picture.complete)"


def main() -> None:
    """Read the command line, serve each run, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN", help="what pictures are called, and a run")
    parser.add_argument("--mock", type=Path, help="folder with explorer_light.png and explorer_dark.png")
    parser.add_argument("--out", type=Path, default=HERE / "pictures")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for each in given.runs:
            name, _, arguments = each.partition("=")
            run, *options = shlex.split(arguments)
            with served(run, options) as address:
                pictures(browser, address, state_of(run), given.out / name)
        browser.close()
    if given.mock:
        for picture in sorted(given.out.glob("*-1440-*.png")):
            print(beside(picture, given.mock / f"explorer_{picture.stem.rpartition('-')[2]}.png"))


@contextmanager
def served(run: str, options: list[str]) -> Iterator[str]:
    """Serve the explorer for as long as it is needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "nnlens", "explore", run, *options, "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: answers(address), 180, what="the address", interval=0.3)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def answers(address: str) -> bool:
    """Whether a server answers there."""
    try:
        urllib.request.urlopen(address, timeout=30).close()
    except OSError:
        return False
    return True


def state_of(run: str) -> dict[str, str]:
    """Return the fields of a link: the cell with most mistakes, and the worst of its samples."""
    samples = open_store(run).samples
    label, prediction, loss = (samples[name].values for name in ("label", "prediction", "loss"))
    wrong = np.flatnonzero((label != prediction) & (label >= 0))
    pairs, counts = np.unique(np.stack([label[wrong], prediction[wrong]]), axis=1, return_counts=True)
    row, column = (int(side) for side in pairs[:, counts.argmax()])
    members = np.flatnonzero((label == row) & (prediction == column))
    worst = int(samples["sample"].values[members[loss[members].argmax()]])
    cell = {"kind": "cell", "label": row, "prediction": column}
    return {"focus": str(worst), "selection": json.dumps(cell)}


def pictures(browser: Browser, address: str, state: dict[str, str], name: Path) -> None:
    """Take a run's pictures."""
    for width, height in SIZES:
        for theme in THEMES:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script(NO_TOUR)
            page.on("pageerror", partial(say, name.name))
            page.goto(f"{address}?{urlencode({**state, 'theme': theme})}")
            settle(page)
            picture = name.with_name(f"{name.name}-{width}-{theme}.png")
            page.screenshot(path=picture)
            shrink(picture)
            print(picture)
            page.close()


def say(name: str, error: Error) -> None:
    """Tell of an error in a page."""
    print(f"{name}: {error.message}", file=sys.stderr)


def settle(page: Page) -> None:
    """Wait until the page stands, every job has ended and all pictures are there."""
    page.wait_for_function(READY, timeout=120_000)
    for _ in range(3):  # one job begets another
        page.wait_for_function(IDLE, timeout=900_000, polling=500)
        page.wait_for_timeout(2_000)
    for state in (QUIET, LOADED):
        page.wait_for_function(state, timeout=120_000, polling=500)
    page.wait_for_timeout(1_000)  # what the last of them is drawn with


def shrink(picture: Path) -> None:
    """Write a picture in as few bytes as its colors need: of a palette of 256 classes would share some."""
    with Image.open(picture) as whole:
        whole.convert("RGB").save(picture, optimize=True)


def beside(picture: Path, mock: Path) -> Path:
    """Lay a picture over its mock, both as wide as the wider one."""
    with Image.open(picture) as left, Image.open(mock) as right:
        height = max(left.height, right.height)
        sheet = Image.new("RGB", (left.width + right.width + 16, height), (128, 128, 128))
        sheet.paste(left.convert("RGB"), (0, 0))
        sheet.paste(right.convert("RGB"), (left.width + 16, 0))
    out = HERE / "_build" / f"beside-mock-{picture.name}"
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)
    return out


if __name__ == "__main__":
    main()
