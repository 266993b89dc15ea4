"""The maps of a whole page in a real browser, on digits: by which method, of what, stopped, from a file.

What they say of themselves is compared with the run, with the analyses, and with scikit-learn.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import FIGURES, HEADS, LOOK, SHOWN_WORDS, Driver, at_rest

pytestmark = pytest.mark.browser

SAMPLES = 300
LONG = '{"dimensions":3,"early_iterations":5000,"iterations":20000}'
PLANES = "?map_a=relu3&map_a_by=nnlens-embedding:pca&map_b=relu3&map_b_by=nnlens-embedding:pca"
RUNNING = PLANES.replace("a_by=nnlens-embedding:pca", f"a_by=nnlens-embedding:tsne&map_a_with={LONG}")
OTHERS = PLANES.replace("b_by=nnlens-embedding:pca", "b_by=nnlens-embedding:umap")
HELD = """([which, column]) => {
  const found = maps()[which].model.renderers.map(r => r.data_source.data).find(d => d[column]?.length)
  return Object.fromEntries(Object.entries(found ?? {}).map(([name, values]) => [name, [...values]]))
}"""
WHERE = """([which, x, y]) => {
  const view = which === 'matrix' ? matrix() : maps()[which], box = view.canvas_view.el.getBoundingClientRect()
  return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}"""
RANGES = "(m => [m.x_range.start, m.y_range.start, m.x_range.end, m.y_range.end])(maps()[0].model)"
PIXELS = """([css, which]) => all(css)[which].decode().then(() => {
  const image = all(css)[which], canvas = document.createElement('canvas'), draw = canvas.getContext('2d')
  ;[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight]
  draw.drawImage(image, 0, 0)
  return [canvas.height, canvas.width, ...draw.getImageData(0, 0, canvas.width, canvas.height).data]
})"""


class Maps(Driver):
    """A page with what these tests do to its maps."""

    def __init__(self, page):
        super().__init__(page, SHOWN_WORDS)

    def prepare(self):
        super().prepare()
        self.page.evaluate(f"""() => {{
          window.figures = {FIGURES}
          window.maps = () => figures().filter(v => v.model.renderers.some(r => 'place' in r.data_source.data))
          window.matrix = () => figures().find(v => ['Image', 'Quad'].every(
            type => v.model.renderers.some(r => r.glyph.type === type)))
        }}""")

    def heads(self):
        return self.page.evaluate(HEADS)

    def held(self, column, which=0):
        """What a map holds in the first of its layers that has something in this column."""
        return self.page.evaluate(HELD, [which, column])

    def at(self, x, y, which=0):
        return self.page.evaluate(WHERE, [which, float(x), float(y)])

    def pixels(self, css, which=0):
        """The pixels of a picture, dims (y, x, channel)."""
        height, width, *values = self.page.evaluate(PIXELS, [css, which])
        return np.array(values).reshape(height, width, 4)

    def copied_ids(self):
        """Copy the ids of the selected, and read them from the clipboard."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        self.choose(".takeout .worded", "")
        self.choose(".menu:popover-open .choice", "Copy the ids")
        text = wait_until(
            lambda: self.page.evaluate("navigator.clipboard.readText()"), what="the ids on the clipboard"
        )
        return [int(line) for line in text.split()]

    def wait_for_head(self, pattern, which=0, seconds=240):  # UMAP is compiled anew in each process
        found = lambda: re.search(pattern, self.heads()[which])  # noqa: E731
        wait_until(found, seconds, what=pattern, interval=LOOK, seen=self.heads)

    def wait_in_view(self, a, b):
        feet = "all('.foot').map(n => n.textContent).filter(text => text.includes('in view'))"
        self.wait_for_function(f"{feet}.map(text => parseInt(text)).join() === '{a},{b}'")

    def choose(self, css, text):
        """Press the button of this kind with these words."""
        find = f"seen({css!r}).find(n => n.textContent.includes({text!r}))"
        self.wait_for_function(f"(n => n && (n.click(), true))({find})")

    def wait_for_labels(self, *there, gone=()):
        wanted = f"{[*there]}.every(t => found.includes(t)) && !{[*gone]}.some(t => found.includes(t))"
        self.wait_for_function(f"(found => {wanted})(seen('.label').map(n => n.textContent))")

    def pick_samples(self, option):
        self.page.get_by_role("combobox", name="Samples").select_option(option)

    def bring(self, path):
        with self.page.expect_file_chooser() as chooser:
            self.choose("button.own", "own coordinates")
        chooser.value.set_files(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model, samples = load_model("zoo:digits"), load_samples("digits", "test", limit=SAMPLES)
    return capture(model, samples, tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="module")
def url(run, explore):
    return explore(run.path)


@pytest.fixture
def opened(url, open_page):
    pages = []

    def opening(query):
        page = open_page(url + query)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        pages.append(Maps(page))
        return pages[-1]

    yield opening
    for page in pages:
        assert not [error for error in page.errors if "WebGL" not in error]


def test_a_map_on_its_way_is_drawn_canceled_and_stopped_beside_another_of_one_layer(opened):
    page = opened(RUNNING)
    page.choose("[data-act=compute]", "Compute")
    page.wait_for_head("partial")
    page.choose("[data-act=cancel]", "Cancel")
    page.wait_for_head("^(?!.*partial)")
    page.choose("[data-act=compute]", "Compute")
    page.wait_for_head("partial")
    page.choose("[data-act=stop]", "Stop, keep this")
    page.wait_for_head(r"^(?!.*partial).*t-SNE of relu3.*after [\d,]+ of 25,000 iterations")
    page.wait_for_head("PCA of relu3", 1)
    page.wait_in_view(300, 300)
    page.wait_for_labels("Perplexity", "Iterations", gone=("Neighbors",))
    page.choose(".switch button", "PCA")
    page.wait_for_head("PCA of relu3")
    page.wait_for_labels("Drawn in", gone=("Perplexity", "Iterations", "Neighbors"))


def test_a_map_says_what_is_true_and_is_made_of_a_draw_of_the_selection_and_of_a_file(run, opened, tmp_path):
    page, lens = opened(OTHERS), Lens(run)
    page.wait_in_view(300, 300)
    for which, act in (
        ("B · relu3", "Compute"),
        ("A · relu3", ""),
    ):  # UMAP takes long: meanwhile there is map A
        page.choose(".switch button", which)
        if act:
            page.choose("[data-act=compute]", act)
    page.choose(".switch button", "t-SNE")
    page.wait_for_head("^(?!.*partial).*t-SNE of relu3.*perplexity 30 ")
    result = stored(lens, "t-SNE of relu3")
    figures_are_those_of_the_analysis_and_of_scikit_learn(page, lens, result)
    classes_are_named_where_they_lie(page, run, result)
    a_card_says_what_the_run_says(page, run, result)
    a_lasso_takes_what_it_surrounds_and_ids_are_copied(page, run, result)
    a_frame_says_where_the_view_is(page, result)
    perplexity_is_told_as_it_was_used(page)
    page.wait_for_head("UMAP of relu3.*15 neighbors", 1)  # it was computed meanwhile
    placed = stored(lens, "UMAP of relu3")
    wanted = np.sort(placed["projection"].values, axis=0)

    def drawn():  # its title comes before its points
        dots = page.held("size", 1)
        shown = np.sort(np.transpose([dots["x"], dots["y"]]), axis=0)
        return shown.shape == wanted.shape and np.allclose(shown, wanted, rtol=1e-6)

    wait_until(drawn, what="the points of UMAP", interval=LOOK)
    assert neighbors_agree(placed["projection"].values, run.samples["label"].values) > 0.9
    page.goto(page.page.url.partition("?")[0] + PLANES)
    page.wait_for_function("location.search.includes('map_a')")
    page.prepare()
    page.wait_for_head("PCA of relu3")
    page.wait_in_view(300, 300)
    a_map_is_made_of_a_draw_and_of_the_selection(page, run)
    a_map_is_made_of_a_file(page, run, tmp_path)


def stored(lens, title):
    """The result of this title that was not stopped, once it is there."""

    def there():
        found = [lens.result(info.key) for info in lens.results()]
        done = (each for each in found if each.attrs.get("title") == title and not each.attrs.get("stopped"))
        return next(done, None)

    return wait_until(there, what=title)


def neighbors_agree(xy, labels):
    """How often the nearest on the map is of the same class."""
    near = NearestNeighbors(n_neighbors=2).fit(xy).kneighbors(xy, return_distance=False)[:, 1]
    return float((labels[near] == labels).mean())


def figures_are_those_of_the_analysis_and_of_scikit_learn(page, lens, result):
    page.wait_for_function("seen('.figures')[0].title.includes('KL')")
    *told, probed = page.evaluate("seen('.figures')[0].title").split(" · ")
    assert probed == f"{SAMPLES} probed"
    shown = {name: float(number) for name, _, number in (each.rpartition(" ") for each in told)}
    figures = lens.run("nnlens-embedding:quality", using=[result.attrs["key"]], layer="relu3")
    wanted = {array.attrs["short_name"]: float(array) for array in figures.data_vars.values()}
    assert shown == pytest.approx(wanted, abs=5.1e-3)
    vectors, xy = lens.store.pooled("relu3").values.astype(float), result["projection"].values
    assert shown["trust"] == pytest.approx(trustworthiness(vectors, xy, n_neighbors=10), abs=5.1e-3)
    near = [
        NearestNeighbors(n_neighbors=10).fit(each).kneighbors(return_distance=False) for each in (vectors, xy)
    ]
    kept = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(*near, strict=True)])
    assert shown["kNN kept"] == pytest.approx(kept, abs=5.1e-3)


