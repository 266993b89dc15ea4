"""A browser, a served page, and runs: of real digits, and made-up ones."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nnlens.capturing import capture
from nnlens.samples import load_samples
from nnlens.store import Store
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, NO_TOUR, READY, calm

ROOT = Path(__file__).resolve().parents[2]
DRAW = 70
"""The first seed by which 60 of the held-out digits hold all three that the network of the house gets wrong."""


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The maker of made-up runs that the benchmarks use: ``run_data`` and ``projection``."""
    spec = importlib.util.spec_from_file_location("synthetic", ROOT / "benchmarks" / "synthetic.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def digits_run() -> Callable[[Path, int], Store]:
    """Capture so many held-out digits in the network of the house, by a draw that holds wrong ones: no first 60 do."""
    pytest.importorskip("torch", reason="torch is an extra")
    from nnlens.models import load_model

    model, samples = load_model("zoo:digits"), load_samples("digits", "test")

    def captured(path: Path, count: int) -> Store:
        store = capture(model, samples.take(count, seed=DRAW), path)
        assert (store.samples["label"] != store.samples["prediction"]).any(), "another network, another draw"
        return store

    return captured


@contextmanager
def opening(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Give what opens an address and waits until the page stands; closes the pages at the end."""
    pages = []

    def opened(url: str, width: int = 1440, height: int = 900, first_visit: bool = False) -> Any:
        page = calm(chromium.new_page(viewport={"width": width, "height": height}))
        if not first_visit:
            page.add_init_script(NO_TOUR)
        page.set_default_timeout(60_000)
        pages.append(page)
        page.errors, page.addresses = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: page.addresses.append(request.url))
        page.goto(url)
        page.wait_for_function(READY, timeout=60_000)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open an address and wait until the page stands; ``page.errors`` and ``page.addresses`` tell what went on."""
    with opening(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_shared(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a page as `open_page` does, but for all tests of a file, which use it in turn."""
    with opening(chromium) as opened:
        yield opened


@pytest.fixture(scope="session")
def read_heat() -> Callable[[str, bool], NDArray[np.float64]]:
    """Turn the colors of a map, in the light theme, back into numbers from 0 to 1; from -1 where they are signed."""
    from bokeh.palettes import Inferno256

    from nnlens.ui.look.palette import diverging

    def read(source: str, signed: bool) -> NDArray[np.float64]:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))[..., :3]
        colors = diverging("light", 255) if signed else Inferno256
        known = np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors])
        far = np.abs(pixels[:, :, None].astype(int) - known).sum(axis=-1)
        assert far.min(axis=-1).max() <= (3 if signed else 0), "a color that is none of the scale"
        place = far.argmin(axis=-1)
        return np.asarray(place / 127 - 1 if signed else place / 255)

    return read


@pytest.fixture
def take() -> Callable[..., tuple[str, bytes]]:
    """Open a menu of files, choose by the keyboard what is wanted, and return the file's name and content."""

    def taken(page: Any, title: str, item: str) -> tuple[str, bytes]:
        shown = f"({ALL})('.takeout [title={json.dumps(title)}]').filter(n => n.checkVisibility())"
        menus = f"({ALL})('.menu').filter(n => n.matches(':popover-open'))"
        page.wait_for_function(f"{shown}.length > 0")
        # a tab that is still being laid out makes its parts anew
        page.wait_for_function("Bokeh.documents[0].is_idle")
        page.evaluate(f"{shown}[0].click()")
        page.wait_for_function(f"{menus}.length === 1")
        choices = page.evaluate(f"{menus}[0].innerText").split("\n")
        for _ in range(choices.index(item)):
            page.keyboard.press("ArrowDown")
        focused = f"({ALL})('.menu .choice:focus').some(n => n.textContent === {json.dumps(item)})"
        page.wait_for_function(focused)
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        page.wait_for_function(f"({ALL})('.takeout [aria-busy=true]').length === 0")
        return saved.value.suggested_filename, saved.value.path().read_bytes()

    return taken


@contextmanager
def serving() -> Iterator[Callable[..., str]]:
    """Give what serves a page; the servers stop at the end."""
    import panel as pn
    from bokeh.server.util import bind_sockets

    servers = []

    def served(page: Callable[[], Any], **options: Any) -> str:
        sockets, port = bind_sockets("127.0.0.1", 0)
        for bound in sockets:
            bound.close()
        server = pn.serve(
            {"": page}, port=port, address="127.0.0.1", show=False, threaded=True, verbose=False, **options
        )
        servers.append(server)
        wait_until(lambda: _listens(port), 60, what="the server", interval=0.05)
        return f"http://127.0.0.1:{port}/"

    yield served
    for server in servers:
        server.stop()
        server.join(10)
    _forget_patched_documents()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a function that makes a page, in a thread of this process; gives its address."""
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def serve_shared() -> Iterator[Callable[..., str]]:
    """Serve as `serve` does, for all tests of a file."""
    with serving() as served:
        yield served


def _listens(port: int) -> bool:
    """Whether something takes connections there: the thread of a server begins to after `pn.serve` has returned."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _forget_patched_documents() -> None:
    """Take back what a stopped server leaves in Bokeh's global list of current documents.

    A loop that is stopped inside a callback never leaves ``patch_curdoc``, and every later test of this process would
    find itself on a page that is gone.
    """
    from bokeh.io import doc

    doc._PATCHED_CURDOCS.clear()


@pytest.fixture(scope="module")
def explore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Run ``nnlens explore`` with arguments in a process of its own; gives the address once it answers.

    ``explore.stop(url)`` ends the one that answers there, and ``port`` starts another in its place.
    """
    processes = {}

    def started(
        *words: object,
        module: str = "nnlens",
        arguments: Sequence[object] = (),
        port: str = "",
        **variables: str,
    ) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = port or str(probe.getsockname()[1])
        if module == "nnlens":
            command = ["explore", *map(str, words), "--port", port, "--no-browser"]
        else:  # an app script takes its arguments last
            command = [*map(str, words), "--port", port, "--args", *map(str, arguments)]
        log = tmp_path_factory.mktemp("served") / "log.txt"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *command],
                env=os.environ | variables,
                stdout=output,
                stderr=output,
            )
        url = f"http://127.0.0.1:{port}/"
        processes[url] = process

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{url}favicon.ico", timeout=60).close()
            except urllib.error.HTTPError:
                return True  # it listens; the page itself would be built for nobody
            except OSError:
                return False
            return True

        wait_until(answers, 90, what="the address", interval=0.1)
        return url

    def stop(url: str) -> None:
        processes[url].terminate()
        processes[url].wait(30)

    started.stop = stop  # type: ignore[attr-defined]
    yield started
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait(30)
