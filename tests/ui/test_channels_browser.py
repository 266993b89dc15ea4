"""The room of channels in a real browser, on digits: grid, sorting, dialog, top photos, a flat layer, Compute."""

from __future__ import annotations

import base64
import io
import json
import math
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from nnlens import open_store
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import SHOWN_WORDS, Driver, at_rest

pytestmark = pytest.mark.browser

SAMPLES = 150
TOOLS = """() => {
  window.figures = () => {
    const found = new Set(), done = new Set()
    const visit = view => {
      if (!view || done.has(view)) return
      done.add(view)
      if (view.model?.type === 'Figure') found.add(view)
      for (const child of view.child_views ?? []) visit(child)
      try { for (const child of view.children()) visit(child) } catch {}
    }
    for (const root of Bokeh.index.roots) visit(root)
    return [...found].filter(view => view.el.checkVisibility() && view.model.right.concat(view.model.below)
      .some(part => part.type === 'ColorBar'))
  }
}"""
WHERE = """([x, y]) => {
  const view = figures().at(-1), box = view.el.getBoundingClientRect(), bounds = view.frame.bbox
  return [box.x + bounds.left + view.frame.x_scale.compute(x) - bounds.left,
          box.y + bounds.top + view.frame.y_scale.compute(y) - bounds.top]
}"""

VALUES = """() => {
  const held = figures().at(-1).model.renderers[0].data_source.data, all = held.get ? held.get('value') : held.value
  if (!all[0]) return [[]]
  const [rows, columns] = all[0].shape
  const row = r => Array.from(all[0].slice(r * columns, (r + 1) * columns), v => isFinite(v) ? v : null)
  return Array.from({length: rows}, (_, r) => row(r)).reverse()
}"""

ROWS = """() => {
  const room = seen('.scroll').find(n => n.querySelector('.chs')).getBoundingClientRect()
  const cut = b => b.top < room.bottom - 2 && b.bottom > room.bottom + 1
  return seen('button.ch').map(n => n.getBoundingClientRect()).filter(cut).map(b => [b.top, b.bottom, room.bottom])
}"""


class Page(Driver):
    """A page with what these tests do."""

    def __init__(self, page):
        super().__init__(page, SHOWN_WORDS)

    def prepare(self):
        super().prepare()
        self.page.evaluate(TOOLS)

    def click(self, css, which=0, **options):
        super().click(css, which, of="seen", **options)

    def tab(self, name):
        self.page.get_by_role("tab", name=name).click()

    def choose(self, act, **option):
        self.page.locator(f"select[data-act={act}]:visible").select_option(**option)

    def captions(self):
        """Index and number under each thumbnail that is shown."""
        return self.page.evaluate(
            "seen('button.ch').map(n => [...n.querySelectorAll('i')].map(i => i.textContent))"
        )

    def sheet(self):
        """The picture whose cells the thumbnails are: grey values, dims (y, x), and how many cells lie side by side."""
        found = self.page.evaluate("seen('[data-face=maps]').map(n => [n.style.getPropertyValue('--face'), "
                                   "n.querySelectorAll('.ch').length]).at(-1)")  # fmt: skip
        content = base64.b64decode(found[0].partition("base64,")[2].rstrip('")'))
        return np.asarray(Image.open(io.BytesIO(content)).convert("L"), float), math.ceil(math.sqrt(found[1]))

    def order(self):
        return [int(index) for index, _ in self.captions()]

    def values(self):
        """The values that the plot in front shows, its first row on top; none before they came."""
        return np.array(self.page.evaluate(VALUES), float)

    def ranges(self):
        return self.page.evaluate("(m => [m.x_range.start, m.x_range.end])(figures().at(-1).model)")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model, samples = load_model("zoo:digits"), load_samples("digits", "test", limit=SAMPLES)
    return capture(model, samples, tmp_path_factory.mktemp("runs") / "digits", keep=["relu2", "pool"])


def worst(run):
    """The wrong sample with the largest loss: j leads on from it, and k back."""
    return int(run.ids[np.argmax(run.samples["loss"].values)])


@pytest.fixture(scope="module")
def url(run, explore):
    return explore(run.path)


@pytest.fixture
def page(run, url, open_page):
    sample = worst(run)
    made = Page(open_page(f"{url}?focus={sample}"))
    made.wait_for("Channels of pool", f"Sample {sample:,}")
    yield made
    assert not [error for error in made.errors if "WebGL" not in error]


def entropy(one):
    """The score of a map, from numpy's own histogram."""
    share = np.histogram(one.astype(float), 10)[0] / one.size
    return -(share[share > 0] * np.log(share[share > 0])).sum() * np.abs(one).mean() if np.ptp(one) else 0