def classes_are_named_where_they_lie(page, run, result):
    named = page.held("text")
    labels, xy = run.samples["label"].values, result["projection"].values
    spots = {text: (x, y) for text, x, y in zip(named["text"], named["x"], named["y"], strict=True) if text}
    assert set(spots) == set(run.class_names)
    for name, spot in spots.items():
        away = np.hypot(*(xy - spot).T)
        nearest = min(range(10), key=lambda code: np.median(away[labels == code]))
        assert run.class_names[nearest] == name


def a_card_says_what_the_run_says(page, run, result):
    table, xy = run.samples, result["projection"].values
    wrong = table["label"].values != table["prediction"].values
    card = "seen('.card').find(n => n.closest('.over') || n.querySelector('br'))"
    for row in (int(np.flatnonzero(wrong)[0]), int(np.flatnonzero(~wrong)[0])):
        at, sample = table.isel(sample=row), int(run.ids[row])
        x, y = page.at(*xy[row])
        page.mouse.move(x - 30, y - 30)
        page.mouse.move(x, y)
        page.wait_for_function(f"{card}?.innerText.endsWith('id {sample:,}')")
        lines = page.evaluate(f"{card}.innerText").split("\n")
        label, prediction = (run.class_names[int(at[name])] for name in ("label", "prediction"))
        assert lines[0].split() == [label, "→", prediction]
        assert float(lines[1].removeprefix("loss ")) == pytest.approx(float(at["loss"]), abs=5.1e-4)
        pixels = page.pixels(".card img")[..., 0]
        np.testing.assert_array_equal(pixels, run.images([sample])[0, ..., 0])
    page.mouse.move(720, 10)
    page.wait_for_function(f"!{card}")


