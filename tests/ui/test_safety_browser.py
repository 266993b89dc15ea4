"""Names that are attacks on every tab, axe-core on every tab, no request to another host, two pages that share nothing.

One page sees all of it, for opening one is what takes long. Tabs and what can be pressed are found on the page, so that
new ones are visited too.
"""

from __future__ import annotations

import base64
import os
import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from nnlens.capturing import capture
from nnlens.capturing.caution import NearChanceWarning
from nnlens.models import Preprocess, load_model
from nnlens.samples import Samples, load_samples
from nnlens.testing import tiny_store, wait_until
from nnlens.testing.browser import IN_DIALOG, SHOWN_WORDS, Driver, at_rest
from nnlens.testing.browser import stands as heard
from nnlens.ui.look.pictures import png

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ATTACKS = [
    "<img src=x onerror=hacked=1>",
    '"><script>hacked=1</script>',
    "javascript:hacked=1//",
    "[a](javascript:hacked=1)",
    "{{constructor['constructor']('hacked=1')()}}",
    "</style></textarea><svg onload=hacked=1>",
    "' autofocus onfocus='hacked=1",
    "\u202e<b class=injected>backwards</b>",
    "<%= hacked=1 %>${hacked=1}`",
    "&lt;img src=x onerror=hacked=1&gt;",
]
INJECTED = 'img[src=x], [onerror], [onload], [onfocus], svg[onload], b.injected, a[href^="javascript"]'
RUNNABLE = "script:not([src]):not([type='application/json']):not([id])"
NETWORK = """
import torch
def network():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(256, 12),
              torch.nn.ReLU(), torch.nn.Linear(12, 10)]
    made = torch.nn.Sequential()
    for name, layer in zip(ATTACKS, layers):
        made.add_module(name, layer)
    return made
"""
PLUGIN = """
import panel as pn
import param
import xarray as xr
from nnlens import Analysis, Page
from nnlens.errors import AnalysisError, PluginError

class Odd(Analysis):
    title = ATTACKS[0]
    requires = {"loss": ("sample",)}
    provides = {"odd": ("sample",), ATTACKS[0]: ("sample",), ATTACKS[9]: (ATTACKS[0] + "y", ATTACKS[4])}
    choice = param.Selector(default=ATTACKS[0], objects=ATTACKS, label=ATTACKS[0], doc=ATTACKS[1])
    def compute(self, data, context):
        loss = data["loss"].values
        made = {
            "odd": ("sample", loss, {"long_name": ATTACKS[1]}),
            ATTACKS[0]: ("sample", (1e3 * loss).astype(int) % 3),  # few whole numbers: a column that can be crossed
            ATTACKS[9]: ((ATTACKS[0] + "y", ATTACKS[4]), [ATTACKS] * 2, {"units": ATTACKS[2]}),
        }
        return xr.Dataset(made, {"sample": data["sample"], ATTACKS[0] + "y": ATTACKS[:2]}, {"caption": ATTACKS[5]})

class Failing(Odd):
    title = ATTACKS[5]
    provides = {"odder": ("class_",)}
    def compute(self, data, context):
        raise AnalysisError(ATTACKS[0], ATTACKS[1])

class Broken(Page):
    title = ATTACKS[0]
    def panel(self):
        raise PluginError(ATTACKS[0], ATTACKS[1])

class Standing(Page):
    title = ATTACKS[5]
    word = param.String(default="", doc=ATTACKS[0])
    def panel(self):
        return pn.pane.Str("it stands")

def __getattr__(name):
    raise AttributeError(ATTACKS[0])
"""
ENTRIES = """[nnlens.analyses]
odd = attacks:Odd
failing = attacks:Failing
missing = attacks:Gone
<b class>x = attacks:Odd
[nnlens.views]
broken = attacks:Broken
standing = attacks:Standing
"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERIOUS = f"""async node => {{
  const found = await axe.run(node ?? document, {{runOnly: {RULES}, resultTypes: ['violations'], preload: false}})
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact)).flatMap(v =>
    v.nodes.map(n => `${{v.id}}: ${{n.html.slice(0, 200)}} ${{n.failureSummary.slice(0, 300)}}`))
}}"""
STILL = """moving().every(a => a.playState !== 'running' || a.effect.getComputedTiming().iterations === Infinity)"""
# newer versions of axe-core have a rule for this: what is read out holds what stands there, for those who speak it
MISNAMED = """seen('.stop, .whose, .jobs').map(n => [n.ariaLabel, n.textContent.replace(/\\s+/g, ' ').trim()])
  .filter(([name, text]) => !name.toLowerCase().includes(text.toLowerCase())).map(pair => pair.join(' is not '))"""
BELOW = "seen('[data-act]:not([aria-disabled=true])').filter(n => shadowed(n, '.area-t'))"
MIDDLE = """n => { if (!n) return null
  const b = n.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] }"""
DROP = """([name, content]) => {
  const given = new DataTransfer(), bytes = Uint8Array.from(atob(content), sign => sign.charCodeAt())
  given.items.add(new File([bytes], name, {type: 'image/png'}))
  window.dispatchEvent(new DragEvent('drop', {dataTransfer: given}))
}"""
TOOLS = """() => {
  window.moving = () => [document, ...all('*').map(n => n.shadowRoot)].flatMap(root => root?.getAnimations() ?? [])
  window.shadowed = (node, css) => {
    for (; node; node = node.parentNode ?? node.host) if (node.matches?.(css)) return node
  }
}"""


def furnish(folder):
    """Make a run whose every string is an attack; return the words that open it and what it needs around it."""
    head = f"ATTACKS = {ATTACKS!r}\n"
    architecture, weights, site = folder / "network.py", folder / "weights.pt", folder / "site"
    architecture.write_text(head + NETWORK)
    info = site / "attacks-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: attacks\nVersion: 1 {ATTACKS[0]}\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (site / "attacks.py").write_text(head + PLUGIN)
    torch = pytest.importorskip("torch", reason="torch is an extra")
    space: dict = {}
    exec(architecture.read_text(), space)
    torch.save(space["network"]().state_dict(), weights)
    model = load_model(str(weights), f"{architecture}:network", Preprocess(8, scale=1 / 255, order="grey"))
    given = load_samples("digits", "test", limit=100)
    splits = [ATTACKS[place % len(ATTACKS)] for place in range(100)]
    pictures = given.images(range(100))
    samples = Samples(pictures, given.labels, class_names=ATTACKS, split=splits, name=ATTACKS[0] + "A" * 100)
    with pytest.warns(NearChanceWarning):
        run = capture(model, samples, folder / ATTACKS[0], keep="all")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    return [run.path, "--model", weights, "--architecture", f"{architecture}:network"], {"PYTHONPATH": path}


@pytest.fixture(scope="module")
def url(tmp_path_factory, explore):
    words, variables = furnish(tmp_path_factory.mktemp("attacks"))
    return explore(*words, **variables)


class Visit(Driver):
    """A page that is walked through, and looked at after each step."""

    def __init__(self, page, url):
        super().__init__(page, SHOWN_WORDS)
        self.url, self.found, self.failed, self.pressed = url, [], [], {"tab", "compute"}
        page.on("requestfailed", lambda request: self.failed.append(request.url))
        page.on("response", lambda answer: answer.status >= 400 and self.failed.append(answer.url))
        page.on("dialog", lambda dialog: (self.found.append(dialog.message), dialog.dismiss()))
        page.evaluate(TOOLS)
        page.evaluate(AXE_SCRIPT)
        self.scripts = self.count(RUNNABLE)

    def settle(self):
        """Let what was asked for arrive: the round trip of a click, and what it draws."""
        self.wait_for_function("Bokeh.documents[0].is_idle")
        self.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def look(self, where):
        """Nothing has run, and no name became an element."""
        hacked, injected, scripts = self.evaluate(
            "([made, run]) => [window.hacked, all(made).map(n => n.outerHTML.slice(0, 200)), all(run).length]",
            [INJECTED, RUNNABLE],
        )
        assert hacked is None and not injected and scripts == self.scripts, (where, injected)

    def scan(self, where, node="null"):
        """Ask axe-core about the page or a part of it, once what fades in stands."""
        self.wait_for_function(STILL)
        found = [*self.evaluate(f"({SERIOUS})({node})"), *self.evaluate(MISNAMED)]
        self.found += [f"{where}: {words}" for words in found]

    def open(self, place):
        """Open a tab. The server does one thing after the other, so all that was asked for before is done then."""
        self.evaluate(f"all('[role=tab]')[{place}].click()")  # where it lies under a dialog too
        self.wait_for_function(f"all('[role=tab]')[{place}].ariaSelected === 'true'", timeout=90_000)
        self.settle()

    def pick(self, label, option):
        """Choose from a menu, by what stands there."""
        menu = self.page.get_by_role("combobox", name=label, exact=True)
        menu.select_option(label=option)
        self.settle()

    def choose(self, act, value):
        """Choose from a menu that is the browser's own."""
        there = f"seen('select[data-act={act}]')[0]"
        self.wait_for_function(f"[...{there}?.options ?? []].some(each => each.value === {value!r})")
        change = "dispatchEvent(new Event('change', {bubbles: true}))"
        self.evaluate(f"(n => {{ n.value = {value!r}; n.{change} }})({there})")
        self.settle()

    def titled(self, title):
        """Wait until a table has a column of this title, which has not run."""
        self.wait_for_function("seen('.tabulator-col-title').length")
        self.look(f"the column {title}")
        self.wait_for_function(f"seen('.tabulator-col-title').some(n => n.textContent === {title!r})")

    def filter(self, text):
        for key in ("/", "Control+a"):
            self.press(key)
        self.page.keyboard.type(text)
        for key in ("Enter", "Escape"):
            self.press(key)
        self.settle()

    def press_what_is_new(self):
        """Rest on one and click one of each kind that no tab before had; what comes of it is seen on the next tab."""
        for act in set(self.evaluate(f"{BELOW}.map(n => n.dataset.act)")) - self.pressed:
            place = self.evaluate(f"({MIDDLE})({BELOW}.find(n => n.dataset.act === {act!r}))")
            if place is not None:
                self.pressed.add(act)
                self.mouse.move(*place)
                self.mouse.click(*place)

    def clean(self):
        """No console error, no failed request, none to another host, nothing serious."""
        assert not [error for error in self.errors if "WebGL" not in error], self.errors
        hosts = {urlsplit(a).netloc for a in self.addresses if a.startswith(("http", "ws"))}
        assert hosts == {urlsplit(self.url).netloc}
        assert not self.failed
        assert not self.found, "\n".join(self.found)


