"""The page that is made ahead: who gets it, and who does not."""

from __future__ import annotations

import gc
import json
import re
import urllib.request
import weakref
from contextlib import contextmanager

import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.model import DataModel
from bokeh.models import Div
from bokeh.util.token import get_session_id

import nnlens
from nnlens.errors import NNLensError
from nnlens.testing import tiny_store, wait_until
from nnlens.ui.serving import server as serving
from nnlens.ui.serving.ahead import serialize_ahead
from nnlens.ui.serving.run_show import RunShow
from nnlens.ui.serving.runs import Runs


@pytest.fixture
def lens(tmp_path):
    return nnlens.Lens(tiny_store(tmp_path / "run"))


@contextmanager
def served(show, **options):
    made = serving.serve(show, browser=False, block=False, **options)
    try:
        yield made
    finally:
        made.stop()
        made.wait()


def show_of(lens):
    runs = Runs({})
    runs.add("run", lens)
    return RunShow(runs)


def waiting(made):
    """Wait for a page that is made ahead, while nobody is connected; gives its session's id."""

    def one():
        sessions = made._server.get_sessions()
        return len(sessions) == 1 and sessions[0].expiration_blocked and sessions[0].id

    return wait_until(one, what="a page made ahead", seen=lambda: made._server.get_sessions())


def visit(made, query=""):
    """Ask for the page; gives the id of its session and the words in it."""
    with urllib.request.urlopen(made.url + query, timeout=60) as answer:
        html = answer.read().decode()
    return get_session_id(re.search(r'"token":"([^"]+)"', html)[1]), html


def test_who_asks_for_the_bare_address_gets_it_once(lens):
    with served(show_of(lens)) as made:
        ahead = waiting(made)
        assert visit(made)[0] == ahead
        assert visit(made)[0] != ahead


def test_it_is_serialized_ahead_for_as_long_as_nothing_of_it_changes():
    """What Bokeh makes of another document of the same content is the oracle."""

    def page(text):
        document = Document()
        document.add_root(Div(text=text))
        return document

    def words(document):
        (root,) = document.roots
        made = json.loads(serialize_json(document.to_json()).replace(root.id, "id"))
        made.pop("config")  # it has an id as well
        return made

    document = page("as it was")
    serialize_ahead(document)
    assert "to_json" in vars(document)
    assert words(document) == words(page("as it was"))
    assert "to_json" not in vars(document), "it holds once"

    serialize_ahead(document)
    document.roots[0].text = "changed"
    assert words(document) == words(page("changed"))

    serialize_ahead(document)
    kind = type("KindOf", (DataModel,), {"__qualname__": f"KindOf{id(document)}"})
    assert kind.__qualname__ in json.dumps(words(document)["defs"])


def test_an_address_that_asks_for_something_does_not(lens):
    with served(show_of(lens)) as made:
        ahead = waiting(made)
        assert visit(made, "?theme=dark")[0] != ahead
        assert visit(made)[0] == ahead


def test_a_page_that_would_show_less_than_a_new_one_is_not_given_away(lens):
    with served(show_of(lens)) as made:
        ahead = waiting(made)
        lens.run("pca", layer="fc1")
        assert visit(made)[0] != ahead
        wait_until(
            lambda: ahead not in {session.id for session in made._server.get_sessions()},
            what="the end of a page that nobody gets",
        )


def test_after_all_have_left_the_next_one_is_made(lens):
    with served(show_of(lens)) as made:
        first = waiting(made)
        visit(made)
        for session in made._server.get_sessions():
            session.request_expiration()
        assert waiting(made) != first


def test_all_that_a_page_showed_goes_with_its_visitor(lens):
    """A server goes on for days: what is held of each page would fill the memory."""
    show = show_of(lens)
    with served(show) as made:
        first = waiting(made)
        visit(made)
        visit(made, "?theme=dark")
        shown = [weakref.ref(explorer) for explorer in show._shown.values()]
        assert len(shown) == 2
        for session in made._server.get_sessions():
            session.request_expiration()
        assert waiting(made) != first
        wait_until(lambda: gc.collect() is not None and not any(each() for each in shown), what="their end")


def test_it_takes_no_seat_before_it_is_given_away(lens):
    with served(show_of(lens), seats=1) as made:
        ahead = waiting(made)
        other, html = visit(made, "?theme=dark")
        assert other != ahead and "All places are taken" not in html
        session, html = visit(made)
        assert session != ahead


def test_a_page_that_fails_is_made_by_and_for_the_visitor(lens, monkeypatch):
    show, pages = show_of(lens), []

    def fails():
        pages.append(1)
        raise NNLensError("It is gone.", "Look for it.")

    monkeypatch.setattr(show, "page", fails)
    with served(show) as made:
        wait_until(lambda: pages, what="the page that fails")
        tried = len(pages)
        visit(made)
        assert len(pages) == tried + 1
