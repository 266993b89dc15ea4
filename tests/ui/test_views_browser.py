"""The linked views in a real browser: what gestures select, what a tap and a resting pointer show, what is sent.

They show 59,400 pictures of clothes as the network of the house sees them: drawn from the 60,000, so that ids are no
positions and mixing them up shows. Without the data set they are points that are made up.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
import xarray as xr
from matplotlib.path import Path
from panel.custom import JSComponent

from nnlens.capturing import capture
from nnlens.errors import SamplesError
from nnlens.lens import Lens
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.state import MapState, replay
from nnlens.testing import wait_until
from nnlens.ui.core.data import RunData
from nnlens.ui.core.regions import fitted
from nnlens.ui.core.session import Session
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.theme import THEMES, page_style
from nnlens.ui.maps.gestures import REST
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.panels.histogram import LossHistogram
from nnlens.ui.panels.matrix import ConfusionMatrix

pytestmark = pytest.mark.browser

GRID = """
:host { display: grid !important; gap: 1px; grid-template: "a b" minmax(0, 1fr) "l m" 300px / 1fr 1fr; }
:host > * { min-width: 0 !important; min-height: 0 !important; }
"""
FIND = """() => {
  window.figures = []
  const seen = new Set()
  const visit = view => {
    if (!view || seen.has(view)) return
    seen.add(view)
    if (view.model?.type === 'Figure') figures.push(view)
    for (const child of view.child_views ?? []) visit(child)
    try { for (const child of view.children()) visit(child) } catch {}
  }
  for (const root of Bokeh.index.roots) visit(root)
  window.all = (css, root = document) => {
    const found = [...root.querySelectorAll(css)]
    for (const node of root.querySelectorAll('*')) if (node.shadowRoot) found.push(...all(css, node.shadowRoot))
    return found
  }
  return figures.length
}"""
STILL = """() => new Promise(done => {
  // the layout comes to rest: twenty frames without a change of size
  let same = 0, last = ''
  const look = () => {
    const now = figures.map(v => v.model.inner_width + 'x' + v.model.inner_height).join()
    same = now === last ? same + 1 : 0
    last = now
    same > 20 ? done() : requestAnimationFrame(look)
  }
  look()
})"""
WHERE = """([i, x, y]) => {
  const view = figures[i], box = view.canvas_view.el.getBoundingClientRect()
  return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}"""
SENT = """i => {
  const sources = figures[i].model.renderers.map(r => [r.glyph.type, r.data_source.data])
  return JSON.stringify(sources.map(([type, data]) => [type, Object.fromEntries(Object.entries(data).map(
    ([name, column]) => [name, name === 'image' ? [...column[0]] : [...column]]))]))
}"""
BARS = (
    "Math.round(figures[2].model.renderers.at(-1).data_source.data.top.reduce((s, v) => s + 10 ** v - 1, 0))"
)
A, B, LOSS, MATRIX = range(4)
SHAPE = np.array([(-0.9, 0.1), (-0.35, 0.95), (0.35, 0.8), (0.2, 0.2), (-0.5, -0.4)])


class Views:
    """A served page of the four views and the browser that shows it."""

    def __init__(self, data, results, serve, open_page):
        self.data, self.results = data, results
        self.page = open_page(serve(self.build))
        wait_until(lambda: self.page.evaluate(FIND) == 4, what="four plots")
        self.page.evaluate(STILL)
        for figure, which in ((A, "a"), (B, "b")):
            wait_until(lambda f=figure, w=which: self.same_view(f, w), what="the size of the maps")

    def same_view(self, figure, which):
        """Whether server and browser agree on what is in view."""
        scene, model = self.maps[which].scene, f"figures[{figure}].model"
        width, start = self.page.evaluate(f"[Math.trunc({model}.inner_width), {model}.x_range.start]")
        return scene.sized and scene.width == width and scene.view[0] == pytest.approx(start)

    def go_home(self):
        """Bring the page back to how it opens: its size, its maps and what they show, nothing chosen."""
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.wait_for_function("innerWidth === 1440 && innerHeight === 900")
        self.page.mouse.move(720, 10)  # over neither map
        self.page.evaluate(STILL)
        for figure, which in ((A, "a"), (B, "b")):
            wait_until(lambda f=figure, w=which: self.same_view(f, w), what="the size of the maps")
        if self.state.map_a.tool != "lasso":
            self.page.evaluate("all('button.tool').find(e => e.dataset.value === 'lasso').click()")
            wait_until(lambda: self.state.map_a.tool == "lasso", what="the lasso")
        self.do(self.as_built)
        for figure, which in ((A, "a"), (B, "b")):
            wait_until(lambda f=figure, w=which: self.whole(f, w), what="the whole map")
        assert self.state.map_a == self.state.map_b == MapState()
        assert self.state.focus is self.state.hover is self.state.mask is None
        wait_until(lambda: self.page.evaluate("all('.card').length") == 0, what="no card")

    def as_built(self):
        self.session.theme = "light"
        self.state.param.update(visible=None, color_by="label", focus=None, hover=None)
        self.state.clear()
        for which, area in self.maps.items():
            area.set_note("")
            area.set_result(self.results[which])
            area.home(front=True)

    def whole(self, figure, which):
        scene = self.maps[which].scene
        fit = fitted(scene.projection.extent, scene.width, scene.height)
        return self.same_view(figure, which) and scene.view == pytest.approx(fit, rel=1e-6)

    def build(self):
        """Make the page, as a server does: in its own thread."""
        self.session = Session(None, data=self.data)
        self.maps = {which: ProjectionMap(self.session, which) for which in "ab"}
        for which, result in self.results.items():
            self.maps[which].set_result(result)
        parts = {
            "a": self.maps["a"].panel(),
            "b": self.maps["b"].panel(),
            "l": LossHistogram(self.session).panel(),
            "m": ConfusionMatrix(self.session).panel(),
        }
        for area, part in parts.items():
            part.styles = {"grid-area": area}
        shell = pn.Column(
            *parts.values(),
            sizing_mode="stretch_both",
            margin=0,
            stylesheets=[GRID],
            styles={"height": "calc(100vh - 64px)", "width": "100%"},
        )
        return pmui.Page(main=[shell], theme_config=THEMES, sx=page_style(), sidebar_variant="temporary")

    @property
    def state(self):
        return self.session.state

    def do(self, act):
        """Do something as the page's own callbacks would, and wait until it is done."""
        done = threading.Event()
        self.session.later(lambda: (act(), done.set()))
        assert done.wait(60)  # the first of a color compiles what draws it

    def set(self, **values):
        """Change the state."""
        self.do(lambda: self.state.param.update(**values))

    def at(self, figure, x, y):
        return self.page.evaluate(WHERE, [figure, float(x), float(y)])

    def drag(self, figure, corners, keys=()):
        places = [self.at(figure, x, y) for x, y in corners]
        self.page.mouse.move(*places[0])
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    def selected(self, act):
        """Do something and give the ids that the state then holds."""
        before = self.state.selection
        act()
        wait_until(lambda: self.state.selection is not before, what="another selection")
        return set(self.state.selection.samples.tolist())

    def columns(self, figure, place):
        """What the browser holds in the source of a plot's renderer: by place, or the first of a kind of glyph."""
        sources = json.loads(self.page.evaluate(SENT, figure))
        return (
            sources[place][1]
            if isinstance(place, int)
            else next(data for kind, data in sources if kind == place)
        )