def test_names_are_text_and_axe_finds_nothing_on_any_tab(url, open_page, take):
    visit = Visit(open_page(url), url)
    visit.wait_for("in view", ATTACKS[0], "near chance")
    visit.look("the first page")
    # what is made on the server meanwhile brings names of its own: results of the hostile plugin, columns of files
    tabs = visit.evaluate("all('[role=tab]').map(n => n.textContent)")
    visit.open(tabs.index("Analyses"))
    visit.pick("Analysis", ATTACKS[0])
    visit.evaluate("seen('[data-act=compute]').slice(-2).forEach(n => n.click())")
    visit.titled(f"{ATTACKS[0]}y")  # a dimension of what came
    visit.pick("Color by", ATTACKS[0][:23] + "…")
    columns = {"name": f"{ATTACKS[0]}.csv", "mimeType": "text/csv", "buffer": b"x,y,z\n" + b"1,2,3\n" * 100}
    visit.page.set_input_files("input[type=file][accept*=csv]", columns)
    visit.press("j")
    visit.wait_for("Prediction")
    for text in (f"label == {ATTACKS[0]!r}", f"label == '{ATTACKS[5]}x'", ATTACKS[1]):
        visit.filter(text)
    visit.wait_for(" selected", "cannot be read")
    visit.open(0)
    visit.scan("the whole page")
    picture = base64.b64encode(png(load_samples("digits", "test", limit=1).images([0])[0])).decode()
    visit.evaluate(DROP, [f"{ATTACKS[0]}.png", picture])
    visit.wait_for(f"{ATTACKS[0]}.png")
    for place, title in enumerate(tabs):
        visit.open(place)
        for act in {"Confusion": ("rows",), "Loss": ("across",)}.get(title, ()):
            visit.choose(act, ATTACKS[0])
        if title == "Table":
            visit.titled(ATTACKS[0])
            name, content = take(visit.page, "take the table out", "Selection as CSV")
            assert re.fullmatch(r"[\w.-]+", name, re.ASCII) and ATTACKS[0] in content.decode()
        visit.look(title)
        if visit.evaluate("seen('[role=dialog]').length"):
            visit.scan(f"a dialog of {title}", "seen('[role=dialog]')[0]")
            visit.press("Escape")
        visit.scan(title, "all('.area-t')[0]")
        visit.press_what_is_new()
    visit.press("?")
    visit.wait_for("Keys and about")
    visit.look("help")
    visit.scan("help")
    visit.press("Escape")
    visit.wait_gone("Keys and about")
    visit.open(0)
    visit.click("[data-act=theme]")
    visit.wait_for_function("location.search.includes('theme=dark')")
    visit.settle()
    visit.scan("the whole page, dark")
    visit.clean()


