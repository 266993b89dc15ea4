"""From nothing to the explorer on one page, and the page of a bare app script."""

from __future__ import annotations

import functools
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest

from nnlens.capturing import capture
from nnlens.errors import SamplesError, StoreError
from nnlens.samples import load_samples
from nnlens.store import open_store
from nnlens.testing import tiny_model, tiny_store, wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS, WORDS, calm
from nnlens.testing.tiny_run import tiny_images
from nnlens.ui import routes
from nnlens.ui.look.component import Component
from nnlens.ui.look.shell import shell
from nnlens.ui.serving.capture_watch import Found, look
from nnlens.ui.serving.opening import CaptureShow, Opening
from nnlens.ui.serving.run_show import RunShow

pytestmark = [pytest.mark.browser]
APP = Path(__file__).resolve().parents[2] / "apps" / "explorer.py"


def wait_for(page, *texts, seconds=120):
    wait_until(
        lambda: all(text in page.evaluate(WORDS) for text in texts),
        seconds,
        what=f"{texts} on the page",
        seen=lambda: (page.evaluate(WORDS), page.errors),
    )


def real_errors(page):
    return [error for error in page.errors if "WebGL" not in error]


@pytest.mark.slow
def test_a_model_and_its_samples_become_the_explorer_without_a_reload(explore, open_page, tmp_path):
    url = explore("zoo:digits", "digits", "--split", "all", "--run", tmp_path / "run")
    page = open_page(url)
    page.evaluate("window.same = true")
    wait_for(page, "1,797 samples", "accuracy", "Worst of all", "in view")
    assert page.evaluate("window.same"), "the page was loaded again"
    store = open_store(tmp_path / "run")
    wrong = int((store.samples["label"] != store.samples["prediction"]).sum())
    wait_for(page, f"{wrong} wrong", "digits × digits")
    wait_for(page, "t-SNE of", "t-SNE of input pixels", seconds=240)
    page.keyboard.press("j")
    wait_for(page, "Prediction", "Attribution")
    page.wait_for_function(f"({ALL})('.heat img').length >= 3", timeout=120_000)
    assert not real_errors(page)
    assert {urlsplit(address).netloc for address in page.addresses if address.startswith("http")} == {
        urlsplit(url).netloc
    }


def test_a_model_that_is_none_is_said_on_the_page(explore, open_page, tmp_path):
    broken = tmp_path / "model.pth"
    broken.write_bytes(b"<html>404</html>")
    page = open_page(explore(broken, "digits", "--size", "8"))
    wait_for(page, "model.pth")
    assert str(tmp_path) not in page.evaluate(WORDS) and "Traceback" not in page.evaluate(WORDS)


def test_the_bare_app_script_shows_a_run_with_pictures_in_the_page(explore, open_page, tmp_path_factory):
    run = tiny_store(tmp_path_factory.mktemp("bare") / "tiny")  # the server outlives the test, and computes
    page = open_page(serve_app(explore, run.path) + "explorer")
    wait_for(page, "60 samples", "Worst of all", "in view")
    page.wait_for_function(f"({ALL})('.rank img').length > 3")
    sources = page.evaluate(f"({ALL})('img').map(n => n.src.slice(0, 11))")
    assert set(sources) == {"data:image/"}
    assert not real_errors(page)


def serve_app(explore, *arguments):
    return explore("serve", APP, module="panel", arguments=arguments)


@pytest.mark.slow
def test_an_app_script_that_cannot_show_anything_says_why(explore, open_page, tmp_path):
    page = open_page(serve_app(explore, tmp_path / "nothing") + "explorer")
    wait_for(page, "This run cannot be shown", "nnlens capture")


def test_what_is_found_so_far_is_true_and_grows(tmp_path):
    images, labels = tiny_images(600, 3)
    seen, found = [], Found()

    def progress(state):
        nonlocal found
        found = look(tmp_path / "run", found)
        seen.append(found)

    store = capture(tiny_model(), load_samples((images, labels)), tmp_path / "run", progress=progress)
    last = look(tmp_path / "run", found)
    wrong = (store.samples["label"] != store.samples["prediction"]).values
    losses = store.samples["loss"].values
    assert (last.done, last.total, last.wrong) == (600, 600, int(wrong.sum()))
    assert last.accuracy == pytest.approx(1 - wrong.mean())
    assert [mistake.sample for mistake in last.worst] == np.argsort(-losses, kind="stable")[:16].tolist()
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert look(tmp_path / "run", last) is last, "nothing new, nothing read"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, explore):
    """The address of a run that is there."""
    return explore(tiny_store(tmp_path_factory.mktemp("runs") / "run", 60).path)