@dataclass(frozen=True)
class Shown:
    """What the page shows.

    Attributes
    ----------
    data : RunData
    tight, loose, solid : Dataset
        Two projections, of which the second leaves samples out, and one of three components.
    """

    data: RunData
    tight: xr.Dataset
    loose: xr.Dataset
    solid: xr.Dataset


LEFT_OUT = 600


def clothes(folder):
    """Capture real pictures and project them."""
    samples = load_samples("fashion-mnist").take(59_400, seed=0)
    lens = Lens(capture(load_model("zoo:fashion-mnist"), samples, folder / "clothes", layers=["fc1"]))
    tight, loose = lens.run("pca", layer="fc1"), lens.run("pca", layer="@input")
    loose = loose.isel(sample=slice(LEFT_OUT, None)).assign_attrs(key="the rest")
    solid = lens.run("pca", layer="fc1", components=3)
    return Shown(RunData.from_store(lens.store), tight, loose, solid)


def made_up(synthetic):
    data = synthetic.run_data(60_000)
    tight, loose = (
        synthetic.projection(data),
        synthetic.projection(data, "loose", left_out=LEFT_OUT),
    )
    return Shown(data, tight, loose, synthetic.solid(data))


@pytest.fixture(scope="module")
def shown(tmp_path_factory, synthetic):
    try:
        return clothes(tmp_path_factory.mktemp("views"))
    except SamplesError:  # a machine without the data set; that of CI has it
        return made_up(synthetic)


