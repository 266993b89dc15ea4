"""Open an exported folder in the standalone Embedding Projector, and look at what lies under known points."""

from __future__ import annotations

import functools
import http.server
import io
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import nnlens
from nnlens.testing.browser import FLAGS

DRAWS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""The page draws by WebGL, here without a graphics card."""
PAGE = "document.querySelector('vz-projector')"
STANDS = f"(d => d && d.spriteAndMetadataInfo && Object.keys(d.projections).length)({PAGE}?.dataSet)"
ALONE = f"""at => {{ const page = {PAGE}, n = page.dataSet.points.length
  if (page.dataSetFilterIndices) page.resetFilterDataset()
  page.filterDataset([at, (at + 1) % n, (at + 2) % n]) }}"""
CLOSE = f"""([k, away]) => {{ const page = {PAGE}, plot = page.projectorScatterPlotAdapter.scatterPlot
  const at = [...plot.worldSpacePointPositions.slice(3 * k, 3 * k + 3)], point = page.dataSet.points[k]
  plot.setCameraPositionAndTarget([at[0], at[1], at[2] + away], at)
  const box = document.querySelector('#scatter, #container canvas, canvas').getBoundingClientRect()
  return [point.index, point.metadata.label, +point.metadata.id, box.x + box.width / 2, box.y + box.height / 2] }}"""
AWAY = 0.35
HALF = 110
"""Pixels around the middle that are looked at."""
LIKE = 0.7
"""Correlation from which a picture, drawn small and smoothed, is taken for that of the sample."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def look(rules: Any, store: nnlens.Store, folder: Path, viewer: Path, shots: Path | None) -> None:
    """Serve the page with the folder on this machine alone, and compare label and picture of nine points."""
    with tempfile.TemporaryDirectory() as place:
        served = Path(place)
        shutil.copy(viewer / "index.html", served)
        for file in folder.iterdir():
            (served / file.name).symlink_to(file)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=place))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            _open(
                rules, store, f"http://127.0.0.1:{server.server_port}/?config=config.json", folder.name, shots
            )
        finally:
            server.shutdown()


def _open(rules: Any, store: nnlens.Store, url: str, name: str, shots: Path | None) -> None:
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
        if shots:
            shots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=shots / f"{name}.png")
        seen = [each for at in (0, points // 2, points - 3) for each in _three(page, store, at)]
        rules.check(
            "label and id under known points are those of the row", all(each[0] for each in seen), len(seen)
        )
        likes, apart = [each[1] for each in seen], [each[2] for each in seen]
        figure = f"correlation {min(likes):.2f} to {max(likes):.2f}, higher than to {min(apart):.1%} of all"
        rules.check(
            "the picture under them is that of the sample", min(likes) > LIKE and min(apart) > 0.98, figure
        )
        browser.close()


def _three(page: Any, store: nnlens.Store, at: int) -> list[tuple[bool, float, float]]:
    """Show three points alone, go close to each, and compare."""
    page.evaluate(ALONE, at)
    page.wait_for_timeout(1500)
    return [_compare(page, store, at + k, k) for k in range(3)]


def _compare(page: Any, store: nnlens.Store, row: int, k: int) -> tuple[bool, float, float]:
    """Return whether the label is right, how like the picture is to the sample's, and to how many it is less like."""
    index, label, sample, x, y = page.evaluate(CLOSE, [k, AWAY])
    page.wait_for_timeout(700)
    screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    around = screen[int(y) - HALF : int(y) + HALF, int(x) - HALF : int(x) + HALF]
    rows, columns = np.nonzero(around < 250)
    if not len(rows):
        return False, 0.0, 0.0
    square = around[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    position = store.positions([sample])[0]
    right = index == row and label == store.class_names[int(store.samples["label"].values[position])]
    pictures = store.images(store.ids)[..., 0]
    small = Image.fromarray(square).resize(pictures.shape[:0:-1], Image.Resampling.BOX)
    likes = _correlations(
        pictures.reshape(len(pictures), -1).astype(np.float32), np.asarray(small, np.float32).ravel()
    )
    return right, float(likes[position]), float((likes < likes[position]).mean())


def _correlations(pictures: np.ndarray, seen: np.ndarray) -> np.ndarray:
    apart = pictures - pictures.mean(1, keepdims=True)
    scales = np.maximum(np.linalg.norm(apart, axis=1) * np.linalg.norm(seen - seen.mean()), 1e-9)
    return apart @ (seen - seen.mean()) / scales
