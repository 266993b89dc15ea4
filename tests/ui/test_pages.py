"""Pages of plugins without a browser: their state, what they are told of, and that their errors stay with them."""

from __future__ import annotations

import numpy as np
import panel as pn
import param
import pytest

from nnlens import Lens, Page
from nnlens.errors import AnalysisError
from nnlens.registry import Registry
from nnlens.testing import tiny_store
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.url import from_query, to_query
from nnlens.ui.core.work import Work
from nnlens.ui.panels.pages import page_tabs


class Told(Page):
    """Keep what it is told."""

    title = "Told"
    size = param.Integer(default=3, bounds=(1, 9), doc="How many.")
    span = param.Range(default=(0, 1), doc="From where to where.")
    frame = param.Parameter(default=None, doc="What no address can carry.")
    hidden = param.String(default="", precedence=-1, doc="What no address is to carry.")
    made: list[Told] = []

    def panel(self):
        self.heard = []
        self.made.append(self)
        return pn.Column("sound")

    def push(self, selection):
        self.heard.append(len(selection))

    def focused(self, sample):
        self.heard.append(("focus", sample))


class Hostile(Page):
    """Break in whatever way it is asked to."""

    title = "<img src=x onerror=alert(1)>"
    how = param.Selector(
        default="panel", objects=["panel", "nothing", "push", "render", "words"], doc="Where."
    )

    def panel(self):
        if self.how == "panel":
            raise KeyError("no key")
        if self.how == "words":
            raise AnalysisError("It cannot.", "Do otherwise.")
        return None if self.how == "nothing" else pn.Column("stands")

    def push(self, selection):
        if self.how == "push" and len(selection):
            raise ZeroDivisionError("division")


class Desk:
    """A session over a small run, whose registry has only the given pages."""

    def __init__(self, folder, *pages, query=""):
        registry = Registry(discover=None)
        for cls in pages:
            registry.register(cls)
        self.lens = Lens(tiny_store(folder, 30), registry=registry)
        self.session = Session(self.lens)
        self.catalog = Catalog(registry)
        self.session.page_ids = frozenset(info.id for info, _ in self.catalog.pages)
        from_query(self.session, query)
        self.tabs = page_tabs(self.session, self.lens, Work(self.session), self.catalog, {"Jobs"})

    def open(self, place=0):
        self.tabs[place].build()
        return self.tabs[place].parts[0]

    def words(self, host):
        return " ".join(
            getattr(part, "html", "")
            for part in (host._head, *host._body)
            if part is not host._head or part.visible
        )


@pytest.fixture
def desk(tmp_path):
    Told.made.clear()
    return lambda *pages, query="": Desk(
        tmp_path / f"run{len(list(tmp_path.iterdir()))}", *pages, query=query
    )


def test_it_is_made_when_its_tab_is_opened_and_follows_selection_and_focus(desk):
    made = desk(Told)
    assert [tab.title for tab in made.tabs] == ["Told"] and not Told.made
    host = made.open()
    page = Told.made[0]
    made.session.state.select([1, 2, 3], {"kind": "ids"})
    made.session.state.focus = 7
    assert page.heard == [0, ("focus", None), 3, ("focus", 7)]
    host.hidden = True
    made.session.state.select([1], {"kind": "ids"})
    made.session.state.clear()
    made.session.state.focus = 8
    assert page.heard[4:] == []
    host.hidden = False
    assert page.heard[4:] == [0, ("focus", 8)]
    host.hidden = True
    host.hidden = False
    assert page.heard[6:] == []  # nothing happened meanwhile


def test_two_sessions_have_two_states(desk):
    made = desk(Told)
    made.open()
    other = Session(made.lens)
    tab = page_tabs(other, made.lens, Work(other), made.catalog, set())[0]
    tab.build()
    one, two = Told.made
    one.size = 5
    other.state.select([4], {"kind": "ids"})
    assert (one.size, two.size) == (5, 3)
    assert made.session.pages == {"local:told": {"size": 5}} and other.pages == {}
    assert one.heard == [0, ("focus", None)] and two.heard[-1] == 1


def test_its_state_comes_back_with_the_address(desk):
    made = desk(Told)
    made.open()
    page = Told.made[0]
    page.param.update(size=7, span=(0.25, 0.5), frame=np.ones(3), hidden="secret")
    query = to_query(made.session)
    assert "secret" not in query
    again = desk(Told, query=query)
    again.open()
    back = Told.made[1]
    assert (back.size, back.span, back.frame, back.hidden) == (7, (0.25, 0.5), None, "")
    back.param.update(size=3, span=(0, 1))
    assert "page" not in to_query(again.session)


@pytest.mark.parametrize(
    ("query", "words"),
    {
        'page.local:told={"size":99}': "size = 99 of Told",
        'page.local:told={"name":"x"}': "name = x of Told",
        'page.local:told={"hidden":"x"}': "hidden = x of Told",
        "page.local:told=[1]": "the state of a page that cannot be read",
        'page.nobody:page={"size":1}': "the state of a page that cannot be read",
    }.items(),
)
def test_what_an_address_says_of_it_is_not_trusted(desk, query, words):
    made = desk(Told, query=query)
    made.open()
    page = Told.made[0]
    assert (page.size, page.hidden) == (3, "")
    assert any(words in message.text for message in made.session.messages)


def test_a_title_that_is_taken_is_told_apart(desk):
    class Jobs(Told):
        """Take a name."""

        title = "Jobs"

    assert [tab.title for tab in desk(Jobs).tabs] == ["Jobs · local"]


@pytest.mark.parametrize(
    ("how", "words"),
    {
        "panel": "KeyError: ",
        "nothing": "its panel returned nothing.",
        "words": "It cannot. Do otherwise.",
    }.items(),
)
def test_one_that_cannot_be_built_says_so_in_its_tab(desk, how, words):
    made = desk(Hostile, query=f'page.local:hostile={{"how":"{how}"}}')
    host = made.open()
    assert words in made.words(host) and "Try again" in made.words(host)
    assert "<img" not in made.words(host) and not made.session.messages
    made.session.pages = {"local:hostile": {"how": "push"}}
    host._begin()
    assert made.words(host) == ""


def test_one_that_fails_later_is_told_over_it_and_stays(desk):
    made = desk(Hostile, query='page.local:hostile={"how":"push"}')
    host = made.open()
    made.session.state.select([1], {"kind": "ids"})
    assert "ZeroDivisionError: division" in made.words(host)
    assert not made.session.messages and host._page is not None
    try:
        host._page.push([1])
    except ZeroDivisionError as error:
        made.session.report(error)  # as a callback of one of its widgets would
    made.session.report(ValueError("of another"))
    assert len(made.session.messages) == 1


def test_in_a_script_it_computes_at_once(tmp_path):
    class Runs:
        run = staticmethod(lambda analysis, **request: (analysis, request))

    got = []
    Page(Runs(), None).compute("loss", got.append, layer="fc1")
    assert got == [("loss", {"layer": "fc1"})]