@pytest.fixture(scope="module")
def shared(shown, serve_shared, open_shared):
    return Views(shown.data, {"a": shown.tight, "b": shown.loose}, serve_shared, open_shared)


@pytest.fixture
def views(shared):
    """The one page of all tests, as it was when it opened."""
    shared.go_home()
    yield shared
    assert shared.session.messages == []
    assert [error for error in shared.page.errors if "WebGL" not in error] == []


def coordinates(result):
    """Ids and coordinates of a projection, as its dataset has them."""
    return result["sample"].values, result["projection"].values


def expected(result, corners):
    ids, xy = coordinates(result)
    return set(ids[Path(corners).contains_points(xy)].tolist())


def looking(view, shape):
    """Put a shape of −1 … 1 into a view."""
    x0, y0, x1, y1 = view
    middle, half = np.array([x0 + x1, y0 + y1]) / 2, min(x1 - x0, y1 - y0) / 2
    return middle + 0.9 * half * np.asarray(shape)


def test_a_lasso_selects_the_same_everywhere_at_three_zooms(views, shown):
    scene = views.maps["a"].scene
    middle = np.median(shown.tight["projection"].values, axis=0)
    for zoom in range(3):
        if zoom:
            x, y = views.at(A, *middle)
            views.page.mouse.move(x, y)
            before = scene.view
            views.page.mouse.wheel(0, -200)
            wait_until(lambda before=before: scene.view != before, what="another view")
            views.page.wait_for_function(
                "v => Math.abs(figures[0].model.x_range.start - v) < 1e-9", arg=scene.view[0]
            )
        corners = looking(scene.view, SHAPE * (1 - 0.1 * zoom))
        chosen = views.selected(lambda corners=corners: views.drag(A, corners))
        # what the mouse drew lies on whole pixels: compare with the corners that were taken, which lie beside those
        taken = np.array(views.state.selection.origin["corners"])
        for corner in corners:
            assert np.hypot(*(taken - corner).T).min() < 1.5 * scene.unit()
        assert chosen == expected(shown.tight, taken) and len(chosen) > 50
        mask = np.isin(shown.data.ids, list(chosen))
        views.page.wait_for_function(f"n => {BARS} === n", arg=len(chosen))
        assert_cells(views, mask)
        assert_pixels(views, mask)


def assert_cells(views, mask):
    """The bars in the matrix stand in the cells of the selected, as wide as their share."""
    bars = views.columns(MATRIX, "Quad")
    data, found = views.data, {}
    for left, right, bottom in zip(bars["left"], bars["right"], bars["bottom"], strict=True):
        found[round(-bottom - 0.5), round(left + 0.45)] = right - left
    cells = {(int(a), int(b)) for a, b in zip(data.label[mask], data.prediction[mask], strict=True)}
    assert set(found) == cells
    for (label, prediction), width in found.items():
        cell = (data.label == label) & (data.prediction == prediction)
        assert width == pytest.approx(max(0.15, 0.9 * (mask & cell).sum() / cell.sum()))