@pytest.fixture(scope="module")
def plain(tmp_path_factory, explore):
    return explore(tiny_store(tmp_path_factory.mktemp("plain") / "run", 60).path)


IDLE = "all('[title=\"no job is running\"]').length === 1"


def test_two_pages_of_one_server_share_nothing(plain, open_page):
    one, two = (Visit(open_page(plain), plain) for _ in range(2))
    for visit in (one, two):
        visit.wait_for("Worst of all", "in view")
    field = "all('input[placeholder^=Filter]')[0].value"
    layers = "all('.stop.on').map(n => n.dataset.key)"
    keys = "[...new URLSearchParams(location.search).keys()].filter(k => !k.startsWith('map_'))"
    stands = f"[{keys}, {field}, all('.pill, .line').map(n => n.textContent), {layers}]"
    for visit in (one, two):
        heard(visit)
        wait_until(lambda visit=visit: at_rest(lambda: visit.evaluate(IDLE)), 240, what="the best maps")
    two.wait_for_function(f"{layers}.length === 2")
    before = at_rest(lambda: two.evaluate(stands))
    one.press("j")
    one.filter("label == 1")
    one.evaluate("all('[data-act=theme]')[0].click(); all('.chip')[0].click(); all('.stop')[1].click()")
    one.wait_for("20 selected", "40 in view", "Prediction", " of conv")
    one.wait_for_function("location.search.includes('theme=dark')")
    two.open(3)  # the server answers, so all that it would have sent is there
    two.wait_for("nothing selected", "60 in view", "Table of all")
    two.open(0)
    wait_until(
        lambda: two.evaluate(stands) == before,
        what="the page as it was",
        seen=lambda: (before, two.evaluate(stands)),
    )
    for visit, label in ((one, 0), (two, 2)):  # both at once: neither waits for the other's answer
        visit.filter(f"label == {label} and loss > {label / 1000}")
    for visit, label in ((one, 0), (two, 2)):
        visit.wait_for_function(
            f"new URLSearchParams(location.search).get('selection')?.includes('label == {label}')"
        )
    one.press("Escape")
    one.wait_for("nothing selected")
    two.open(3)
    two.wait_for(" selected accuracy")
    for visit in (one, two):
        visit.clean()