def thumbnails_are_the_maps(page, maps):
    """Check that each thumbnail shows its channel, from the lowest value, black, to the highest, white."""
    sheet, across = page.sheet()
    side = maps.shape[1] + 2  # each cell has an edge of its own pixels
    wanted = np.zeros_like(sheet)
    for place, channel in enumerate(page.order()):
        one = maps[channel]
        drawn = np.pad(255 * (one - one.min()) / (np.ptp(one) or 1), 1, "edge")
        y, x = side * (place // across), side * (place % across)
        wanted[y : y + side, x : x + side] = drawn
        # it is this cell that lies behind it, as the browser reads it
        at = page.page.evaluate(
            "c => getComputedStyle(seen(`.ch[data-value='${c}'] .cell`).at(-1)).backgroundPosition", channel
        )
        shares = [float(part.rstrip("%")) / 100 for part in at.split()]
        room = np.array(sheet.shape[::-1]) - maps.shape[1]
        assert shares * room == pytest.approx([x + 1, y + 1], abs=0.05), channel
    assert np.abs(sheet - wanted).max() <= 1


def test_channels_are_shown_sorted_looked_at_and_selected_by(page, run, open_page):
    sample, layer = worst(run), run.activation("pool").load()
    maps = layer.sel(sample=sample).values
    scores = np.array([entropy(one) for one in maps])

    # the grid, small in the overview and whole in its tab
    page.page.wait_for_function("seen('button.ch').length === 32 && seen('.chs.small').length === 1")
    page.page.wait_for_function(f"({ROWS})().length === 0")  # no row is cut
    page.tab("Channels")
    page.wait_for("Channels of pool", f"sample {sample:,}", "highest value of each map")
    page.page.wait_for_function("seen('button.ch').length === 32")
    shown = page.captions()
    assert [scores[int(index)] for index, _ in shown] == pytest.approx(sorted(scores)[::-1], rel=1e-4)
    assert all(abs(float(number) - scores[int(index)]) < 0.006 for index, number in shown)
    page.choose("sort", label="by index")
    wait_until(lambda: page.order() == list(range(32)), what="the order of indices")
    page.choose("sort", label="by high")
    wait_until(
        lambda: page.order() == np.argsort(-maps.max((1, 2)), kind="stable").tolist(), what="by maximum"
    )

    thumbnails_are_the_maps(page, maps)

    # a number over all samples is computed, then it sorts; stored, it is a key from now on
    page.choose("sort", label="Class selectivity …")
    wait_until(lambda: page.page.locator("select[data-act=sort]:visible option:checked").inner_text()
               == "by selectivity", what="sorted by what was computed", seen=page.words)  # fmt: skip
    known = open_store(run.path).results
    made = next(
        known.get(i.analysis, i.key)
        for i in known.list()
        if "selectivity" in (known.get(i.analysis, i.key) or ())
    )
    wanted = np.argsort(-made["selectivity"].values, kind="stable").tolist()
    wait_until(
        lambda: page.order() == wanted, what="the order of the number that was computed", seen=page.order
    )
    page.choose("sort", label="by score")
    wait_until(lambda: page.order() == np.argsort(-scores, kind="stable").tolist(), what="by score again")

    # a click opens the dialog: values, numbers, place in the order
    best = int(np.argmax(scores))
    page.click(".ch")
    page.wait_for(f"Channel {best} of pool", "1 of 32 by score", "over the samples", "selectivity")
    page.page.wait_for_function("figures().length === 1")
    wait_until(lambda: np.array_equal(page.values(), maps[best]), what="the raw values")
    for word, number in {"max": maps[best].max(), "mean": maps[best].mean(), "min": maps[best].min()}.items():
        page.wait_for(f"{word} {number:.3f}")
    page.wait_for(f"zeros {100 * (maps[best] == 0).mean():.0f} %")

    # the wheel zooms it, a double click shows all again
    home = at_rest(page.ranges)
    page.page.mouse.move(*page.page.evaluate(WHERE, [1, 1]))
    page.page.mouse.wheel(0, -300)
    wait_until(lambda: np.ptp(page.ranges()) < np.ptp(home) - 0.1, what="a zoom")
    page.page.mouse.dblclick(*page.page.evaluate(WHERE, [1, 1]))
    wait_until(lambda: page.ranges() == pytest.approx(home), what="all of it")

    # as heat over the photo, and alone again
    page.click("[data-act=form]", 1)
    size = "seen('.onphoto .over').map(n => [n.naturalHeight, n.naturalWidth]).join('|')"
    high, wide = maps[best].shape
    page.page.wait_for_function(f"{size} === '{high},{wide}' && !figures().length")
    page.click("[data-act=form]")
    page.page.wait_for_function("!seen('.onphoto').length && figures().length === 1")

    # the inspector lives on beside it, and what is shown follows
    page.page.keyboard.press("j")
    wait_until(
        lambda: f"raw values · sample {sample:,}" not in page.words(), what="another sample", seen=page.words
    )
    page.page.keyboard.press("k")
    page.wait_for(f"raw values · sample {sample:,}")
    own = np.argsort(-scores, kind="stable").tolist()
    wait_until(lambda: page.order() == own, what="its own order", seen=page.order)
    page.click("[data-key=after]")
    second = int(np.argsort(-scores, kind="stable")[1])
    page.wait_for(f"Channel {second} of pool", "2 of 32 by score")
    page.click("[data-key=before]")
    page.wait_for(f"Channel {best} of pool")

    # what drives it most, over all samples, with its patch; all of that is selected
    page.click("[data-act=find]")
    page.wait_for("Select its top 50")
    peaks = layer[:, best].values.reshape(SAMPLES, -1).max(1)
    top = run.ids[np.lexsort((run.ids, -peaks))]
    ids = "seen('.photo[data-act=focus]').map(n => Number(n.dataset.value))"
    wait_until(lambda: page.page.evaluate(ids) == top[:12].tolist(), what="the top photos")
    page.page.wait_for_function("seen('.patch').length === 12")
    page.click("[data-act=select]")
    page.wait_for("50 selected")
    page.page.wait_for_function("location.search.includes('top')")
    origin = json.loads(parse_qs(urlsplit(page.url).query)["selection"][0])
    assert origin["kind"] == "top" and (origin["channel"], origin["count"]) == (best, 50)
    page.click(".photo[data-act=focus]", 1)
    page.wait_for(f"Sample {top[1]:,}", f"raw values · sample {top[1]:,}")

    # esc closes the dialog first, then clears; the link makes the selection again
    page.page.keyboard.press("Escape")
    page.wait_gone("raw values")
    page.wait_for("50 selected")
    again = Page(open_page(page.url))
    again.wait_for("50 selected")
    page.page.keyboard.press("Escape")
    page.wait_for("nothing selected")

    # it closes by its cross, and by a click on an empty surface, but not by one on what acts
    page.click(".ch")
    page.wait_for("raw values")
    page.click("[data-act=close]")
    page.wait_gone("raw values")
    page.click(".ch")
    page.wait_for("raw values")
    page.click(".rank, .tile, .icon[data-act=theme]")
    page.wait_for("raw values")
    page.page.mouse.click(1_030, 870)
    page.wait_gone("raw values")


def test_a_flat_layer_is_one_map_of_its_units(page, run):
    sample = worst(run)
    units = run.activation("relu3").sel(sample=sample).values
    page.tab("Channels")
    page.choose("layer", value="relu3")
    page.wait_for("Units of relu3")
    page.page.wait_for_function("figures().length === 1")
    square = np.full(36, np.nan)
    square[: len(units)] = units
    same = lambda: np.array_equal(page.values(), square.reshape(6, 6), equal_nan=True)  # noqa: E731
    wait_until(same, what="the units", seen=page.values)
    unit = 8  # row 1, column 2, from the top
    page.page.mouse.click(*at_rest(lambda: page.page.evaluate(WHERE, [2.5, 4.5])))
    place = int((units > units[unit]).sum()) + 1
    page.wait_for(f"Unit {unit} of relu3", f"rank {place} of 32")
    # a layer that is picked for a map is looked at too, and a dialog on another one closes
    page.click(".stop", 3)
    page.wait_for("Channels of")
    page.wait_gone("raw values")


def test_a_layer_that_is_not_kept_is_computed_when_asked_and_kept(page, run):
    sample = worst(run)
    page.tab("Channels")
    page.choose("layer", value="conv1")
    page.wait_for("Channels of conv1", "Not computed yet", "as means over space")
    page.click(".empty [data-act=compute][data-value='']")
    # the answer may come in a moment: in the frame in which the button is there it is pressed
    pressed = "(node => node && (node.click(), true))(seen('.wait [data-act=cancel]')[0])"
    page.page.wait_for_function(pressed, polling="raf")
    page.wait_for("Not computed yet")
    page.click(".empty [data-act=compute][data-value='']")
    page.page.wait_for_function("seen('button.ch').length === 16", timeout=120_000)
    kept = [i for i in open_store(run.path).results.list() if i.attrs.get("layer") == "conv1"]
    assert len(kept) == 1
    found = open_store(run.path).results.get(kept[0].analysis, kept[0].key)
    assert found["sample"].values.tolist() == [sample]
    page.page.reload()
    page.page.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")
    page.prepare()
    page.wait_for("Channels of conv1")  # the address tells which tab and which layer
    page.page.wait_for_function("seen('button.ch').length === 16")
    page.page.keyboard.press("j")  # of the next sample it would take a pass again
    page.wait_for("Not computed yet")