def assert_pixels(views, mask):
    """The picture that the browser holds is that of the scene."""
    for figure, which in ((A, "a"), (B, "b")):
        scene = views.maps[which].scene
        held = views.columns(figure, "Image")["image"]
        np.testing.assert_array_equal(held, scene.pixels(mask).ravel())


def test_keys_make_a_box_add_and_remove(views, shown):
    ids, xy = coordinates(shown.tight)
    view = views.maps["a"].scene.view

    def inside():
        x0, y0, x1, y1 = views.state.selection.origin["box"]
        return set(ids[(xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)].tolist())

    first = views.selected(
        lambda: views.drag(A, looking(view, [(-0.1, -0.5), (0.2, -0.4), (0.6, 0.1)]), ["Shift"])
    )
    assert views.state.selection.origin["kind"] == "box" and first == inside() != set()
    triangle = looking(view, [(-0.8, 0.5), (-0.3, 0.9), (0.1, 0), (-0.6, -0.2)])
    more = views.selected(lambda: views.drag(A, triangle, ["Control"]))
    added = views.state.selection.origin
    lasso = expected(shown.tight, added["second"]["corners"])
    assert (added["kind"], added["mode"]) == ("combined", "add") and more == first | lasso != first
    less = views.selected(lambda: views.drag(A, triangle, ["Alt"]))
    assert less < more and not less & expected(shown.tight, views.state.selection.origin["second"]["corners"])
    for step, then in ((views.state.undo, more), (views.state.redo, less), (views.state.clear, set())):
        assert views.selected(lambda step=step: views.do(step)) == then


def test_a_map_that_leaves_samples_out_selects_only_its_own(views, shown):
    chosen = views.selected(lambda: views.drag(B, looking(views.maps["b"].scene.view, SHAPE)))
    assert chosen == expected(shown.loose, views.state.selection.origin["corners"]) != set()
    assert not chosen & set(shown.data.ids[:LEFT_OUT].tolist())


def test_hidden_classes_are_not_selected(views):
    views.set(visible=[0, 1, 2])
    views.selected(lambda: views.drag(A, looking(views.maps["a"].scene.view, SHAPE * 1.05)))
    assert set(views.data.label[views.state.mask].tolist()) == {0, 1, 2}
    again = replay(views.state.selection.origin, views.session.resolvers)
    np.testing.assert_array_equal(again, views.state.mask)


def test_a_tap_rings_the_sample_in_both_maps_and_a_small_selection_lies_on_top(views, shown):
    ids, xy = coordinates(shown.tight)
    row = 4321
    views.page.mouse.click(*views.at(A, *xy[row]))
    wait_until(lambda: views.state.focus is not None, what="a focus")
    place = xy[ids == views.state.focus][0]
    assert np.hypot(*(place - xy[row])) <= 1.5 * views.maps["a"].scene.unit()
    for figure, which in ((A, "a"), (B, "b")):
        there = views.maps[which].scene.place(views.state.focus)
        views.page.wait_for_function(
            "([i, x]) => { const data = figures[i].model.renderers.at(-1).data_source.data; return data.x[0] === x }",
            arg=[figure, there[0]],
        )

    densest = ids[np.argsort(np.hypot(*(xy - np.median(xy, axis=0)).T))[:40]]
    views.do(lambda: views.state.select(np.sort(densest), {"kind": "ids"}))
    drawn = "[4, 5].map(k => figures[0].model.renderers[k])"  # after the picture, the dots and the pictures
    views.page.wait_for_function(f"() => {drawn}.every(r => r.data_source.data.x.length === 40)")
    places = views.columns(A, 5)
    shown = sorted(zip(places["x"], places["y"], strict=True))
    np.testing.assert_allclose(shown, sorted(map(tuple, xy[np.isin(ids, densest)])), atol=1e-6)
    look = views.page.evaluate(f"{drawn}.map(r => [r.glyph.size.value, r.glyph.fill_color.value ?? ''])")
    assert look == [[9, TOKENS["light"]["accent"]], [6, ""]]  # their class on an edge in the accent
    views.do(lambda: views.state.select(ids[:300], {"kind": "ids"}))
    views.page.wait_for_function(f"() => {drawn}.every(r => r.data_source.data.x.length === 0)")


