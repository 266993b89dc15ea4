"""What holds the page together, in a real browser, on digits: runs menu, tour, keys, about, plugins and their pages."""

from __future__ import annotations

import os
import re
from importlib.metadata import version

import numpy as np
import pytest

from nnlens import Lens
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, IN_DIALOG
from nnlens.ui.panels.keys import HELP

pytestmark = pytest.mark.browser

ANALYSIS = """
import nnlens
class Mine(nnlens.Analysis):
    "Do little."
    title = "Mine"
    requires = {"loss": ("sample",)}
    provides = {"worth": ("sample",)}
    def compute(self, data, context):
        return data.rename(loss="worth")
"""
PAGES = """
import panel as pn, param
from nnlens import Page

class Counter(Page):
    "Count clicks."
    title = "Counter"
    number = param.Integer(default=0, bounds=(0, 9), doc="How often it was pressed.")
    def panel(self):
        add = pn.widgets.Button(name="Add one")
        add.on_click(self._add)
        self._told = pn.pane.Str("")
        self.param.watch(lambda _: self._tell(), "number")
        return pn.Column(add, self._told)
    def _tell(self):
        self._told.object = (
            f"pressed {self.number} times, {len(self.state.selection)} selected, focus {self.state.focus}"
        )
    def _add(self, event):
        self.number += 1
        if self.number == 3:
            ids = self.lens.store.ids.tolist()
            self.state.select(ids[:4], {"kind": "ids"})
            self.state.focus = ids[5]
        if self.number == 4:
            raise ValueError("four is too many")
    def push(self, selection):
        self._tell()
    def focused(self, sample):
        self._tell()

class Poor(Page):
    "Break while it is built."
    title = "Poor <b>page</b>"
    tried = param.List(default=[], doc="What was tried.")
    def panel(self):
        raise KeyError("no such thing")

class Late(pn.pane.Str):
    def _get_model(self, *arguments, **more):
        raise RuntimeError("it cannot be drawn")

class Poorer(Page):
    "Break while it is drawn."
    title = "Drawn late"
    def panel(self):
        return pn.Column(Late("x"))
"""
FAILING = """
import pathlib
from nnlens import Analysis
from nnlens.errors import AnalysisError

class Broken(Analysis):
    "Fail to place samples."
    title = "Broken"
    priority = -9
    requires = {"embedding": ("sample", "unit")}
    provides = {"projection": ("sample", "component")}

    def estimate(self, sizes):
        return 0.0 if pathlib.Path(__file__).with_name("quick").exists() else 1e6

    def compute(self, data, context):
        raise AnalysisError("There is <b>no</b> place for them.", "Ask somebody else.")
"""
PACKAGES = {
    "missing-pack": ("nnlens.analyses", "import fortran_kit.core\n" + ANALYSIS, {"wanting": "Mine"}),
    "old-pack": ("nnlens.analyses", ANALYSIS + "    plugin_api = 99\n", {"aged": "Mine"}),
    "twin-one": ("nnlens.analyses", ANALYSIS, {"twice": "Mine"}),
    "twin-two": ("nnlens.analyses", ANALYSIS, {"twice": "Mine"}),
    "off-pack": ("nnlens.analyses", ANALYSIS, {"resting": "Mine"}),
    "failing-pack": ("nnlens.analyses", FAILING, {"broken": "Broken"}),
    "paged-pack": ("nnlens.views", PAGES, {"counter": "Counter", "poor": "Poor", "poorer": "Poorer"}),
}
FIELD = "all('input[role=combobox]')[0]"
CARD = "all('.tour-card').find(node => node.matches(':popover-open'))"


