"""The whole page in a real browser, on digits: what is on it, keys, filter, themes, address, small windows.

Hostile names have a run of their own, for no data set has them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest

from nnlens.capturing import capture
from nnlens.samples import Samples
from nnlens.testing import tiny_model, tiny_store, wait_until
from nnlens.testing.browser import FIGURES, LOOK, Driver, at_rest, stands
from nnlens.testing.tiny_run import tiny_images

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>"


class Page(Driver):
    """A page with what these tests do."""

    def filter(self, text):
        self.press("/")
        self.press("Control+a")
        self.page.keyboard.type(text)
        self.press("Enter")
        self.press("Escape")

    def wait_for_number(self, number, words):
        """Wait for a whole number before these words: 5, and not the end of 45."""
        self.wait_for(f" {number:,} {words}")

    def go_home(self, run):
        """Bring the page back to how it opens, by its own means; a sample in focus stays, for nothing takes it away."""
        self.page.set_viewport_size({"width": 1440, "height": 900})
        if self.page.evaluate("location.search.includes('theme=dark')"):
            self.click("[data-act=theme]")
            self.page.wait_for_function("!location.search.includes('theme=dark')")
        wait_until(self.left_all, what="an empty selection", interval=LOOK, seen=self.words)
        for key in ("/", "Control+a", "Delete", "Enter", "Escape"):
            self.press(key)
        self.page.wait_for_function(
            "all('input[role=combobox]')[0].value === '' && !all('.none, .fault').length"
        )
        self.page.get_by_role("tab", name="Overview").click()
        if self.page.evaluate("all('.chip.off').length"):
            self.click("[data-act=all]")
        layer = hidden(run)
        if f"PCA of {layer}" not in self.words() and f"t-SNE of {layer}" not in self.words():
            self.click(f".stop[data-key={layer}]")
        self.wait_for("Worst of all", "nothing selected", "60 in view", f" of {layer}", " of input")
        left = ".banner, :popover-open, .chip.off"
        wait_until(
            lambda: not self.count(left),
            20,
            what="nothing over the page, and all classes shown",
            interval=LOOK,
            seen=lambda: self.evaluate("css => all(css).map(n => n.outerHTML)", left),
        )

    def left_all(self):
        """Press Escape, and tell whether there was nothing to leave any more."""
        words = self.words()
        self.press("Escape")
        return "nothing selected" in words and not self.page.evaluate(
            "all(':popover-open').length || all('.MuiDialog-root').some(n => n.checkVisibility())"
            " || all('input, select, textarea').some(n => n.matches(':focus'))"
        )


@pytest.fixture(scope="module")
def run(digits_run, tmp_path_factory):
    return digits_run(tmp_path_factory.mktemp("runs") / "digits", 60)


def hidden(run):
    """The layer of the hidden vectors: the one before that of the outputs."""
    return run.layers[-2].name


def labelled(run, label):
    """How many samples of a run have this label."""
    return int((run.samples["label"].values == label).sum())


@pytest.fixture(scope="module")
def url(run, explore):
    return explore(run.path)


def well(page, url):
    """Check that nothing went wrong on a page, and that it asked nothing of another host."""
    assert not [error for error in page.errors if "WebGL" not in error]
    hosts = {urlsplit(address).netloc for address in page.addresses if address.startswith("http")}
    assert hosts == {urlsplit(url).netloc}, "a request left the server's own address"


@pytest.fixture(scope="module")
def shared(url, open_shared):
    made = Page(open_shared(url))
    made.wait_for("Worst of all", "in view")
    return made


@pytest.fixture
def page(shared, url, run):
    """The page that most of these tests use in turn, with nothing selected, filtered or hidden, but maybe a focus."""
    shared.go_home(run)
    yield shared
    well(shared, url)


@pytest.fixture
def fresh(url, open_page):
    """A page that nobody has touched."""
    made = Page(open_page(url))
    made.wait_for("Worst of all", "in view")
    yield made
    well(made, url)


def test_the_first_page_shows_what_is_true_opens_every_tab_and_hears_keys(fresh, run):
    shows_what_is_true(fresh, run)
    opens_every_tab(fresh)
    keys_walk_select_and_undo(fresh, run)


def shows_what_is_true(page, run):
    accuracy = float((run.samples["label"] == run.samples["prediction"]).mean())
    spatial = [layer.name for layer in run.layers if max(layer.info.shape[1:], default=1) > 1]
    channels = f"Channels of {spatial[-1]}"
    page.wait_for(
        "60 samples", f"{100 * accuracy:.2f} %", hidden(run), "PCA of", "Confusion", "Loss", channels
    )
    assert page.title() == "nnlens"
    fonts = [address.rpartition("/")[2] for address in page.addresses if "roboto-" in address]
    assert any("latin" in font for font in fonts)
    assert not [font for font in fonts if "cyrillic" in font or "vietnamese" in font], (
        "no letter asks for them"
    )
    # what the page tells Bokeh an em is, without having the styles computed for it
    sizes = page.evaluate(
        f"({FIGURES})().map(view => [view.base_font_size, getComputedStyle(view.el).fontSize])"
    )
    assert sizes and {(size, f"{size}px") for size, _ in sizes} == {tuple(size) for size in sizes}


def opens_every_tab(page):
    for tab, words in {
        "Loss": "cross-entropy",
        "Confusion": "prediction",
        "Pool": "Pinned 0",
        "Channels": "No sample in focus",
        "Analyses": "Compute",
        "Jobs": "PCA",
        "Plugins": "ready",
        "Overview": "Worst of all",
    }.items():
        page.page.get_by_role("tab", name=tab).click()
        page.wait_for(words)


def keys_walk_select_and_undo(page, run):
    losses = run.samples["loss"].values
    worst = int(run.ids[np.argmax(losses)])
    page.press("j")
    page.wait_for(f"Sample {worst:,}", "Prediction")
    page.filter("loss > 0")
    page.wait_for("selected", "samples match")
    page.wait_for(f"{(losses > 0).sum():,} selected")
    page.press("Escape")
    page.wait_for("nothing selected")
    page.press("Control+z")
    page.wait_for(" selected accuracy")
    page.press("Control+Shift+Z")
    page.wait_for("nothing selected")
    page.press("?")
    page.wait_for("Keys and about", "license")


def test_the_page_never_scrolls_and_nothing_hangs_out(page):
    edges = "n => { const b = n.getBoundingClientRect(); return [b.left, b.right, b.top, b.height] }"
    parts = (".facts", ".line", ".tools", ".strip", ".chips", ".banners", ".rank")
    places = lambda: {css: page.evaluate(f"all({css!r}).map({edges})") for css in parts}  # noqa: E731
    for width, height in ((1440, 900), (2560, 1440), (1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"innerWidth === {width} && all('.facts').length")
        page.wait_for_function("document.scrollingElement.scrollHeight <= innerHeight")
        for css, boxes in at_rest(places).items():
            assert all(left >= -1 and right <= width + 1 for left, right, *_ in boxes), (width, css)
            if css in (".facts", ".line", ".tools"):
                assert boxes[0][2:] == [0, 48], (width, css)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.filter("id >= 0")  # the bar is fullest where something is selected
    page.wait_for(" selected accuracy", "What do these share?")
    tools = at_rest(lambda: page.evaluate(f"all('.tools').map({edges})"))[0]
    assert tools[1] <= 1280


def test_a_filter_without_result_offers_one_that_has(page, run):
    largest = float(run.samples["loss"].max())
    page.filter("loss > 1000")
    page.wait_for("No sample matches.", f"The largest loss is {largest:.3g}.")
    page.click("[data-act=use]")
    page.wait_for(" selected accuracy")
    page.filter("loss >")
    page.wait_for("cannot be read")


def test_a_filter_is_completed_by_the_keyboard(page, run):
    field, options = "all('input[role=combobox]')[0]", "all('[role=listbox]:popover-open [role=option]')"
    words = f"{options}.map(n => n.firstChild.textContent).join('|')"
    page.press("/")
    page.keyboard.type("la")
    page.wait_for_function(f"{words} === 'label' && {field}.getAttribute('aria-expanded') === 'true'")
    page.press("Tab")
    page.wait_for_function(f"{field}.value === 'label ' && {words}.startsWith('==|!=')")
    page.press("ArrowDown")
    page.wait_for_function(f"{field}.getAttribute('aria-activedescendant') === {options}[0].id")
    page.press("Enter")
    values = "|".join([*map(repr, run.class_names), "prediction"])  # what has classes too
    page.wait_for_function(f"{field}.value === 'label == ' && {words} === {values!r}")
    page.press("Escape")
    page.wait_for_function(f"{field}.getAttribute('aria-expanded') === 'false'")
    page.keyboard.type("1")
    page.press("Enter")
    page.wait_for_number(labelled(run, 1), "selected")
    page.wait_for_number(labelled(run, 1), "samples match")
    page.press("Control+a")
    page.press("Delete")
    page.wait_for_function(f"{words}.startsWith('label == 1|')")
    page.keyboard.type("lable == 1")
    page.press("Enter")
    page.wait_for("Did you mean label?")
    page.wait_for_function("all('.fault mark')[0].textContent === 'lable'")


def test_of_two_filters_in_quick_succession_the_last_one_holds(page, run):
    for place in range(4):
        page.filter(f"label == {place % len(run.class_names)}")
        page.filter(f"label == 'nobody{place}'")
        page.wait_for("No class is called", f"nobody{place}")


def test_what_a_filter_says_is_in_sight(page):
    page.filter("__import__('os') <b>")
    page.wait_for_function("all('.none').length > 0")
    box = page.evaluate(
        "(n => { const b = n.getBoundingClientRect(); return [b.top, b.bottom] })(all('.none')[0])"
    )
    tabs = page.evaluate("all('.tabs')[0].getBoundingClientRect().top")
    assert 0 < box[0] < box[1] <= tabs + 1, "the message lies under the tabs"


def test_the_filter_comes_back_with_the_address_and_goes_with_the_selection(page, run, open_page):
    page.filter("label == 1")
    page.wait_for_number(labelled(run, 1), "samples match")
    page.wait_for_function("location.search.includes('selection')")
    other = Page(open_page(page.url))
    stands(other).wait_for_number(labelled(run, 1), "selected")
    other.wait_for_number(labelled(run, 1), "samples match")
    field = "all('input[placeholder^=Filter]')[0].value"
    other.wait_for_function(f"{field} === 'label == 1'")
    other.press("Escape")
    other.wait_for("nothing selected")
    other.wait_for_function(f"{field} === ''")


def test_the_pill_undoes_redoes_and_clears(page, run):
    page.filter("label == 1")
    page.wait_for_number(labelled(run, 1), "selected")
    page.filter(f"id < {np.sort(run.ids)[5]}")
    page.wait_for_number(5, "selected")
    page.click(".pill [data-act=undo]")
    page.wait_for_number(labelled(run, 1), "selected")
    page.click(".pill [data-act=redo]")
    page.wait_for_number(5, "selected")
    page.click(".pill [data-act=clear]")
    page.wait_for("nothing selected")


def test_a_class_that_is_not_there_hides_nothing(url, open_page):
    page = Page(open_page(url + "?classes=77"))
    page.wait_for("a class that this run does not have", "60 in view")


def test_classes_are_switched_by_their_chips(page, run):
    first = labelled(run, 0)
    page.wait_for_number(60, "in view")
    page.click(".chip")
    page.wait_for_number(60 - first, "in view")
    page.wait_for_function("all('.chip')[0].getAttribute('aria-pressed') === 'false'")
    page.click("[data-act=none]")
    page.wait_for_number(0, "in view")
    page.click("[data-act=all]")
    page.wait_for_number(60, "in view")
    page.click(".chip")
    page.wait_for_number(60 - first, "in view")
    page.click("[data-act=invert]")
    page.wait_for_number(first, "in view")
    page.click("[data-act=all]")
    page.wait_for_number(60, "in view")


def test_a_link_shows_the_same(page, run, open_page):
    entries = page.evaluate("history.length")
    page.click(".chip", 2)  # before there is a selection, whose pill has chips of its own
    page.wait_for_number(60 - labelled(run, 2), "in view")
    page.press("j")
    page.filter("label == 1")
    told = lambda: page.evaluate("location.search")  # noqa: E731
    wait_until(lambda: "classes" in told() and "selection" in told(), 20, what="the address", seen=told)
    page.click("[data-act=theme]")
    page.wait_for_function("location.search.includes('theme=dark')")
    assert page.evaluate("history.length") == entries, "Back would change the address, and the page not"
    other = Page(open_page(page.url))
    other.wait_for("Sample ")
    other.wait_for_number(labelled(run, 1), "selected")
    other.wait_for_number(60 - labelled(run, 2), "in view")
    color = "getComputedStyle(all('.live')[0]).color"
    wait_until(lambda: other.evaluate(color) == page.evaluate(color), what="the theme of both pages")
    assert not [error for error in other.errors if "WebGL" not in error]


def test_a_wrong_address_is_dropped_with_a_word(url, open_page):
    page = Page(open_page(url + "?focus=77777&map_a=nothing&color=pink&run=../../etc"))
    page.wait_for("Worst of all", "the color pink", "the sample 77777", "no layer nothing", "1 earlier")
    page.click("[data-act=close]")
    page.wait_for("There is no run", "another one is shown")
    assert not [error for error in page.errors if "WebGL" not in error]


def test_rows_pictures_and_the_table_take_the_focus(page):
    def focuses(css):
        """Click on one that stands for another sample than that in focus."""
        page.wait_for_function(f"all({css!r}).length > 1")
        head = page.evaluate("all('.head .grow')[0]?.textContent ?? ''")
        others = f"all({css!r}).map(n => `Sample ${{(+n.dataset.value).toLocaleString('en')}}`)"
        which, wanted = next((i, each) for i, each in enumerate(page.evaluate(others)) if each != head)
        page.click(css, which)
        page.wait_for_function(f"all('.head .grow')[0]?.textContent === {wanted!r}")

    focuses("button.rank")
    page.page.get_by_role("tab", name="Pool").click()
    focuses(".card .what")
    page.page.get_by_role("tab", name="Table").click()
    page.wait_for("Table of all", "confidence")
    rows = "all('.tabulator-row').map(n => [n.getBoundingClientRect().y, n.textContent])"
    page.wait_for_function("all('.tabulator-row').length > 5")
    at_rest(lambda: page.evaluate(rows))  # the grid puts its rows up in steps
    before = page.evaluate("all('.head .grow')[0].textContent")
    page.click(".tabulator-row", 5)
    page.wait_for_function(f"all('.head .grow')[0].textContent !== {before!r}")


def test_a_double_click_on_a_cell_of_the_overview_shows_all_its_pictures(page, run):
    table = run.samples
    label, prediction, loss = (table[name].values for name in ("label", "prediction", "loss"))
    chosen = "all('[role=tab][aria-selected=true]').map(n => n.textContent).join()"
    wrong, often = int(np.flatnonzero(label != prediction)[0]), int(np.bincount(label).argmax())
    for row, column in ((often, often), (int(label[wrong]), int(prediction[wrong]))):
        page.page.get_by_role("tab", name="Overview").click()
        page.wait_for_function(f"{chosen} === 'Overview' && seen('button.rank').length > 0")
        page.mouse.dblclick(*page.place(["Image", "Quad", "Text"], column, -row))
        own = np.flatnonzero((label == row) & (prediction == column))
        page.wait_for("All cells", f"1–{len(own)} of {len(own)}, worst first")
        page.wait_for_number(len(own), "selected")
        page.wait_for_function(f"{chosen} === 'Confusion'")
        worst_first = run.ids[own[np.argsort(-loss[own], kind="stable")]].tolist()
        page.wait_for_function(
            f"seen('.thumb').map(n => n.dataset.value).join() === '{','.join(map(str, worst_first))}'"
        )
        page.click("[data-act=back]")
        page.wait_for_function("!seen('.thumb').length")


def test_an_analysis_gets_controls_and_a_face(page):
    page.page.get_by_role("tab", name="Analyses").click()
    page.wait_for("Compute", "Not computed yet")
    page.click("[data-act=compute]", page.count("[data-act=compute]") - 1)
    page.wait_for("rank")


def test_a_map_is_computed_on_another_layer(page, run):
    page.click(".stop", 1)
    page.wait_for_function(f"all('.ph')[0].textContent.includes(' of {run.layers[0].name}')")


def test_in_a_small_window_the_controls_come_out_of_the_edge(page):
    page.set_viewport_size({"width": 1100, "height": 700})
    page.wait_for_function("all('[data-act=drawer]')[0].getBoundingClientRect().width > 0")
    page.wait_for_function("all('.chips')[0].getBoundingClientRect().right <= 0")
    page.click("[data-act=drawer]")
    page.wait_for_function("all('.chips')[0].getBoundingClientRect().left > 0")
    page.click("[data-act=drawer]")
    page.wait_for_function("all('.chips')[0].getBoundingClientRect().right <= 0")


def test_everything_has_a_name_for_screen_readers(page):
    page.press("j")
    page.wait_for("Prediction")
    named = "n.getAttribute('aria-label') || n.textContent.trim() || n.title || n.labels?.length"
    seen = "n.offsetParent && !n.closest('[aria-hidden=true]')"
    unnamed = page.evaluate(
        f"all('button, select, input, [role=tab]').filter(n => {seen} && !({named})).map(n => n.outerHTML.slice(0, 99))"
    )
    assert not unnamed
    assert not page.evaluate(
        "all('img').filter(n => !n.hasAttribute('alt')).map(n => n.outerHTML.slice(0, 120))"
    )


# ------------------------------------------------------------------------------------------------------- hostile names
@pytest.fixture(scope="module")
def hostile(tmp_path_factory, explore):
    folder = tmp_path_factory.mktemp("hostile")
    images, labels = tiny_images(60, 3)
    names = [HOSTILE, "\u202e" + HOSTILE + "x" * 10_000, ""]
    model = tiny_model()
    model._steps = {HOSTILE if name == "fc1" else name: step for name, step in model._steps.items()}
    renamed = {"fc1": HOSTILE}
    model.layers = tuple(
        replace(
            layer,
            name=renamed.get(layer.name, layer.name),
            inputs=tuple(renamed.get(i, i) for i in layer.inputs),
        )
        for layer in model.layers
    )
    capture(model, Samples(images, labels, class_names=names), folder / HOSTILE, keep="all")
    site = folder / "site"
    info = site / "evil-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: evil\nVersion: 1.0 {HOSTILE}\n")
    (info / "entry_points.txt").write_text(
        "[nnlens.analyses]\nevil = evil_plugin:Evil\nbroken = evil_plugin:Gone\n"
    )
    (site / "evil_plugin.py").write_text(
        "import param, xarray as xr\nfrom nnlens import Analysis\n"
        f"H = {HOSTILE!r}\n"
        "class Evil(Analysis):\n"
        f"    '''{HOSTILE} does it.'''\n"
        "    title = H\n    requires = {'loss': ('sample',)}\n    provides = {'odd': ('class_',)}\n"
        "    choice = param.Selector(default=H, objects=[H, 'b', 'c', 'd'], label=H, doc=H)\n"
        "    def compute(self, data, context):\n"
        "        return xr.Dataset({'odd': ('class_', [1., 2., 3.], {'long_name': H})}, attrs={'caption': H})\n"
        f"raise_name = None\n"
        f"def __getattr__(name):\n    raise AttributeError({HOSTILE!r})\n"
    )
    return explore(folder / HOSTILE, PYTHONPATH=str(site))


def test_hostile_names_are_shown_as_text(hostile, open_page):
    page = stands(Page(open_page(hostile)))
    page.wait_for("Worst of all", "in view", HOSTILE)
    page.press("j")
    page.wait_for("Prediction")
    page.filter("label == '<img src=x onerror=window.hacked=1>'")
    page.wait_for("selected")
    page.filter("label == '<img src=y onerror=window.hacked=1>'")
    page.wait_for("No class is called")
    for tab in ("Confusion", "Table", "Pool", "Channels", "Analyses", "Plugins", "Jobs"):
        page.page.get_by_role("tab", name=tab).click()
        page.wait_for(tab)
    page.page.get_by_role("tab", name="Plugins").click()
    page.wait_for("evil", "broken", "cannot be used")
    page.press("?")
    page.wait_for("Keys and about")
    assert page.evaluate("window.hacked") is None
    assert not page.evaluate("all('img').filter(n => n.getAttribute('src') === 'x').length")
    assert not [error for error in page.errors if "WebGL" not in error]


def test_another_run_is_opened_from_the_menu(digits_run, tmp_path_factory, explore, open_page):
    folder = tmp_path_factory.mktemp("two")  # the server outlives the test, and computes
    tiny_store(folder / "runs" / "one", 60)  # one whose network is not at hand, and takes no weights
    digits_run(folder / "runs" / "two", 30)
    url = explore(folder / "runs")
    page = Page(open_page(url))
    page.wait_for("60 samples", "60 in view")
    veils = "[...document.querySelectorAll('.nn-drop')].map(n => n.textContent)"
    assert page.evaluate(veils) == ["Drop a picture to find the samples like it"], "there is no network"
    told = """window.told = []; new MutationObserver(() => told.push(...seen('.facts').map(n => n.textContent)))
      .observe(all('.facts')[0].getRootNode(), {childList: true, subtree: true})"""
    page.evaluate(told)
    page.locator("select[data-act=run]").select_option("two")
    page.wait_for("30 samples", "30 in view")
    assert "run=two" in page.url and not page.errors
    assert any("Opening two" in words for words in page.evaluate("told"))
    words = "Drop a picture to find the samples like it, or weights of the same architecture"
    assert page.evaluate(veils) == [words], "one, and that of this run"
    a_lost_connection_is_said_and_comes_back(page, explore, url, folder / "runs")


def a_lost_connection_is_said_and_comes_back(page, explore, url, runs):
    """Without its server the page says so and tries again; with another one it comes back as it was."""
    page.press("j")
    page.wait_for_function("location.search.includes('focus=')")
    focus = page.evaluate("new URLSearchParams(location.search).get('focus')")
    bar = "[...document.querySelectorAll('body > [role=alert]')].map(n => n.textContent).join()"
    page.evaluate("window.same = true")
    explore.stop(url)
    page.wait_for_function(f"{bar}.startsWith('Connection lost')")
    tries = re.compile(r"Connection lostTrying again( in \d+ s)?. The address keeps your view.Now")
    assert tries.fullmatch(page.evaluate(bar))
    assert page.evaluate("window.same"), "what was there can still be read"
    explore(runs, port=str(urlsplit(url).port))
    page.page.wait_for_function(
        "!window.same && window.Bokeh && Bokeh.documents[0]?.is_idle", timeout=120_000
    )
    page = Page(page.page)  # what it had put into the page is gone
    page.wait_for("30 samples", f"Sample {int(focus):,}")
    assert "run=two" in page.url and not page.evaluate(bar)