def test_a_resting_pointer_shows_a_card_until_it_moves(views, shown):
    _, xy = coordinates(shown.tight)
    x, y = views.at(A, *xy[77])
    views.page.mouse.move(x - 30, y - 30)
    views.page.mouse.move(x, y)
    shown = "all('.card').map(card => card.innerText).join()"

    wanted = views.maps["a"].scene.nearest(*xy[77])
    wait_until(lambda: views.state.hover == wanted, what="the hovered sample", seen=lambda: views.state.hover)
    sample = wanted

    def hovered():  # the words of the card that names it, once its picture is there
        words = views.page.evaluate(shown)
        pictured = views.page.evaluate("all('.card img').some(image => image.complete && image.naturalWidth)")
        return words if f"{sample:,}" in words and pictured else None

    text = wait_until(hovered, what="a card of the hovered sample")
    position = views.data.position(sample)
    for word in (views.data.class_name(views.data.label[position]), "loss", f"{sample:,}"):
        assert word in text
    assert views.page.evaluate("all('.card').length") == 1  # beside the pointer, not in the other map
    heard = []
    views.state.param.watch(lambda event: heard.append(event.new), "hover")
    views.page.mouse.move(x + 9, y)  # where it rests again in a moment
    wait_until(lambda: None in heard, what="an end of hovering", seen=lambda: heard)
    assert REST == 150


def test_double_click_goes_home_and_keeps_the_focus(views):
    views.set(focus=int(views.data.ids[5]))
    scene = views.maps["a"].scene
    x, y = views.at(A, *looking(scene.view, (0, 0)))
    views.page.mouse.move(x, y)
    views.page.mouse.wheel(0, -400)
    wait_until(lambda: views.state.map_a.extent is not None, what="a remembered view")
    wide = scene.projection.extent[2] - scene.projection.extent[0]
    wait_until(lambda: scene.view[2] - scene.view[0] < 0.8 * wide, what="a closer view")
    views.page.mouse.dblclick(x, y)
    wait_until(lambda: views.state.map_a.extent is None, what="the whole map")
    whole = fitted(scene.projection.extent, scene.width, scene.height)
    wait_until(lambda: np.allclose(scene.view, whole, rtol=1e-6), what="the whole map in view")
    wait_until(lambda: views.state.focus == int(views.data.ids[5]), what="the focus of before")


def test_close_up_samples_become_dots_and_then_pictures(views, shown):
    scene = views.maps["a"].scene
    views.page.mouse.move(*views.at(A, *np.median(shown.tight["projection"].values, axis=0)))
    modes = []
    for _ in range(12):
        before = scene.view
        views.page.mouse.wheel(0, -250)
        wait_until(lambda before=before: scene.view != before, what="another view")
        views.do(lambda: modes.append(scene.mode))  # on the page's thread, which sets the mode after the view
        if scene.mode == "pictures":
            break
    assert modes[-1] == "pictures" and "dots" in modes
    urls = "[...figures[0].model.renderers[3].data_source.data.url]"
    wanted = lambda: views.session.image_urls(scene.pictures(None)["sample"].tolist())  # noqa: E731
    wait_until(lambda: views.page.evaluate(urls) == wanted(), what="the pictures of those in view")
    feet = "all('.foot').map(e => e.innerText).join('|')"
    wait_until(lambda: f"{len(scene):,} in view · pictures" in views.page.evaluate(feet), what="the foot")
    views.page.wait_for_function("() => all('.inset img').length === 1")
    label = int(views.data.label[views.data.position(scene.pictures(None)["sample"][0])])
    mask = views.data.label == label
    views.do(lambda: views.state.select(mask, {"kind": "class", "variable": "label", "class": label}))
    alphas = scene.pictures(mask)["alpha"]
    views.page.wait_for_function(
        "a => JSON.stringify([...figures[0].model.renderers[3].data_source.data.alpha]) === a",
        arg=json.dumps(alphas.tolist(), separators=(",", ":")).replace("1.0", "1"),
    )


