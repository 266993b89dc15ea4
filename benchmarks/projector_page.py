"""Open an exported folder in the standalone Embedding Projector, and look at what lies under known points.

The points are shown alone, for among thousands others lie before them. The camera goes close to one, whose picture is
then a square of known size in the middle; and a click there asks the page itself which sample it has drawn.
"""

from __future__ import annotations

import functools
import http.server
import io
import math
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import nnlens
from nnlens.testing import wait_until
from nnlens.testing.browser import FLAGS

DRAWS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""The page draws by WebGL, here without a graphics card."""
PAGE = "document.querySelector('vz-projector')"
CARD = "document.querySelector('vz-projector-metadata-card')"
STANDS = f"(d => d && d.spriteAndMetadataInfo && Object.keys(d.projections).length)({PAGE}?.dataSet)"
ALONE = f"rows => {PAGE}.filterDataset(rows)"
PLOT = f"{PAGE}.projectorScatterPlotAdapter.scatterPlot"
PROJECTED = f"""n => {{ const places = [...{PLOT}.worldSpacePointPositions], points = {PAGE}.dataSet.points
  return points.length === n && points.every(point => 'pca-0' in point.projections)
    && places.length === 3 * n && places.every(Number.isFinite) }}"""
CLOSE = f"""([k, away]) => {{ const plot = {PLOT}, [x, y, z] = plot.worldSpacePointPositions.slice(3 * k, 3 * k + 3)
  {PAGE}.adjustSelectionAndHover([])
  plot.setCameraPositionAndTarget([x, y, z + away], [x, y, z])
  const box = plot.renderer.domElement.getBoundingClientRect()
  return [box.x + box.width / 2, box.y + box.height / 2] }}"""
TOLD = (
    f"() => {CARD}.metadata && Object.fromEntries({CARD}.metadata.map(each => [each.key, `${{each.value}}`]))"
)
AWAY = 0.2
SIDE = 30 / AWAY
"""Pixels a side of a picture from there: the page draws it 30 pixels wide from a distance of one."""
LIKE = 0.9
"""Correlation from which what is drawn, enlarged and smoothed, is taken for the picture of the sample."""


class Seen(NamedTuple):
    """What the page showed of a row."""

    row: int
    told: bool
    """Whether a click on the picture gave id and label of the sample in that row."""
    like: float
    """Correlation of what was drawn with the picture of that sample."""
    others: int
    """How many pictures of the run are as much like it."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def look(
    rules: Any, store: nnlens.Store, ids: np.ndarray, folder: Path, viewer: Path, shots: Path | None
) -> None:
    """Serve the page with the folder on this machine alone, and compare labels and pictures of known points."""
    with tempfile.TemporaryDirectory() as place:
        served = Path(place)
        shutil.copy(viewer / "index.html", served)
        for file in folder.iterdir():
            (served / file.name).symlink_to(file)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=place))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/?config=config.json"
            _open(rules, store, ids, url, shots and shots / folder.name)
        finally:
            server.shutdown()


def _open(rules: Any, store: nnlens.Store, ids: np.ndarray, url: str, shots: Path | None) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*(each for each in FLAGS if "gpu" not in each), *DRAWS],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.route("**/*", lambda way: way.continue_() if "127.0.0.1" in way.request.url else way.abort())
        started = time.perf_counter()
        page.goto(url)
        page.wait_for_function(STANDS, timeout=400_000)
        points = page.evaluate(f"{PAGE}.dataSet.points.length")
        print(f"  the real page stands after {time.perf_counter() - started:.1f} s, with {points:,} points")
        _still(page, shots, "all")
        _judge(rules, _alone(page, store, ids, known_rows(points), shots))
        browser.close()


def known_rows(points: int) -> list[int]:
    """Return rows at the edges of the sheet, where a grid of a wrong size shows, and in its middle."""
    side = math.isqrt(points - 1) + 1
    middle = points // 2 // side * side
    return sorted({0, 1, side - 1, side, middle - 1, middle, middle + side // 2, points - 2, points - 1})


def _judge(rules: Any, seen: list[Seen]) -> None:
    rows = f"rows {', '.join(f'{each.row:,}' for each in seen)}"
    rules.check(
        "a click on a picture gives id and label of the sample in its row", all(x.told for x in seen), rows
    )
    least, most = min(each.like for each in seen), max(each.like for each in seen)
    rules.check(
        "the picture that is clicked is that of this sample, and of no other",
        least > LIKE and not any(each.others for each in seen),
        f"correlation {least:.3f} to {most:.3f}, of {max(each.others for each in seen)} others as high",
    )


def _alone(
    page: Any, store: nnlens.Store, ids: np.ndarray, rows: list[int], shots: Path | None
) -> list[Seen]:
    """Show these points alone, go close to each, and compare."""
    page.evaluate(ALONE, rows)
    page.wait_for_function(PROJECTED, arg=len(rows), timeout=60_000)
    pictures = store.images(store.ids).mean(-1, dtype=np.float32)
    return [_compare(page, store, pictures, int(ids[row]), row, k, shots) for k, row in enumerate(rows)]


def _compare(
    page: Any, store: nnlens.Store, pictures: np.ndarray, sample: int, row: int, k: int, shots: Path | None
) -> Seen:
    x, y = page.evaluate(CLOSE, [k, AWAY])
    screen = _still(page)
    square = screen.crop(tuple(round(at) for at in (x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2)))
    small = square.resize(pictures.shape[:0:-1], Image.Resampling.BOX)
    likes = _correlations(pictures.reshape(len(pictures), -1), np.asarray(small, np.float32).ravel())
    position = int(store.positions([sample])[0])
    told = _clicked(page, x, y)
    _still(page, shots, f"row-{row}")
    label = store.class_names[int(store.samples["label"].values[position])]
    right = told.get("id") == str(sample) and told.get("label") == label
    return Seen(row, right, float(likes[position]), int((likes >= likes[position]).sum()) - 1)


def _clicked(page: Any, x: float, y: float) -> dict[str, str]:
    """Click, and return what the page's card then says of the point that it found there."""
    page.mouse.move(x + 3, y)
    page.mouse.click(x, y)
    told: dict[str, str] = wait_until(
        lambda: page.evaluate(TOLD), 20, what="the card of a point", interval=0.1
    )
    page.mouse.move(5, 5)
    return told


def _still(page: Any, shots: Path | None = None, name: str = "") -> Image.Image:
    """Return the screen once it is the same two times: a busy machine draws late."""
    before = b""
    for _ in range(20):
        page.wait_for_timeout(300)
        now = page.screenshot()
        if now == before:
            break
        before = now
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
        (shots / f"{name}.png").write_bytes(now)
    return Image.open(io.BytesIO(now)).convert("L")


def _correlations(pictures: np.ndarray, seen: np.ndarray) -> np.ndarray:
    apart = pictures - pictures.mean(1, keepdims=True)
    scales = np.maximum(np.linalg.norm(apart, axis=1) * np.linalg.norm(seen - seen.mean()), 1e-9)
    return apart @ (seen - seen.mean()) / scales
