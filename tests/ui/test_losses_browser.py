"""The tabs of loss and confusion in a real browser, on digits: scatter, histogram, ranking, crossed columns, a cell.

One page with many checks, for a page is what takes long; a second one has a thousand classes.
"""

from __future__ import annotations

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
import xarray as xr

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.state import replay
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS, at_rest
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.data import CLASS_LOSS
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.look.palette import TOKENS, class_loss_palette
from nnlens.ui.look.theme import THEMES, page_style
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.panels import spread
from nnlens.ui.panels.confusions import Confusions
from nnlens.ui.panels.controls import ColorChoice
from nnlens.ui.panels.crossing import MOST
from nnlens.ui.panels.losses import Losses

pytestmark = pytest.mark.browser

GRID = """:host { display: grid !important; gap: 1px; grid-template: "l" 300px "c" 300px "m" minmax(0, 1fr) / 1fr; }
:host > * { min-width: 0 !important; min-height: 0 !important; }"""
TOOLS = f"""() => {{
  window.all = {ALL}
  window.words = {SHOWN_WORDS}
  window.seen = css => all(css).filter(n => n.getBoundingClientRect().width && n.checkVisibility())
  window.figure = test => {{
    const found = [], done = new Set()
    const visit = view => {{
      if (!view || done.has(view)) return
      done.add(view)
      if (view.model?.type === 'Figure') found.push(view)
      for (const child of view.child_views ?? []) visit(child)
      try {{ for (const child of view.children()) visit(child) }} catch {{}}
    }}
    for (const root of Bokeh.index.roots) visit(root)
    return found.filter(view => view.el.checkVisibility() && view.model.inner_width > 10).find(test)
  }}
  window.plots = {{
    scatter: () => figure(v => v.model.left[0]?.axis_label === 'loss'),
    histogram: () => figure(v => v.model.renderers.some(r => r.glyph.type === 'Quad') && !v.model.left.length),
    matrix: () => figure(v => v.model.renderers.some(r => r.glyph.type === 'Text') && v.model.below.length),
    map: () => figure(v => v.model.renderers.some(r => r.glyph.type === 'ImageURL')),
  }}
  window.held = (plot, kind) => {{
    const data = plots[plot]()?.model.renderers.find(r => r.glyph.type === kind)?.data_source.data
    return Object.fromEntries(Object.entries(data ?? {{}}).map(([name, column]) =>
      [name, name === 'image' ? [...column[0]] : [...column]]))
  }}
}}"""
WHERE = """([plot, x, y]) => {
  const view = plots[plot](), box = view.canvas_view.el.getBoundingClientRect()
  return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}"""
STANDS = """plot => {
  // painted with the ranges that it has been told
  const view = plots[plot](), x = view?.model.x_range, box = view?.frame.bbox
  return view && Math.abs(view.frame.x_scale.compute(x.start) - box.left) < 1
    && Math.abs(view.frame.x_scale.compute(x.end) - box.right) < 1
}"""