def test_one_unit_is_as_long_across_as_up_after_a_resize(views):
    def units():
        return views.page.evaluate(
            "figures.slice(0, 2).map(v => { const {x_range: x, y_range: y, inner_width: w, inner_height: h} = v.model; "
            "return [(x.end - x.start) / w, (y.end - y.start) / h] })"
        )

    for size in ({"width": 1100, "height": 900}, {"width": 1700, "height": 800}):
        views.page.set_viewport_size(size)
        wait_until(
            lambda: all(across == pytest.approx(up, rel=1e-3) for across, up in units()),
            what="an equal aspect",
        )
        wait_until(
            lambda: (
                views.maps["a"].scene.width == views.page.evaluate("Math.trunc(figures[0].model.inner_width)")
            ),
            what="a picture of the new size",
        )


def test_a_brush_of_the_loss_and_a_click_on_a_cell(views):
    data = views.data
    chosen = views.selected(lambda: views.drag(LOSS, [(-1.0, 1.0), (0.0, 2.0), (0.5, 1.0)]))
    low, high = views.state.selection.origin["low"], views.state.selection.origin["high"]
    assert (
        low == pytest.approx(0.1, rel=0.3)
        and high == pytest.approx(10**0.5, rel=0.3)
        and chosen == set(data.ids[(data.loss >= low) & (data.loss <= high)].tolist())
    )
    wrong = [
        (a, b)
        for a in range(10)
        for b in range(10)
        if a != b and ((data.label == a) & (data.prediction == b)).any()
    ]
    (a, b), (c, d) = wrong[0], wrong[-1]
    first = (data.label == a) & (data.prediction == b)
    second = (data.label == c) & (data.prediction == d)
    assert views.selected(lambda: views.page.mouse.click(*views.at(MATRIX, b, -a))) == set(
        data.ids[first].tolist()
    )
    views.page.keyboard.down("Shift")
    both = views.selected(lambda: views.page.mouse.click(*views.at(MATRIX, d, -c)))
    views.page.keyboard.up("Shift")
    assert both == set(data.ids[first | second].tolist())


def test_theme_and_coloring_switch_while_the_page_stands(views):
    def palette(figure):
        return views.page.evaluate(
            "i => figures[i].model.renderers[0].glyph.color_mapper.palette.length", figure
        )

    assert palette(A) == 256
    views.do(lambda: setattr(views.session, "theme", "dark"))
    views.set(color_by="loss")
    views.page.wait_for_function(
        "color => figures.slice(0, 2).every(v => v.model.renderers.at(-1).glyph.line_color.value === color)",
        arg=TOKENS["dark"]["accent"],
    )
    scene = views.maps["b"].scene
    assert scene.by == "loss" and not scene.by_class
    wait_until(
        lambda: views.columns(B, "Image")["image"] == scene.pixels(None).ravel().tolist(), what="the picture"
    )


def test_pictures_of_a_running_job_replace_each_other(views, shown):
    area = views.maps["a"]
    for step in range(1, 4):
        picture = (step * shown.tight).assign_attrs(shown.tight.attrs, key="", title=f"step {step}")
        views.do(lambda picture=picture: area.set_result(picture, partial=True))
        views.page.wait_for_function(
            "t => all('.ph').some(e => e.innerText.includes(t) && e.innerText.includes('partial'))",
            arg=f"step {step}",
        )
        extent = area.scene.projection.extent
        assert (
            area.scene.view[0] <= extent[0] and area.scene.view[2] >= extent[2]
        )  # all of it, while not zoomed
    views.do(lambda: area.set_result(shown.tight))
    views.page.wait_for_function("() => !all('.ph').some(e => e.innerText.includes('partial'))")


