"""The page on a run of embeddings: maps and selections work, what needs a network says why it is empty."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnlens import Lens, capture_embeddings
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, HEADS, SHOWN_WORDS
from nnlens.ui.core.data import RunData
from nnlens.ui.core.record import read, to_json
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.url import from_query
from nnlens.ui.page import Explorer
from nnlens.ui.panels.filters import columns

NAMES = ["<b>cat</b>", "dog", "bird"]


def made(folder, pictured):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    vectors = rng.normal(size=(60, 8)) + 9 * np.eye(8)[labels]
    images = rng.integers(0, 256, (60, 6, 6), dtype=np.uint8) if pictured else None
    return capture_embeddings(
        vectors, folder, labels=labels, images=images, class_names=NAMES, name="some faces"
    )


@pytest.fixture(scope="module", params=["bare", "pictured"])
def run(request, tmp_path_factory):
    return made(tmp_path_factory.mktemp("runs") / request.param, request.param == "pictured")


def test_the_data_of_a_page_has_no_made_up_predictions(run):
    data = RunData.from_store(run)
    assert not data.scored
    assert data.variables == ("label",)
    assert data.pictured == ("image" in run.samples)
    assert (data.prediction == -1).all()
    assert np.isnan(data.loss).all()
    assert [stop.title for stop in stops(run)] == (["input"] if data.pictured else []) + ["embedding"]
    session = Session(Lens(run))
    assert set(columns(session)) == {"id", "label"}
    from_query(session, "color=loss")
    assert session.state.color_by == "label"
    assert "the color loss" in session.messages[-1].text
    record = read(session, 4)
    assert record is not None
    assert record.correct is None
    assert json.loads(to_json(session, record, {})) == {
        "run": run.name,
        "id": 4,
        "label": "dog",
        "places": {},
    }


@pytest.fixture(scope="module")
def url(run, explore):
    return explore(run.path)


@pytest.fixture
def page(run, url, open_page):
    page = open_page(url)
    page.evaluate(f"() => {{ window.all = {ALL}; window.words = {SHOWN_WORDS}; window.heads = {HEADS} }}")
    page.tell = lambda *texts: wait_until(
        lambda: all(text in page.evaluate("words()") for text in texts),
        what=f"{texts} on the page",
        seen=lambda: page.evaluate("words()"),
    )
    yield page
    assert not [error for error in page.errors if "WebGL" not in error]
    assert "Traceback" not in page.evaluate("words()")


@pytest.mark.browser
def test_the_page_says_what_there_is_and_why_there_is_no_more(page, run):
    pictured = "image" in run.samples
    page.tell("some faces", "60 samples", "8 units · made elsewhere", "No predictions", "First samples")
    wait_until(
        lambda: "of embedding" in page.evaluate("heads()[0]") and " of " in page.evaluate("heads()[1]"),
        60,
        what="two maps",
        seen=lambda: page.evaluate("heads()"),
    )
    wait_until(
        lambda: ("of input pixels" in page.evaluate("heads()[1]")) == pictured,
        what="the second map", seen=lambda: page.evaluate("heads()"),
    )  # fmt: skip
    words = page.evaluate("words()")
    assert "accuracy" not in words.replace("2-D accuracy", "")
    assert words.lower().count("loss") == 1  # the name of a tab
    page.tell("Pool of all" if pictured else "Table of all")
    for tab, told in {
        "Loss": ("No losses", "without a network that predicts"),
        "Confusion": ("No predictions", "without a network that predicts"),
        "Pool": ("Pinned 0",),
        "Table": ("Table of all", "60 samples", "label"),
        "Analyses": ("Compute",),
        "Plugins": ("ready",),
        "Overview": ("No predictions",),
    }.items():
        page.get_by_role("tab", name=tab).click()
        page.tell(*told)
    page.wait_for_function("all('img').every(n => n.complete && n.naturalWidth)")
    assert bool(page.evaluate("all('.tile img').length")) == pictured


@pytest.mark.browser
def test_a_map_is_brushed_and_a_sample_inspected(page, run):
    page.tell("60 in view")
    wait_until(lambda: page.evaluate("all('.bk-Figure').length") >= 2, what="both maps")
    place = "n => { const b = n.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }"
    corners = ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.04))

    def brushed():
        x, y, width, height = page.evaluate(f"({place})(all('.bk-Figure')[0])")
        page.mouse.move(x + width * corners[0][0], y + height * corners[0][1])
        page.mouse.down()
        for across, down in corners[1:]:
            page.mouse.move(x + width * across, y + height * down, steps=6)
        page.mouse.up()
        return "60 selected" in page.evaluate("words()")

    wait_until(brushed, 60, what="60 selected", seen=lambda: page.evaluate("words()"))
    page.keyboard.press("Escape")
    page.tell("nothing selected", "drag a lasso on a map, or write a filter")
    page.keyboard.press("j")
    page.tell("Sample 0", "<b>cat</b>", "Not without a network", "Neighbors in embedding")
    assert page.evaluate("all('.subject').length") == int("image" in run.samples)
    page.keyboard.press("/")
    page.keyboard.type("label == 'dog'")
    page.keyboard.press("Enter")
    page.tell("20 selected", "20 samples match")
    page.keyboard.press("Control+a")
    page.keyboard.type("loss > 1")
    page.keyboard.press("Enter")
    page.tell("There is no column 'loss'.", "There are id, label.")


@pytest.mark.filterwarnings(
    "ignore:The inplace keyword:DeprecationWarning"
)  # Panel 1.9's table, with pandas 3.1
@pytest.mark.parametrize("labels", [None, np.full(60, -1), ["x" * 10_000] * 60, list(range(60))])
def test_every_part_is_built_whatever_the_labels(tmp_path, labels):
    store = capture_embeddings(np.random.default_rng(0).normal(size=(60, 4)), tmp_path / "run", labels=labels)
    explorer = Explorer(Lens(store))
    for tab in explorer.below.bottom.tabs:
        explorer.below.bottom.open(tab.title)
    for focus in (0, 59, None):
        explorer.session.state.focus = focus
    explorer.session.state.select([1, 2, 3], {"kind": "ids"})
    assert not explorer.session.messages