def install(site, package, group, code, classes):
    """Put a package on a path as pip would."""
    module = package.replace("-", "_")
    info = site / f"{module}-1.2.3.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2.3\n")
    entries = "\n".join(f"{name} = {module}:{cls}" for name, cls in classes.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{entries}\n")


@pytest.fixture(scope="module")
def folder(digits_run, tmp_path_factory):
    runs = tmp_path_factory.mktemp("shell") / "runs"
    for name, count in (("one", 60), ("two", 30)):
        digits_run(runs / name, count)
    (runs / "worn").mkdir()
    (runs / "worn" / "commit.json").write_text("{")
    return runs


@pytest.fixture(scope="module")
def run(folder):
    """The run that a page opens which asks for none."""
    return Lens(folder / "one").store


@pytest.fixture(scope="module")
def url(folder, explore):
    site = folder.parent / "site"
    for package, (group, code, classes) in PACKAGES.items():
        install(site, package, group, code, classes)
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    return explore(folder, PYTHONPATH=path, NNLENS_DISABLE_PLUGINS="off-pack")


@pytest.fixture
def visit(url, open_page):
    pages = []

    def visited(query="", **options):
        page = open_page(url + query, **options)
        page.set_default_timeout(60_000)
        page.evaluate(f"() => {{ window.all = {ALL} }}")
        page.wait_for_function("location.search.includes('map_a')")  # the page stands, its keys too
        page.get_by_text(re.compile("[0-9]+ in view")).first.wait_for()
        pages.append(page)
        return page

    yield visited
    for page in pages:
        assert not [error for error in page.errors if "WebGL" not in error]


def tab(page, title):
    page.get_by_role("tab", name=title, exact=True).click()


# ------------------------------------------------------------------------------------------------------------ the tour
def test_the_tour_of_a_first_visit_covers_nothing_it_tells_of_and_takes_nothing_away(visit, run):
    page = visit(f"?ids={','.join(map(str, run.ids[1:4]))}", first_visit=True)
    card = page.get_by_role("dialog", name=re.compile("1 of 5"))
    card.wait_for()
    page.wait_for_function(f"{CARD}.getRootNode().activeElement.textContent === 'Next'")
    page.keyboard.press("j")  # the page goes on to hear its keys
    page.get_by_text(re.compile("^Sample [0-9,]+")).first.wait_for()
    titles = []
    for step in range(1, 6):
        page.get_by_role("dialog", name=re.compile(f"{step} of 5")).wait_for()
        titles.append(page.evaluate(f"{CARD}.textContent"))
        for width, height in ((1440, 900), (1280, 720), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function(f"innerWidth === {width}")
            page.wait_for_function(APART, arg=[width, height])
        if step % 2:
            page.keyboard.press("ArrowRight")
        else:
            page.get_by_role("button", name=re.compile("Next|Done")).click()
    assert len(set(titles)) == 5
    page.wait_for_function(f"!{CARD}")
    page.get_by_role("button", name="keys and about").click()
    page.get_by_role("button", name="Take the tour").click()
    page.get_by_role("dialog", name=re.compile("1 of 5")).wait_for()
    # the dialog has gone before, and its focus with it: a key that is pressed now is heard by the tour
    assert page.evaluate(f"{CARD}.getRootNode().activeElement.textContent") == "Next"
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("dialog", name=re.compile("1 of 5")).wait_for()
    page.keyboard.press("Escape")
    page.wait_for_function(f"!{CARD}")
    page.get_by_text("3 selected").wait_for()  # esc went to the tour, not to the selection
    assert page.evaluate("localStorage.getItem('nnlens.tour')") == "seen"


APART = """([width, height]) => {
  const open = css => all(css).find(node => node.matches(':popover-open'))?.getBoundingClientRect()
  const card = open('.tour-card'), ring = open('.tour-ring')
  const inside = card.left >= 0 && card.top >= 0 && card.right <= width && card.bottom <= height
  const apart = card.bottom <= ring.top || card.top >= ring.bottom || card.right <= ring.left || card.left >= ring.right
  return inside && apart && ring.width > 20 && ring.right <= width + 8 && ring.bottom <= height + 8
}"""


def test_the_tour_comes_once(visit):
    page = visit(first_visit=True)
    page.wait_for_function(CARD)
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_text(re.compile("[0-9]+ in view")).first.wait_for()
    page.evaluate(f"() => {{ window.all = {ALL} }}")
    page.wait_for_timeout(1500)  # a first visit's comes within a second of the page
    assert not page.evaluate(f"!!{CARD}")


# ------------------------------------------------------------------------------------------------------------ the help
class Hands:
    """A page, and for each key of the help what it says; what the pointer does is tested where maps and panels are."""

    def __init__(self, page, run):
        self.page, self.run = page, run

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def selected(self, number):
        self.page.wait_for_function(f"+(all('.pill b.n')[0]?.textContent ?? 0) === {number}")

    def filter(self, text):
        self.press("/", "Control+a")
        self.page.keyboard.type(text)
        self.press("Enter")

    def sample(self):
        return self.page.evaluate("all('.head .grow')[0]?.textContent ?? ''")

    def changes_sample(self, act):
        before = self.sample()
        act()
        self.page.wait_for_function(
            "before => (all('.head .grow')[0]?.textContent ?? '') !== before", arg=before
        )

    def ones(self):
        """Select the ones, and tell how many there are."""
        self.filter("label == 1")
        number = int((self.run.samples["label"].values == 1).sum())
        self.selected(number)
        return number

    # ------------------------------------------------------------------------------------------------- the keys
    def walk(self):
        losses = self.run.samples["loss"].values
        worst = int(self.run.ids[np.argmax(losses)])
        self.press("j")
        self.page.get_by_text(f"Sample {worst:,}", exact=True).first.wait_for()
        self.changes_sample(lambda: self.press("j"))
        self.changes_sample(lambda: self.press("k"))
        assert self.sample() == f"Sample {worst:,}"

    def pin(self):
        pinned = "new URLSearchParams(location.search).get('pins')"
        self.press("p")
        self.page.wait_for_function(f"{pinned} === {self.sample().split()[-1].replace(',', '')!r}")
        self.press("p")
        self.page.wait_for_function(f"{pinned} === null")

    def turn(self):
        pages = "all('.turn').map(n => n.textContent).join()"
        self.page.evaluate("all('button.rank')[0].focus()")
        for key, told in (("PageDown", "9–16"), ("PageUp", "1–8")):
            self.press(key)
            self.page.wait_for_function(f"{pages}.includes({told!r})")

    def leave(self):
        number = self.ones()
        self.press("Escape")  # the field
        self.selected(number)
        self.press("Escape")
        self.selected(0)

    def undo(self):
        number = self.ones()
        self.press("Escape", "Escape")
        self.selected(0)
        self.press("Control+z")
        self.selected(number)

    def redo(self):
        self.press("Control+Shift+Z")
        self.selected(0)
        self.page.wait_for_function(f"{FIELD}.value === ''")  # the filter goes with what it had selected

    def slash(self):
        focused = (
            "(() => { let a = document.activeElement; while (a?.shadowRoot?.activeElement)"
            " a = a.shadowRoot.activeElement; return a?.placeholder?.startsWith('Filter') ?? false })()"
        )
        self.press("/")
        self.page.wait_for_function(f"{focused} && {FIELD}.getAttribute('aria-expanded') === 'true'")
        self.press("Escape")  # the list of offers
        self.page.wait_for_function(f"{focused} && {FIELD}.getAttribute('aria-expanded') === 'false'")
        self.press("Escape")
        self.page.wait_for_function(f"!{focused}")

    def help(self):
        self.press("?")
        self.page.get_by_text("Keys and about").wait_for()
        self.page.wait_for_function(IN_DIALOG)
        self.press("Escape")
        self.page.get_by_text("Keys and about").wait_for(state="hidden")

    def arrows(self):
        self.page.evaluate("all('.chip')[0].focus()")
        self.press("ArrowRight")
        self.page.wait_for_function("all('.chip')[0].getRootNode().activeElement === all('.chip')[1]")

    def enter(self):
        self.page.evaluate("all('.chip')[1].focus()")
        self.press("Enter")
        self.page.wait_for_function("all('.chip')[1].getAttribute('aria-pressed') === 'false'")
        self.press("Enter")
        self.page.wait_for_function("all('.chip')[1].getAttribute('aria-pressed') === 'true'")


CHECKS = {
    "j  k": Hands.walk,
    "p": Hands.pin,
    "page up  down": Hands.turn,
    "esc": Hands.leave,
    "ctrl z": Hands.undo,
    "shift ctrl z": Hands.redo,
    "/": Hands.slash,
    "?": Hands.help,
    "arrows": Hands.arrows,
    "enter": Hands.enter,
}


def test_every_key_of_the_help_does_what_it_says(visit, run):
    assert [key for key, _ in HELP] == list(CHECKS)
    hands = Hands(visit("?run=one"), run)
    for check in CHECKS.values():
        check(hands)


def test_about_names_model_data_versions_and_license(visit, run):
    page = visit("?run=two")
    infos = [layer.info for layer in run.layers]
    parameters = f"{sum(info.parameters for info in infos):,}"
    page.keyboard.press("?")
    page.get_by_role("button", name="Copy as text").wait_for()
    text = page.evaluate("all('.help [data-copy]')[0].dataset.copy")
    lines = dict(line.split(": ", 1) for line in text.splitlines())
    assert set(lines) == {"Run", "Model", "Data", "nnlens"}
    assert "folder two" in lines["Run"]
    told = f"name digits; framework torch; layers {len(infos)}; parameters {parameters}"
    assert told in lines["Model"]
    sides = " × ".join(map(str, run.images(run.ids[:1]).shape[1:]))
    assert f"samples 30; classes {len(run.class_names)}; pictures {sides}" in lines["Data"]
    for words in (
        f"version {version('nnlens')}",
        "BSD 3-Clause",
        "Python 3.",
        f"bokeh {version('bokeh')}",
        "paged-pack 1.2.3",
    ):
        assert words in lines["nnlens"]
    shown = page.evaluate("all('.help .about')[0].textContent")
    assert all(value in shown for value in (parameters, "BSD 3-Clause", "two"))


# --------------------------------------------------------------------------------------------- plugins and their pages
def test_a_broken_plugin_is_a_row_that_says_what_to_do(visit):
    page = visit()
    tab(page, "Plugins")
    page.get_by_text(
        re.compile("[0-9]+ ready · 1 switched off · 2 of one name · 2 cannot be used")
    ).wait_for()
    rows = page.evaluate(
        "all('.plugin.troubled').map(node => [node.textContent, node.querySelector('[data-copy]').dataset.copy])"
    )
    expected = {
        "wanting": (
            "ModuleNotFoundError: No module named 'fortran_kit'",
            "pip install it, or missing-pack anew",
        ),
        "aged": ("written for plugin api 99; this nnlens has 1", "Update nnlens."),
        "resting": ("switched off by NNLENS_DISABLE_PLUGINS", "Unset NNLENS_DISABLE_PLUGINS"),
        "twice": (
            "twin-one and twin-two bring a plugin of this name",
            "Say which in full, twin-one:twice or twin-two:twice",
        ),
    }
    for name, words in expected.items():
        mine = [row for row in rows if name in row[0]]
        assert len(mine) == (2 if name == "twice" else 1)
        for text, copied in mine:
            assert all(each in text and each in copied for each in words), (name, text)
    packages = page.evaluate("all('.package h3').map(node => node.textContent.replace(/\\s+/g, ' '))")
    assert "missing-pack 1.2.3 1 analysis" in packages[0] and any(
        "paged-pack 1.2.3 3 views" in each for each in packages
    )
    row = page.evaluate("all('.plugin').find(node => node.textContent.includes('tsne')).textContent")
    assert "gives projection" in row and "needs embedding" in row


@pytest.fixture
def quick(folder):
    """Have the map that fails said to be the quickest, once this is called; for no other test."""
    mark = folder.parent / "site" / "quick"
    yield mark.touch
    mark.unlink(missing_ok=True)


def test_a_map_that_fails_says_why_and_keeps_its_place(visit, run, quick):
    """The map of before stays; where there was none its place says why, and offers the way out."""
    hidden, early = run.layers[-2].name, run.layers[0].name
    page = visit(f"?run=one&map_a={hidden}")
    page.get_by_text("60 in view").first.wait_for()
    page.wait_for_function("!all('.ph').some(n => n.textContent.includes('partial'))")
    page.get_by_role("combobox", name="Method").select_option("Broken")
    page.locator("[data-act=compute]:visible").filter(has_text=re.compile("Compute$")).click()
    page.get_by_text(f"Broken of {hidden}: There is <b>no</b> place for them.").first.wait_for()
    page.get_by_text("Ask somebody else.").first.wait_for()
    assert f" of {hidden}" in page.evaluate("all('.ph')[0].textContent")
    page.get_by_text("60 in view").first.wait_for()

    quick()  # now it is what a page without a map tries first
    page = visit(f"?run=two&map_a={early}&map_b={hidden}&map_b_by=nnlens-embedding:pca")
    tall = "all('.bk-Figure')[0].getBoundingClientRect().height"
    said = "all('.trouble').map(n => ['b', 'span'].map(css => n.querySelector(css).textContent).join('|')).join()"
    page.wait_for_function("all('.banner').length === 1")
    page.wait_for_function(f"{said}.startsWith('There is <b>no</b> place for them.|Ask somebody else.')")
    assert "No map yet" in page.evaluate("all('.ph')[0].textContent")
    before = page.evaluate(tall)
    page.locator(".banner [data-act=close]").first.click()
    page.wait_for_function("!all('.banner').length")
    page.locator(".trouble [data-act=again]").first.click()
    page.wait_for_function("all('.banner').length === 1")  # it failed again, and says so again
    page.wait_for_function("all('.trouble')[0].checkVisibility()")
    page.locator(".trouble [data-act=quick]").first.click()
    page.wait_for_function(f"all('.ph')[0].textContent.includes('PCA of {early}')")
    assert page.evaluate(tall) == before
    page.get_by_text("30 in view").first.wait_for()


def test_a_page_of_a_plugin_has_its_own_state_and_its_errors_stay_in_it(visit, run):
    focus = int(run.ids[5])
    page, other = visit("?run=one"), visit("?run=one")
    for each in (page, other):
        tab(each, "Counter")
        each.get_by_text("pressed 0 times, 0 selected").wait_for()
    add = page.get_by_role("button", name="Add one")
    for number in (1, 2, 3):
        add.click()
        page.get_by_text(f"pressed {number} times").wait_for()
    page.get_by_text(f"pressed 3 times, 4 selected, focus {focus}").wait_for()
    page.get_by_text(f"Sample {focus:,}", exact=True).first.wait_for()
    page.wait_for_url(re.compile("page.paged-pack%3Acounter=%7B%22number%22%3A3%7D"))
    assert other.get_by_text("pressed 0 times, 0 selected").count() == 1
    page.keyboard.press("Escape")
    page.get_by_text("pressed 3 times, 0 selected").wait_for()
    add.click()
    page.get_by_text("ValueError: four is too many").wait_for()
    page.get_by_text("pressed 4 times").wait_for()
    assert not page.evaluate("all('.banner').length")
    tab(other, "Poor <b>page</b>")
    other.get_by_text("KeyError: 'no such thing'").wait_for()
    other.get_by_text("Poor <b>page</b> cannot be shown").wait_for()
    tab(other, "Drawn late")
    other.get_by_text("RuntimeError: it cannot be drawn").wait_for()
    other.get_by_role("button", name="Try again").last.click()
    other.get_by_text("RuntimeError: it cannot be drawn").wait_for()
    assert not other.evaluate("all('.banner').length")
    tab(other, "Overview")
    other.get_by_text("Worst of all").wait_for()


# -------------------------------------------------------------------------------------------------------- runs, layout
def test_runs_come_and_open_without_a_restart(visit, folder, digits_run):
    page = visit()
    menu = page.locator("select[data-act=run]")
    options = "all('select[data-act=run] option').map(node => [node.textContent, node.disabled])"
    page.wait_for_function(f"{options}.length === 3")
    names = dict(page.evaluate(options))
    assert names["one"] is False and names["two"] is False
    worn = next(text for text in names if text.startswith("worn"))
    assert names[worn] and len(worn) > len("worn: ") + 10
    menu.select_option("two")
    page.get_by_text("30 in view").first.wait_for()
    page.wait_for_url(re.compile("run=two"))
    digits_run(folder / "young", 45)
    page.wait_for_function(f"{options}.some(([text, off]) => text === 'young' && !off)", timeout=60_000)
    menu.select_option("young")
    page.get_by_text("45 in view").first.wait_for()
    page.wait_for_url(re.compile("run=young"))
    wait_until(lambda: "45 samples" in page.evaluate("all('.facts')[0].textContent"), what="the counts")