def test_the_empty_map_says_why_and_keeps_its_height(views):
    area = views.maps["a"]
    tall = views.page.evaluate("figures[0].canvas_view.el.getBoundingClientRect().height")

    def empty():
        area.set_result(None)
        area.set_note("No map of <b>fc1</b> yet", "PCA takes about 2 s here.")

    views.do(empty)
    views.page.wait_for_function(
        "() => all('.words').some(e => e.innerText.includes('No map of <b>fc1</b> yet'))"
    )
    views.page.wait_for_function("all('.foot').some(e => e.innerText.includes('0 in view'))")
    assert views.page.evaluate("figures[0].canvas_view.el.getBoundingClientRect().height") == tall


def test_a_drag_begun_slowly_is_a_drag(views):
    corners = [views.at(A, x, y) for x, y in looking(views.maps["a"].scene.view, SHAPE)]
    views.page.mouse.move(*corners[0])
    views.page.mouse.down()
    views.page.wait_for_timeout(500)  # what is tested is a time: how long the button is held still

    def go_on():
        for corner in corners[1:]:
            views.page.mouse.move(*corner, steps=3)
        views.page.mouse.up()

    assert views.selected(go_on)


def test_two_quick_taps_at_two_places_inspect_twice(views, shown):
    xy = shown.tight["projection"].values
    first, last = xy[xy[:, 0].argmin()], xy[xy[:, 0].argmax()]
    left, right = views.at(A, *first), views.at(A, *last)
    focused = []
    views.do(lambda: views.state.param.watch(lambda event: focused.append(event.new), "focus"))
    views.page.mouse.click(*left)
    views.page.mouse.click(*right)
    wait_until(lambda: len(focused) == 2, what="two samples in focus")
    assert views.state.map_a.extent is None
    scene = views.maps["a"].scene
    for sample, place in zip(focused, (first, last), strict=True):
        assert np.hypot(*(np.array(scene.place(sample)) - place)) <= 1.5 * scene.unit()


def test_nothing_is_asked_of_another_host(views):
    views.selected(lambda: views.drag(A, looking(views.maps["a"].scene.view, SHAPE)))
    own = views.page.url.rstrip("/")
    strangers = [a for a in views.page.addresses if not a.startswith((own, "data:", "blob:"))]
    assert strangers == []


def test_tools_choose_what_a_drag_does(views):
    view = views.maps["a"].scene.view
    views.page.mouse.move(*views.at(A, *looking(view, (0, 0))))
    views.page.evaluate("all('button.tool').find(e => e.dataset.value === 'box').click()")
    views.page.wait_for_function(
        "() => all('button.tool').some(e => e.dataset.value === 'box' && e.ariaPressed === 'true')"
    )
    views.selected(lambda: views.drag(A, looking(view, [(-0.1, -0.5), (0.2, -0.4), (0.6, 0.1)])))
    assert views.state.selection.origin["kind"] == "box"
    views.page.evaluate("all('button.tool').find(e => e.dataset.value === 'pan').click()")
    views.page.wait_for_function(
        "() => all('button.tool').some(e => e.dataset.value === 'pan' && e.ariaPressed === 'true')"
    )
    before = views.state.selection
    views.drag(A, looking(view, [(0, 0), (0.2, 0.1), (0.3, 0.2)]))
    wait_until(lambda: views.state.map_a.extent is not None, what="a moved map")
    assert views.state.selection is before
    views.page.evaluate("all('button.tool').find(e => e.dataset.value === 'home').click()")
    wait_until(lambda: views.state.map_a.extent is None, what="the whole map")


def test_a_component_of_ours_needs_no_network():
    from nnlens.ui.look.live import Live

    assert issubclass(Live, JSComponent) and "http" not in Live._esm


def naive(xyz, turn):
    """Turn coordinates (sample, component) around their middle, as a table of cosines would."""
    across, up = np.radians(turn)
    around = np.array([[np.cos(across), 0, np.sin(across)], [0, 1, 0], [-np.sin(across), 0, np.cos(across)]])
    over = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    middle = (xyz.min(axis=0) + xyz.max(axis=0)) / 2
    return (xyz - middle) @ (over @ around).T + middle