class Tabs:
    """A served page of the two tabs and, with a run, one map with the choice of its color."""

    def __init__(self, make, serve, open_page):
        self.make = make
        self.page = open_page(serve(self.build), 1440, 960)
        self.page.evaluate(TOOLS)

    def __getattr__(self, name):
        return getattr(self.page, name)

    def build(self):
        self.session = self.make()
        walk = Walk(self.session)
        self.crossed = Confusions(self.session, walk)
        parts = {"c": self.crossed.view}
        if self.session.lens is not None:
            self.losses = Losses(self.session, Work(self.session), Catalog(self.session.lens.registry), walk)
            self.map = ProjectionMap(self.session, "a")
            xy = np.random.default_rng(0).normal(0, 1, (len(self.session.data), 2)).astype("f4")
            self.map.set_result(
                xr.Dataset({"projection": (("sample", "component"), xy)}, {"sample": self.session.data.ids})
            )
            self.session.resolvers[spread.KIND] = lambda origin: spread.resolve(self.session.data, origin)
            row = pn.Row(ColorChoice(self.session).view, self.map.panel(), sizing_mode="stretch_both")
            parts |= {"l": self.losses.view, "m": row}
        for area, part in parts.items():
            part.styles = {**part.styles, "grid-area": area}
        shell = pn.Column(*parts.values(), sizing_mode="stretch_both", margin=0, stylesheets=[GRID],
                          styles={"height": "calc(100vh - 64px)", "width": "100%"})  # fmt: skip
        return pmui.Page(main=[shell], theme_config=THEMES, sx=page_style(), sidebar_variant="temporary")

    def wait_for(self, *texts):
        read = lambda: self.page.evaluate("words()")  # noqa: E731
        wait_until(lambda: all(text in read() for text in texts), what=f"{texts}", seen=read)

    def click(self, css, which=0, **options):
        self.page.wait_for_function(f"seen({css!r}).length > {which}")
        middle = (
            f"(b => [b.x + b.width / 2, b.y + b.height / 2])(seen({css!r})[{which}].getBoundingClientRect())"
        )
        self.page.mouse.click(*at_rest(lambda: self.page.evaluate(middle)), **options)

    def choose(self, act, value):
        self.page.locator(f"select[data-act={act}]:visible").select_option(value=value)

    def at(self, plot, x, y):
        self.page.wait_for_function(STANDS, arg=plot)
        return at_rest(lambda: self.page.evaluate(WHERE, [plot, float(x), float(y)]))  # it is laid out twice

    def drag(self, plot, start, end):
        first, last = self.at(plot, *start), self.at(plot, *end)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        self.page.mouse.move(*last, steps=4)
        self.page.mouse.up()

    def selected(self, act):
        """Do something and give the mask that the state then holds."""
        before = self.session.state.selection
        act()
        wait_until(lambda: self.session.state.selection is not before, what="another selection")
        return self.session.state.mask

    def image(self, plot):
        """The bytes of the picture that the browser holds."""
        return self.page.evaluate(f"held({plot!r}, 'Image').image ?? []")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model, samples = load_model("zoo:digits"), load_samples("digits", "all", limit=700, seed=1)
    return capture(model, samples, tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture
def tabs(run, serve, open_page):
    made = Tabs(lambda: Session(Lens(run)), serve, open_page)
    yield made
    assert made.session.messages == []
    assert [error for error in made.page.errors if "WebGL" not in error] == []


def test_loss_and_confusion_on_digits(tabs):
    scatter_selects_and_inspects(tabs)
    scatter_takes_another_column(tabs)
    histogram_selects(tabs)
    ranking_is_sorted_and_selects(tabs)
    columns_are_crossed(tabs)
    a_cell_opens_and_closes(tabs)
    map_is_colored_by_label_and_loss(tabs)


def scatter_selects_and_inspects(tabs):
    session, scatter = tabs.session, tabs.losses.scatter
    wait_until(lambda: len(tabs.image("scatter")) > 1_000, what="the picture of the scatter")
    whole = lambda: scatter.spread.pixels(session.colors, None, scatter.size).ravel().tolist()  # noqa: E731
    wait_until(lambda: tabs.image("scatter") == whole(), what="all samples in the scatter")
    mask = tabs.selected(lambda: tabs.drag("scatter", (1.5, -1), (4.5, 0.2)))
    data, origin = session.data, dict(session.state.selection.origin)
    x0, y0, x1, y1 = origin["box"]
    # what the mouse drew lies on whole pixels
    assert np.hypot(x0 - 1.5, x1 - 4.5) < 0.1 and abs(y0 + 1) < 0.1 and abs(y1 - 0.2) < 0.1
    power = np.log10(np.maximum(data.loss, 1e-7))
    np.testing.assert_array_equal(mask, np.isin(data.label, [2, 3, 4]) & (power >= y0) & (power <= y1))
    np.testing.assert_array_equal(replay(origin, session.resolvers), mask)
    shown = scatter.spread.pixels(session.colors, mask, scatter.size).ravel().tolist()
    wait_until(lambda: tabs.image("scatter") == shown, what="the selected in the scatter")
    mapper = "plots.scatter().model.renderers[0].glyph.color_mapper.palette"
    assert TOKENS["light"]["accent"] in tabs.evaluate(f"{mapper}.map(c => typeof c === 'string' ? c : '')")
    worst = int(data.ids[np.nanargmax(data.loss)])
    tabs.mouse.click(*tabs.at("scatter", *scatter.spread.place(worst)))
    wait_until(lambda: session.state.focus == worst, what="the focus")
    tabs.wait_for_function("x => held('scatter', 'Scatter').x[0] === x", arg=scatter.spread.place(worst)[0])


def scatter_takes_another_column(tabs):
    session, scatter = tabs.session, tabs.losses.scatter
    tabs.choose("across", "margin")
    tabs.wait_for_function("plots.scatter().model.below[0].axis_label === 'margin'")
    mask = tabs.selected(lambda: tabs.drag("scatter", (0.1, -2), (0.8, -0.2)))
    x0, y0, x1, y1 = session.state.selection.origin["box"]
    margin, power = spread.values(session.data, "margin"), np.log10(np.maximum(session.data.loss, 1e-7))
    np.testing.assert_array_equal(mask, (margin >= x0) & (margin <= x1) & (power >= y0) & (power <= y1))
    assert abs(x0 - 0.1) < 0.02 and mask.any() and scatter.spread.column == "margin"


def histogram_selects(tabs):
    session = tabs.session
    tabs.click("[data-key=plothistogram]")
    tabs.wait_for_function("plots.histogram() && !plots.scatter()")
    mask = tabs.selected(lambda: tabs.drag("histogram", (-1.0, 0.5), (0.5, 0.5)))
    origin = session.state.selection.origin
    assert origin["kind"] == "range" and np.log10(origin["low"]) == pytest.approx(-1, abs=0.1)
    np.testing.assert_array_equal(
        mask, (session.data.loss >= origin["low"]) & (session.data.loss <= origin["high"])
    )
    bars = "10 ** v - 1"
    total = f"Math.round(plots.histogram().model.renderers.at(-1).data_source.data.top.reduce((s, v) => s + {bars}, 0))"
    tabs.wait_for_function(f"{total} === {int(mask.sum())}")
    tabs.click("[data-key=plotscatter]")  # drawn anew: it was not told of the selection while nobody saw it
    scatter = tabs.losses.scatter
    shown = lambda: scatter.spread.pixels(session.colors, mask, scatter.size).ravel().tolist()  # noqa: E731
    wait_until(lambda: tabs.image("scatter") == shown(), what="the selected in the scatter")
    tabs.selected(lambda: session.later(session.state.clear))


def ranking_is_sorted_and_selects(tabs):
    session, data = tabs.session, tabs.session.data
    splits = session.lens.store.samples["split"].values
    training = int((splits == "train").sum())
    assert 0 < training < len(data)
    tabs.wait_for("Loss of all", f"{training:,} of {len(data):,} are training data")
    for score in ("label_error", "hardness"):
        tabs.click(f"[data-key=by{score}]")
        tabs.wait_for(f"{score.replace('_', ' ').capitalize()} of all")
        values = data.extras[score]
        order = data.ids[np.argsort(-values, kind="stable")]
        listed = "seen('.rank[data-act]').map(n => +n.dataset.value)"
        first = order[:20].tolist()
        wait_until(lambda first=first, listed=listed: tabs.evaluate(listed)[:20] == first, what="the order")
        tabs.wait_for_function(f"{listed}.length === 50")
    tabs.click(".rank[data-act]", 2)
    wait_until(lambda: session.state.focus == order[2], what="the focus")
    tabs.wait_for_function("seen('.rank.on').length === 1")
    mask = tabs.selected(lambda: tabs.click("[data-act=first]"))
    assert set(data.ids[mask].tolist()) == set(order[:50].tolist())
    tabs.wait_for("Hardness of the selection")
    if data.extras["wrong_label"].any():
        mask = tabs.selected(lambda: tabs.click("[data-act=wrong]"))
        np.testing.assert_array_equal(mask, data.extras["wrong_label"] == 1)
    tabs.selected(lambda: session.later(session.state.clear))
    # the column that the result brought can stand across
    tabs.choose("across", "hardness")
    tabs.wait_for_function("plots.scatter().model.below[0].axis_label === 'hardness'")


def columns_are_crossed(tabs):
    session, data = tabs.session, tabs.session.data
    tabs.wait_for("Top confusions", "row error")
    tabs.wait_for_function("held('matrix', 'Text').text.length === 10")
    for norm in ("row", "column", "count"):
        shade = tabs.crossed.shown.shade(norm)
        tabs.click(f"[data-key=norm{norm}]")
        same = "s => { const i = held('matrix', 'Image').image; return i.length === s.length && "
        same += "i.every((v, k) => Math.abs(v - s[k]) < 1e-6) }"
        tabs.wait_for_function(same, arg=shade[::-1].ravel().tolist())
    cells_hold_pictures(tabs)
    tabs.choose("rows", "split")
    tabs.wait_for("Largest cells", "split ↓ prediction →")
    tabs.wait_for_function("held('matrix', 'Text').text.length === 2")
    mask = tabs.selected(lambda: tabs.mouse.click(*tabs.at("matrix", 4, -1)))
    splits = session.lens.store.samples["split"].values
    np.testing.assert_array_equal(mask, (splits == "train") & (data.prediction == 4))
    np.testing.assert_array_equal(replay(session.state.selection.origin, session.resolvers), mask)
    more = tabs.selected(lambda: shift(tabs, lambda: tabs.mouse.click(*tabs.at("matrix", 5, -1))))
    np.testing.assert_array_equal(more, (splits == "train") & np.isin(data.prediction, [4, 5]))
    tabs.choose("rows", "label")
    tabs.wait_for("Top confusions")


def cells_hold_pictures(tabs):
    """In a cell of mistakes lies the worst of them, on the diagonal the mean of those that are right."""
    data, images = tabs.session.data, "plots.matrix().model.renderers.filter(r => r.glyph.type === 'Image')"
    tabs.wait_for_function(f"{images}.length === 2")
    sheet = np.array(tabs.evaluate(f"[...{images}[1].data_source.data.image[0]]")).reshape(280, 280)[::-1]
    cells = sheet.reshape(10, 28, 10, 28).swapaxes(1, 2)[:, :, 2:-2, 2:-2]
    looks = cells[:, :, 1::3, 1::3].reshape(10, 10, 64).astype(float)  # as small as the digits are
    own = data.images(data.ids.tolist()).reshape(len(data), 64).astype(float)
    means = np.array([own[(data.label == c) & (data.prediction == c)].mean(axis=0) for c in range(10)])

    def likest(look, others):
        return int(np.argmax([np.corrcoef(look, each)[0, 1] for each in others]))

    for label in range(10):
        for prediction in range(10):
            there = np.flatnonzero((data.label == label) & (data.prediction == prediction))
            look = looks[label, prediction]
            if not len(there):
                assert not look.any()
            elif label == prediction:
                assert likest(look, means) == label
            else:
                assert likest(look, own) == there[data.loss[there].argmax()]


def shift(tabs, act):
    tabs.keyboard.down("Shift")
    act()
    tabs.keyboard.up("Shift")


def a_cell_opens_and_closes(tabs):
    session, data = tabs.session, tabs.session.data
    tabs.wait_for_function("held('matrix', 'Text').text.length === 10")
    tabs.mouse.dblclick(*tabs.at("matrix", 3, -3))
    own = data.ids[(data.label == 3) & (data.prediction == 3)]
    tabs.wait_for("All cells", "worst first", f"of {len(own)}")
    listed = tabs.evaluate("seen('.thumb').map(n => +n.dataset.value)")
    assert listed == sorted(own.tolist(), key=lambda sample: -data.loss[data.position(sample)])
    tabs.click(".thumb", 1)
    wait_until(lambda: session.state.focus == listed[1], what="the focus")
    tabs.click("[data-act=back]")
    tabs.wait_for_function("plots.matrix() && !seen('.thumb').length")


def color_by(tabs, words, name):
    """Choose a color by its menu; give the place in the palette of each dot that the map then shows."""
    state, before = tabs.session.state, tabs.evaluate("held('map', 'Scatter').place.join()")
    tabs.page.get_by_role("combobox", name="Color by").select_option(words)
    wait_until(lambda: state.color_by == name, what="the color")
    tabs.wait_for_function("before => held('map', 'Scatter').place.join() !== before", arg=before)
    return np.array(at_rest(lambda: tabs.evaluate("[...held('map', 'Scatter').place]")))


def map_is_colored_by_label_and_loss(tabs):
    session, scene = tabs.session, tabs.map.scene
    tabs.selected(lambda: session.later(session.state.clear))
    data = session.data
    places = color_by(tabs, "Prediction", "prediction")
    shown = data.prediction[scene.positions]
    for one in range(10):  # one color each, no two alike
        assert len(set(places[shown == one])) == 1 and not set(places[shown == one]) & set(
            places[shown != one]
        )
    places, loss = color_by(tabs, "Loss", "loss"), data.loss[scene.positions]
    order = np.argsort(loss, kind="stable")
    assert (np.diff(places[order].astype(int)) >= 0).all() and len(set(places)) > 20, "deeper with the loss"
    color_by(tabs, "Label × loss", CLASS_LOSS)
    palette = class_loss_palette("light", len(session.data))
    tabs.wait_for_function(
        "p => { const mapper = plots.map().model.renderers.find(r => r.glyph.type === 'Scatter').glyph.fill_color"
        ".transform; return mapper.palette.slice(0, p.length).join() === p.join() }",
        arg=[*palette],
    )
    dots = scene.dots(None)
    tabs.wait_for_function(
        "p => held('map', 'Scatter').place.join() === p.join()", arg=dots["place"].tolist()
    )
    deep = {palette[place] for place in dots["place"]}
    assert len(deep) > 30, "many depths of ten hues"
    session.later(lambda: setattr(session.state, "visible", [1, 2]))  # as chips do: they go by the label
    wait_until(lambda: set(session.data.label[scene.positions].tolist()) == {1, 2}, what="two classes")


def test_a_thousand_classes(synthetic, serve, open_page):
    data = synthetic.run_data(4_000, 1_000)
    rng = np.random.default_rng(2)
    data.prediction[:] = np.where(rng.random(4_000) < 0.4, (data.label * 7 + 1) % 1_000, data.label)
    tabs = Tabs(lambda: Session(None, data=data), serve, open_page)
    tabs.wait_for("Top confusions")
    wait_until(lambda: tabs.evaluate("!!held('matrix', 'Text').text"), what="the matrix")
    assert len(tabs.evaluate("held('matrix', 'Text').text")) == MOST
    pairs = tabs.crossed.shown.pairs(60)
    assert tabs.evaluate("seen('.pair').map(n => n.querySelector('.num').textContent)") == [
        f"{number:,}" for *_, number in pairs
    ]
    last = 3
    mask = tabs.selected(lambda: tabs.click(".pair", last))
    row, column, number = pairs[last]
    np.testing.assert_array_equal(mask, (data.label == row) & (data.prediction == column))
    assert mask.sum() == number
    mask = tabs.selected(lambda: tabs.mouse.click(*tabs.at("matrix", MOST - 1, 1 - MOST)))
    shown = tabs.crossed.shown
    np.testing.assert_array_equal(
        mask, np.isin(data.label, shown.rows[-1]) & np.isin(data.prediction, shown.columns[-1])
    )
    assert tabs.session.messages == [] and [e for e in tabs.errors if "WebGL" not in e] == []
