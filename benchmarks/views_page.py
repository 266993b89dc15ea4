"""Serve a page of linked views for `views.py`: a made-up run in a plain page, or a captured run in the explorer.

python benchmarks/views_page.py --samples 60000 --port 5301 [--dark] [--classes 10]
python benchmarks/views_page.py --run RUN --port 5301
"""

from __future__ import annotations

import argparse
import functools
import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import panel as pn
import panel_material_ui as pmui
import psutil
from synthetic import projection, run_data
from tornado.web import RequestHandler

from nnlens.ui.core import raster
from nnlens.ui.core.session import Session
from nnlens.ui.look.pictures import png
from nnlens.ui.look.theme import THEMES, page_style
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.panels.histogram import LossHistogram
from nnlens.ui.panels.matrix import ConfusionMatrix

SESSIONS: list[Session] = []
TIMINGS: defaultdict[str, list[float]] = defaultdict(list)
GRID = """
:host { display: grid !important; gap: 1px; background: var(--nn-line); overflow: hidden;
  grid-template: "x x x x" 96px "c a b i" minmax(0, 1fr) "l l m i" 303px / 232px minmax(0, 1fr) minmax(0, 1fr) 360px; }
:host > * { min-width: 0 !important; min-height: 0 !important; }
"""


def timed(guard):
    """Make `Session.guard` measure every handler of a gesture: all that the server does for it before it sends."""

    def guarding(session, function):
        guarded = guard(session, function)

        @functools.wraps(function)
        def measured(*args, **kwargs):
            wall, processor = time.perf_counter(), time.thread_time()
            try:
                return guarded(*args, **kwargs)
            finally:
                name = getattr(function, "__name__", "other")
                TIMINGS[f"{name} wall"].append(1e3 * (time.perf_counter() - wall))
                TIMINGS[f"{name} processor"].append(1e3 * (time.thread_time() - processor))

        return measured

    return guarding


def page(data, results, dark: bool):
    session = Session(None, data=data, dark=dark)
    session.image_route = "image"
    SESSIONS.append(session)
    maps = [ProjectionMap(session, which) for which in ("a", "b")]
    for area, result in zip(maps, results, strict=True):
        area.set_result(result)
        area.set_facts("drag: lasso · shift-drag: box · wheel: zoom")
    surface = {"background": "var(--nn-surface)", "overflow": "hidden"}
    parts = {
        "a": maps[0].panel(), "b": maps[1].panel(),
        "l": LossHistogram(session).panel(), "m": ConfusionMatrix(session).panel(), "i": inspector(session),
    }  # fmt: skip
    for area, part in parts.items():
        part.styles = {"grid-area": area, **surface, **({"padding": "8px 16px"} if area in "lm" else {})}
    size = {"height": "calc(100vh - 48px)", "width": "100%"}
    grid = pn.Column(*parts.values(), sizing_mode="stretch_both", margin=0, stylesheets=[GRID], styles=size)
    look = {"dark_theme": dark, "theme_config": THEMES, "sx": page_style(), "sidebar_variant": "temporary"}
    app = pmui.Page(title="views", main=[grid], **look)
    app.param.watch(lambda event: setattr(session, "theme", "dark" if event.new else "light"), "dark_theme")
    return app


def inspector(session):
    """Show the picture of the focused sample, and what went wrong."""
    pane = pn.pane.HTML("click a point", sizing_mode="stretch_both", margin=0)

    def show(event):
        pane.object = "" if event.new is None else f'<img width=120 src="{session.image_url(event.new)}">'

    session.state.param.watch(show, "focus")
    session.param.watch(lambda event: setattr(pane, "object", f"<pre>{event.new[-1].text}</pre>"), "messages")
    return pn.Column(pane)


class Images(RequestHandler):
    data = None

    def get(self, sample):
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", "max-age=86400")
        self.write(png(self.data.images([int(sample)])[0]))


class Monitor(BaseHTTPRequestHandler):
    """Answers beside the page's own server, also where that is the product's."""

    def do_GET(self):
        if self.path == "/timings":
            answer = {name: list(times) for name, times in TIMINGS.items()}
            TIMINGS.clear()
        else:
            answer = psutil.Process().memory_info().rss / 1e6
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Stay quiet."""


def serve_made_up(given) -> None:
    Images.data = run_data(given.samples, given.classes)
    shown = projection(Images.data, "tight"), projection(Images.data, "loose", left_out=given.samples // 100)
    raster.warm()
    pn.serve(
        {"": lambda: page(Images.data, shown, given.dark)},
        port=given.port,
        address="127.0.0.1",
        show=False,
        extra_patterns=[(r"/image/(\d+)", Images)],
    )


def serve_run(given) -> None:
    from nnlens.ui.serving.launch import show_runs
    from nnlens.ui.serving.server import serve

    serve(show_runs(given.run), port=given.port, browser=False)


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--run", help="a captured run, shown by the explorer itself")
    cli.add_argument("--samples", type=int, default=60_000)
    cli.add_argument("--classes", type=int, default=10)
    cli.add_argument(
        "--port", type=int, default=5301, help="of the page; the next one answers /timings and /memory"
    )
    cli.add_argument("--dark", action="store_true")
    given = cli.parse_args()
    Session.guard = timed(Session.guard)
    monitor = ThreadingHTTPServer(("127.0.0.1", given.port + 1), Monitor)
    threading.Thread(target=monitor.serve_forever, daemon=True).start()
    (serve_run if given.run else serve_made_up)(given)