def test_a_body_is_turned_by_drag_and_keys_and_brushed_as_it_is_seen(views, shown):
    ids, xyz = coordinates(shown.solid)
    area, page, middle = views.maps["a"], views.page, xyz.min(axis=0) / 2 + xyz.max(axis=0) / 2
    turn_tool = "all('button.tool').find(e => e.dataset.value === 'turn')"
    assert not page.evaluate(f"!!{turn_tool}"), "a plane is not turned"
    views.do(lambda: area.set_result(shown.solid))
    page.wait_for_function(f"() => {turn_tool}")
    page.evaluate(f"{turn_tool}.click()")
    wait_until(lambda: views.state.map_a.tool == "turn", what="the tool in the state")
    page.wait_for_function(f"() => {turn_tool}.ariaPressed === 'true'")

    from_x, from_y = views.at(A, *middle[:2])
    page.mouse.move(from_x, from_y)
    page.mouse.down()
    for step in range(1, 7):
        page.mouse.move(from_x + 15 * step, from_y - 5 * step, steps=2)
    page.mouse.up()
    wait_until(lambda: views.state.map_a.turn != (0, 0), what="a turn that is kept")
    turn = views.state.map_a.turn
    assert turn == pytest.approx((45, 15), abs=3) and not len(views.state.selection)
    np.testing.assert_allclose(
        np.column_stack([area.scene.projection.x, area.scene.projection.y]),
        naive(xyz, turn)[:, :2],
        atol=1e-4,
    )
    wait_until(
        lambda: views.columns(A, "Image")["image"] == area.scene.pixels(None).ravel().tolist(),
        what="a picture",
    )
    views.page.keyboard.press("ArrowRight")
    wait_until(lambda: views.state.map_a.turn[0] == pytest.approx(turn[0] + 10), what="a turn by a key")
    turn = views.state.map_a.turn

    box = views.selected(
        lambda: views.drag(A, [middle[:2], middle[:2] + np.ptp(xyz[:, :2], axis=0) / 4], ["Shift"])
    )
    seen, (x0, y0, x1, y1) = naive(xyz, turn), views.state.selection.origin["box"]
    inside = (seen[:, 0] >= x0) & (seen[:, 0] <= x1) & (seen[:, 1] >= y0) & (seen[:, 1] <= y1)
    assert len(box) > 50 and len(box ^ set(ids[inside].tolist())) <= 2  # on the border by rounding
    page.evaluate("all('button.tool').find(e => e.dataset.value === 'lasso').click()")
    wait_until(lambda: views.state.map_a.tool == "lasso", what="the lasso")
    page.wait_for_function(
        "() => figures[0].model.toolbar.tools.find(t => t.type === 'LassoSelectTool').active"
    )
    chosen = views.selected(lambda: views.drag(A, looking(area.scene.view, SHAPE * 0.6)))
    origin = views.state.selection.origin
    lasso = set(ids[Path(origin["corners"]).contains_points(seen[:, :2])].tolist())
    assert origin["turn"] == list(turn) and len(chosen) > 50 and len(chosen ^ lasso) <= 2
    np.testing.assert_array_equal(replay(origin, views.session.resolvers), views.state.mask)

    views.set(map_a=replace(views.state.map_a, turn=(0.0, 0.0)))
    assert set(views.state.selection.samples.tolist()) == chosen, "turning is no selecting"
    page.wait_for_function(
        "() => figures[0].model.renderers.find(r => r.glyph.type === 'Patches')"
        ".data_source.data.xs.every(x => [...x].every(isNaN))"
    )
    np.testing.assert_array_equal(replay(origin, views.session.resolvers), views.state.mask)
    views.page.mouse.click(*views.at(A, *xyz[77, :2]))
    wait_until(lambda: views.state.focus is not None, what="a focus")