FOCUSED = """(() => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  return node
})()"""
AREA = f"""() => {{
  const node = {FOCUSED}, style = getComputedStyle(node)
  if (node === document.body) return null
  const area = [...(shadowed(node, '[class*=area-]')?.classList ?? [])].find(name => name.startsWith('area-'))
  const border = node.closest('.MuiInputBase-root.Mui-focused')?.querySelector('fieldset')
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1
  const thick = border && parseFloat(getComputedStyle(border).borderWidth) >= 2
  return [area ?? 'header', ring || thick, node.outerHTML.slice(0, 99)]
}}"""
MOVING = "moving().filter(a => a.effect.getComputedTiming().duration > 1).map(a => a.effect.target.className)"


def test_all_is_reached_and_done_by_the_keyboard_and_without_motion(plain, open_page):
    page = open_page(plain)
    page.emulate_media(reduced_motion="reduce")
    visit = Visit(page, plain)
    visit.wait_for("Worst of all", "in view")
    heard(visit)
    # a job's buttons come and go
    wait_until(lambda: at_rest(lambda: visit.evaluate(IDLE)), 240, what="the end of all jobs")

    def reach(expression, key="Tab"):
        for _ in range(150):
            if visit.evaluate(f"(node => {expression})({FOCUSED})"):
                return
            visit.press(key)
        raise AssertionError(f"{key} never reaches {expression}")

    # --- once through the page: in the order that it is read in, each with a ring
    areas, bare = [], []
    for _ in range(200):
        visit.press("Tab")
        seen = visit.evaluate(AREA)
        if seen is None:
            break
        area, ring, node = seen
        areas += [area] if area not in areas[-1:] else []
        bare += [] if ring else [node]
    assert areas == ["header", *(f"area-{each}" for each in "xcabit")]
    assert not bare
    left = "seen('.bk-events').filter(n => getComputedStyle(n).outlineStyle !== 'none').length"
    assert not visit.evaluate(left), "a plot has kept the ring that it had"
    # --- a selection, a walk, a tab, a picture
    visit.filter("label == 1")
    visit.wait_for("20 selected")
    visit.press("j")
    visit.wait_for("Prediction")
    reach("node.dataset?.act === 'tab'")
    reach("node.textContent === 'Pool'", "ArrowRight")
    visit.press("Enter")
    visit.wait_for("Compare", "1–20")
    reach("node.dataset?.act === 'focus' && !!shadowed(node, '.area-t')")
    visit.press("ArrowRight")
    sample = visit.evaluate(f"{FOCUSED}.dataset.value")
    visit.press("Enter")
    visit.wait_for(f"Sample {sample}")
    # --- a dialog keeps the focus, and gives it back
    visit.press("?")
    visit.wait_for("Keys and about")
    visit.wait_for_function(IN_DIALOG)
    for _ in range(8):
        visit.press("Tab")
        # or the browser's own bar, for which the page's body stands
        assert visit.evaluate(f"{FOCUSED} === document.body || !!shadowed({FOCUSED}, '.MuiDialog-root')")
        assert not visit.evaluate(MOVING)
    visit.press("Escape")
    visit.wait_gone("Keys and about")
    visit.wait_for_function(f"{FOCUSED}.dataset?.value === {sample!r}")
    visit.press("Escape")
    visit.wait_for("nothing selected")
    assert not visit.evaluate(MOVING)
    visit.clean()