def a_lasso_takes_what_it_surrounds_and_ids_are_copied(page, run, result):
    xy = result["projection"].values
    middle = np.median(xy[run.samples["label"].values == 3], axis=0)
    turn = np.linspace(0, 2 * np.pi, 9)
    corners = middle + np.ptp(xy, axis=0) / 6 * np.transpose([np.cos(turn), np.sin(turn)])
    places = [page.at(*corner) for corner in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    page.wait_for_function("location.search.includes('lasso')")
    taken = page.evaluate("JSON.parse(new URLSearchParams(location.search).get('selection')).corners")
    for corner in corners:
        assert np.hypot(*(np.array(taken) - corner).T).min() < np.ptp(xy) / 100, "where the mouse went"
    inside = run.ids[Outline(taken).contains_points(xy)].tolist()
    assert len(inside) > 5
    page.wait_for(f"{len(inside)} selected")
    assert page.copied_ids() == inside
    page.press("Escape")
    page.wait_for("nothing selected")


def a_frame_says_where_the_view_is(page, result):
    xy, whole = result["projection"].values, np.array(at_rest(lambda: page.evaluate(RANGES)))
    side = min(whole[2] - whole[0], whole[3] - whole[1])
    left, top = (whole[0] + whole[2] - side) / 2, (whole[1] + whole[3] + side) / 2
    shares = (
        "(n => n && ['left', 'top', 'width', 'height'].map(k => parseFloat(n.style[k])))(seen('.inset i')[0])"
    )
    assert not page.evaluate(shares), "all of it is in view"

    def framed(before):
        """Go closer until there is another frame, that of what is in view, and give both."""
        page.mouse.wheel(0, -300)

        def told():
            frame, view = page.evaluate(f"[{shares}, {RANGES}]")
            x0, y0, x1, y1 = view
            wanted = 100 / side * np.array([x0 - left, top - y1, x1 - x0, y1 - y0])
            same = frame not in (None, before) and frame == pytest.approx(wanted, abs=0.11)
            return same and (frame, view)

        return wait_until(told, what="a frame around what is in view", interval=LOOK)

    page.mouse.move(*page.at(*np.median(xy, axis=0)))
    page.mouse.wheel(0, -300)
    frame = None
    for _ in range(3):
        frame, (x0, y0, x1, y1) = framed(frame)
        inside = int(((xy >= (x0, y0)) & (xy <= (x1, y1))).all(axis=1).sum())
        page.wait_for(f"{inside} in view")
    # what is opaque in the small map are the samples, and they alone
    drawn = np.argwhere(page.pixels(".inset img")[..., 3] > 0)
    placed = np.floor(84 / side * np.transpose([top - xy[:, 1], xy[:, 0] - left]))
    apart = np.abs(placed[:, None] - drawn).max(axis=2)
    assert apart.min(axis=1).max() <= 1 and apart.min(axis=0).max() <= 2
    page.mouse.dblclick(*page.at((x0 + x1) / 2, (y0 + y1) / 2))
    wait_until(lambda: page.evaluate(RANGES) == pytest.approx(whole), what="the whole map", interval=LOOK)
    page.wait_for_function("!seen('.inset').length")


def perplexity_is_told_as_it_was_used(page):
    page.wait_for_labels("Perplexity")
    page.page.get_by_label("Perplexity").focus()
    page.press("Control+a")
    page.keyboard.type("200")
    page.press("Enter")
    most = f"{(SAMPLES - 1) / 3:.1f}"  # of three times as many neighbors t-SNE asks
    page.wait_for_head(f"^(?!.*partial).*t-SNE of relu3.*perplexity {most} instead of 200")


def a_map_is_made_of_a_draw_and_of_the_selection(page, run):
    ones = int((run.samples["label"] == 1).sum())
    page.pick_samples("random")
    number = f"seen('input').find(n => n.value === '{SAMPLES}')"
    page.wait_for_function(f"(n => n && (n.focus(), n.select(), true))({number})")
    page.keyboard.type("120")
    page.press("Enter")
    page.press("Tab")
    page.wait_for_head("random 120, seed 0")
    page.wait_in_view(120, 300)

    page.locator(".chip").nth(1).dblclick()  # one class alone
    page.wait_for_function(
        "all('.chip').map(n => n.getAttribute('aria-pressed') === 'true').indexOf(true) === 1"
        " && all('.chip[aria-pressed=true]').length === 1"
    )
    page.click("[data-act=all]")
    page.wait_in_view(120, 300)
    page.press("/")
    page.keyboard.type("label == 1")
    page.press("Enter")
    page.press("Escape")
    page.wait_for(f"{ones} selected")
    page.pick_samples("the selection")
    page.wait_for_head(f"PCA of relu3 · {ones} selected")
    page.wait_in_view(ones, 300)
    page.click(".chip", 1)  # they are all of this class
    page.wait_in_view(0, SAMPLES - ones)
    page.click("[data-act=all]")
    page.pick_samples("all 300")
    page.wait_in_view(300, 300)
    page.choose(".switch button", "3-D")
    page.wait_for_function("seen('button.tool').some(n => n.dataset.value === 'turn')")


def a_map_is_made_of_a_file(page, run, tmp_path):
    ids = run.ids[:50]
    (tmp_path / "mine.csv").write_text("id,x,y\n" + "".join(f"{i},{n},{n % 7}\n" for n, i in enumerate(ids)))
    page.bring(tmp_path / "mine.csv")
    page.wait_for_head("mine.*250 left out")
    page.wait_in_view(50, 300)
    page.wait_for_labels("Layer", gone=("Drawn in", "Seed"))
    (tmp_path / "wrong.csv").write_text("x,y\n1,2\n")
    page.bring(tmp_path / "wrong.csv")
    page.wait_for("1 rows, and the run has 300 samples")
    assert "mine" in page.heads()[0]
    page.wait_for_function("/map_a_by=[0-9a-f]{64}/.test(location.search)")