@pytest.mark.parametrize(("address", "dark"), [("", True), ("?theme=light", False)])
def test_the_theme_is_the_systems_unless_the_address_asks_for_one(tiny, chromium, address, dark):
    context = chromium.new_context(color_scheme="dark", viewport={"width": 1440, "height": 900})
    page = calm(context.new_page())
    page.set_default_timeout(60_000)
    page.goto(tiny + address)
    wait_for(page, "Worst of all", "60 in view")
    ground = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    # the page tells the system's preference once it stands; what it is told to do about that comes before the address
    page.wait_for_function("location.search.includes('map_a')", timeout=60_000)
    page.wait_for_timeout(500)
    wait_until(lambda: (sum(page.evaluate(ground)[:3]) < 3 * 60) is dark, 60, what="the theme")
    context.close()


@pytest.mark.data
@pytest.mark.slow
def test_the_page_fills_while_sixty_thousand_are_captured(explore, open_page, tmp_path_factory):
    """The numbers on it grow before the run is whole; then the explorer stands, on the same page."""
    try:
        load_samples("fashion-mnist")
    except SamplesError as error:
        pytest.skip(str(error))
    run = tmp_path_factory.mktemp("growing") / "run"
    page = open_page(explore("zoo:fashion-mnist", "fashion-mnist", "--run", run))
    seen = []

    def grows():
        words = page.evaluate(SHOWN_WORDS)
        found = re.search(r"([\d,]+) of 60,000 samples are captured", words)
        if found:
            seen.append(int(found[1].replace(",", "")))
            assert seen[-1] == 60_000 or "accuracy so far" in words
        return len({*seen}) > 1

    wait_until(grows, what="numbers that grow", interval=0.1, seen=lambda: seen)
    assert seen == sorted(seen) and seen[0] > 0
    wait_for(page, "60,000 samples", "Worst of all", "60,000 in view")
    assert not real_errors(page)


@pytest.fixture
def serve_pictures(serve):
    """Serve a page with the addresses of pictures, as nnlens' own server does."""
    return functools.partial(serve, extra_patterns=list(routes.ROUTES))


class Ending:
    """A capture that ends some time after its page was asked for.

    Parameters
    ----------
    open_lens : callable
    seconds : float
        When it ends.
    """

    def __init__(self, open_lens, seconds):
        self.found, self.error, self.ended = Found(), None, threading.Event()
        job = SimpleNamespace(message="", remaining=None)
        self.seconds, self.show = seconds, CaptureShow(job, self, open_lens, "tiny × images")

    def listen(self, listener):
        return lambda: None

    def page(self):
        page = self.show.page()
        threading.Timer(self.seconds, self.ended.set).start()
        return page


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.6, 1.2, 3])
def test_a_capture_that_ends_while_its_page_is_being_loaded_is_shown(
    seconds, serve_pictures, open_page, tiny_lens
):
    """Each of the steps, from the page's making to its last drawing, has its own way to lose what it is told."""
    page = open_page(serve_pictures(Ending(lambda: tiny_lens, seconds).page) + "?run=elsewhere")
    wait_for(page, "60 samples", "Worst of all", "60 in view", "There is no run 'elsewhere' here")
    assert not real_errors(page)


def test_a_capture_that_has_ended_before_anybody_listens_is_shown(serve_pictures, open_page, tiny_lens):
    ending = Ending(lambda: tiny_lens, 0)

    def late():
        """Ask for the page in the moment in which the explorer is there, and nobody has been told."""
        ending.ended.set()
        ending.show.wait(60)
        page = shell()
        Opening(ending.show, page)
        return page

    wait_for(open_page(serve_pictures(late)), "60 samples", "Worst of all", "60 in view")


def test_a_run_that_cannot_be_shown_after_its_capture_is_said(
    serve_pictures, open_page, tiny_lens, monkeypatch
):
    def gone(*_):
        raise StoreError("The run is gone.", "Capture it again.")

    monkeypatch.setattr(RunShow, "begin", gone)
    page = open_page(serve_pictures(Ending(lambda: tiny_lens, 1).page))
    wait_for(page, "The run is gone.", "Capture it again.")


def test_a_page_that_does_not_know_a_plugins_component_is_loaded_again(serve_pictures, open_page, tiny_lens):
    """Bokeh tells a page of its kinds of components once, when it is loaded."""

    def open_lens():
        type("Strange", (Component,), {"_esm": "export function render() {}", "__module__": "stranger"})
        return tiny_lens

    ending = Ending(open_lens, 1)
    page = open_page(serve_pictures(ending.page))
    wait_for(page, "Worst of all", "60 in view")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload"
    assert not real_errors(page)
