"""The inspector in a real browser, on digits: what it says is the run's, what it draws is the analyses' own.

One page for all: each test sets what it needs and leaves the rest as it finds it.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy.signal import savgol_filter

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, NO_TOUR, READY, SHOWN_WORDS, at_rest, calm

pytestmark = pytest.mark.browser

TOOLS = f"""() => {{
  window.all = {ALL}; window.words = {SHOWN_WORDS}
  window.text = css => all(css).map(n => n.textContent.trim())
  window.part = name => all('.part').find(n => n.textContent.trim().startsWith(name))
  window.points = () => {{
    const views = []
    const visit = view => {{
      if (!view || views.includes(view)) return
      views.push(view)
      for (const child of view.child_views ?? []) visit(child)
      try {{ for (const child of view.children()) visit(child) }} catch {{}}
    }}
    for (const root of Bokeh.index.roots) visit(root)
    const plots = views.filter(v => v.model?.type === 'Figure')
    const map = plots.find(v => v.model.renderers.some(r => 'place' in r.data_source.data))
    const data = map.model.renderers.find(r => r.data_source.data.place?.length).data_source.data
    const box = map.canvas_view.el.getBoundingClientRect()
    return [...data.x].map((x, i) => [x, data.y[i], box.left + map.frame.x_scale.compute(x),
                                      box.top + map.frame.y_scale.compute(data.y[i])])
  }}
}}"""
FIRST, SECOND = "nnlens-attribution:gradcam", "nnlens-attribution:guided-backprop"


@pytest.fixture(scope="module")
def model():
    return load_model("zoo:digits")


@pytest.fixture(scope="module")
def lens(model, tmp_path_factory):
    samples = load_samples("digits", "test", limit=300)
    return Lens(capture(model, samples, tmp_path_factory.mktemp("runs") / "run", keep="all"), model)


class Inspector:
    """The page, with short names for what the tests do in its inspector."""

    def __init__(self, page, lens, read_heat):
        self.page, self.lens, self.read_heat = page, lens, read_heat
        page.evaluate(TOOLS)

    def __getattr__(self, name):
        return getattr(self.page, name)

    def text(self, css):
        return self.page.evaluate("css => text(css)", css)

    def wait_for(self, script, **options):
        self.page.wait_for_function(script, timeout=60_000, **options)

    def press(self, css):
        self.wait_for(f"(n => n && (n.click(), true))(all({css!r})[0])")

    @property
    def sample(self):
        return int(self.text(".head .grow")[0].removeprefix("Sample ").replace(",", ""))

    def choose(self, **menus):
        """Choose in menus by their values, each where it differs."""
        for name, value in menus.items():
            menu = self.page.locator(f"select[data-act='{name.replace('_', ' ')}']")
            if menu.input_value() != value:
                menu.select_option(value)

    def told(self):
        return self.text(".explained")[0]

    def pressed(self, name):
        self.press(f".view[data-value={name}]:not([aria-pressed=true])")
        self.wait_for(f"all('.view[data-value={name}][aria-pressed=true]').length")

    def settled(self):
        self.wait_for("!all('.explain .bone').length && all('.view[data-value=first]').length")

    def source(self, name):
        return self.page.evaluate("name => all(`.view[data-value=${name}] .over`)[0]?.src ?? ''", name)

    def drawn(self, name):
        """Read a map back from its colors: numbers from 0, or −1 for signed ones, to 1."""
        look = """name => { const map = all(`.view[data-value=${name}] .over`)[0]
            return map?.src && [map.src, all(`.view[data-value=${name}] .signed`).length] }"""
        # at one moment: a map that is being drawn again is gone in the next
        return self.read_heat(*self.page.wait_for_function(look, arg=name).json_value())

    def same(self, name, result):
        """Wait until what is drawn is a result, scaled as the page says: to 1/100 of the scale."""
        wanted = scaled(result)  # a record does not wait for its map
        off = lambda: float(np.abs(self.drawn(name) - wanted).max())  # noqa: E731
        wait_until(lambda: off() < 0.01, 20, what=f"the result in {name}", interval=0.1, seen=off)


def scaled(result):
    """Scale a map of a grey picture by the rule in words: to the 99.5th percentile of its sizes, from zero."""
    values = np.asarray(result["attribution"].values[0], float).reshape(result.sizes["y"], result.sizes["x"])
    top = np.percentile(np.abs(values), 99.5) or np.abs(values).max() or 1
    low = values.min() if values.min() > top / 2 and top > 1.02 * values.min() else 0  # as those of RISE are
    return np.clip((values - low) / (top - low), -1, 1)


def at(lens, place):
    """Return which sample the map of the hidden layer has at a place."""
    found = [lens.result(info.key) for info in lens.results() if info.attrs.get("layer") == "relu3"]
    maps = [result["projection"] for result in found if "projection" in result]
    away = [np.hypot(*(each.values[:, :2] - place).T) for each in maps]
    nearest = min(range(len(maps)), key=lambda n: away[n].min())
    assert away[nearest].min() < 1e-4
    return int(maps[nearest]["sample"].values[away[nearest].argmin()])


@pytest.fixture(scope="module")
def inspector(lens, chromium, explore, read_heat):
    """Open the page once, with the first sample in focus, in the light theme."""
    url = explore(lens.store.path)
    page = calm(chromium.new_page(viewport={"width": 1440, "height": 900}))
    page.set_default_timeout(60_000)
    page.add_init_script(NO_TOUR)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(f"{url}?theme=light&focus={lens.store.ids[7]}")
    page.wait_for_function(READY, timeout=60_000)
    found = Inspector(page, lens, read_heat)
    found.settled()
    yield found
    assert not [error for error in errors if "WebGL" not in error]
    page.close()


def test_the_record_is_the_runs_row(inspector, lens):
    sample, store = inspector.sample, lens.store
    inspector.press(".head [data-copy]")
    copied = lambda: json.loads(inspector.page.evaluate("navigator.clipboard.readText()"))  # noqa: E731
    record = wait_until(lambda: copied() if copied()["id"] == sample else None, what="the copied record")
    at = int(np.flatnonzero(store.ids == sample)[0])
    row = {name: store.samples[name].values[at] for name in ("label", "prediction", "loss", "split")}
    names = store.metadata["class_names"]
    assert (record["run"], record["id"], record["split"]) == (store.name, sample, row["split"])
    assert (record["label"], record["prediction"]) == (names[row["label"]], names[row["prediction"]])
    assert record["loss"] == pytest.approx(float(row["loss"]), abs=1e-6)
    assert record["rank"] == 1 + int((store.samples["loss"].values > row["loss"]).sum())
    logit = store.samples["logit"].values[at].astype(float)
    chance = [np.exp(each) / sum(np.exp(other) for other in logit) for each in logit]
    assert record["probability"] == pytest.approx(dict(zip(names, chance, strict=True)), abs=1e-5)
    # the picture is its own, pixel by pixel
    pixels = """all('.subject img')[0]?.decode().then(() => {
      const image = all('.subject img')[0], canvas = document.createElement('canvas'), draw = canvas.getContext('2d')
      ;[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight]
      draw.drawImage(image, 0, 0)
      return [...draw.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, k) => k % 4 === 0)
    })"""
    assert inspector.page.evaluate(pixels) == store.images([sample]).ravel().tolist()
    # a link to all of this, and the ids of what is selected, go to the clipboard
    read = "navigator.clipboard.readText()"

    def linked():  # the address changes once more when a better map is begun
        inspector.press(".tools [data-act=link]")
        return inspector.page.evaluate(read) == inspector.page.evaluate("location.href")

    wait_until(linked, what="the copied link")
    # the bars are the same ten, the most probable first, and the label is marked
    order = sorted(range(10), key=lambda code: -chance[code])
    bars = inspector.page.evaluate(
        "all('.bar[data-act=explain]').map(n => [n.querySelector('.cut').textContent.trim(),"
        " n.querySelector('.num').textContent, parseFloat(n.querySelector('i[style*=width]').style.width),"
        " !!n.querySelector('.tag')])"
    )
    assert [bar[0] for bar in bars] == [names[code] for code in order]
    for code, (_, number, width, marked) in zip(order, bars, strict=True):
        assert float(number) == pytest.approx(chance[code], abs=5.1e-4)
        assert width == pytest.approx(max(100 * chance[code], 0.4), abs=0.06)
        assert marked == (code == row["label"])
    rest = chance[: row["label"]] + chance[row["label"] + 1 :]
    assert record["margin"] == pytest.approx(chance[row["label"]] - max(rest), abs=1e-5)


def test_every_method_draws_its_own_result(inspector, lens):
    sample = inspector.sample
    methods = inspector.page.evaluate(
        "[...all('select[data-act=first]')[0].options].map(o => [o.value, o.text])"
    )
    registered = {info.id for info in lens.registry.providers("attribution") if info.scope == "sample"}
    assert {value for value, _ in methods} == registered and len(methods) >= 13
    inspector.choose(at="pool", second=SECOND)
    for value, title in methods:
        inspector.choose(first=value)
        inspector.wait_for(
            "title => { const n = all('figcaption')[1]; return n?.textContent === title"
            " && all('.view[data-value=first] .over').length }", arg=title,
        )  # fmt: skip
        asked = {"layer": "pool"} if lens.wants_layer(value) else {}
        inspector.same("first", lens.run(value, sample=[sample], **asked))
        assert ("layer pool" in inspector.told() or "of pool" in inspector.told()) == bool(asked), title
    inspector.choose(first=FIRST)


def test_target_layer_and_strength_are_obeyed_and_told(inspector, lens):
    inspector.choose(first=FIRST, second=SECOND, at="pool", target="")
    inspector.settled()
    sample = inspector.sample
    predicted = int(lens.store.samples["prediction"].sel(sample=sample))
    inspector.wait_for(f"text('.explained')[0] === 'layer pool · for {predicted} (predicted)'")
    other = (predicted + 1) % 10
    inspector.choose(target=str(other), at="conv1")
    inspector.wait_for(f"text('.explained')[0] === 'layer conv1 · for {other}'")
    inspector.settled()
    result = lens.run(FIRST, sample=[sample], layer="conv1", target=other)
    inspector.same("first", result)
    # the scale says the numbers that its colors stand for, and the product is that of both maps
    low, top = wait_until(
        lambda: ends if len(ends := inspector.text(".scale .ends span")) == 2 else None, what="the scale"
    )
    values = np.abs(result["attribution"].values)
    assert (low, float(top)) == ("0", pytest.approx(float(np.percentile(values, 99.5)), rel=0.06))
    details = lens.run(SECOND, sample=[sample], target=other)
    product = details.assign(attribution=details["attribution"] * result["attribution"].values[:, None])
    inspector.same("product", product)
    # how much the map covers the picture is set at once, and kept
    slider = "all('[data-act=strength]')[0]"
    inspector.page.evaluate(
        f"(() => {{ const n = {slider}; n.value = 40; n.dispatchEvent(new Event('input', {{bubbles: true}}));"
        " n.dispatchEvent(new Event('change', {bubbles: true})) })()"
    )
    inspector.wait_for("getComputedStyle(all('.heat .over')[0]).opacity === '0.4'")
    inspector.choose(target="label")
    inspector.wait_for("text('.explained')[0].endsWith('(its label)')")
    inspector.wait_for("getComputedStyle(all('.heat .over')[0]).opacity === '0.4'")
    inspector.choose(target="", at="pool")


def test_a_row_of_the_table_of_all_classes_shows_its_map(inspector, lens):
    inspector.choose(first=FIRST, second=SECOND, target="", at="pool")
    inspector.press("[data-act=whole]")
    inspector.wait_for("all('.classes .scores').length === 10")
    sample = inspector.sample
    logit = lens.store.samples["logit"].sel(sample=sample).values
    order = np.argsort(-logit)
    scores = inspector.page.evaluate(
        "all('.classes .scores').map(n => [n.dataset.value, n.querySelector('.num').textContent])"
    )
    assert [int(code) for code, _ in scores] == order.tolist()
    assert [float(score.replace("−", "-")) for _, score in scores] == pytest.approx(logit[order], abs=6e-4)
    for code in order[[2, 9]]:
        inspector.press(f".classes [data-value='{code}']")
        inspector.wait_for(f"text('.explained')[0] === 'layer pool · for {code}'")
        inspector.settled()
        inspector.same("first", lens.run(FIRST, sample=[sample], layer="pool", target=int(code)))
    inspector.press(f".classes [data-value='{code}']")  # once more: back to the predicted class
    inspector.wait_for("text('.explained')[0].endsWith('(predicted)')")
    inspector.press("[data-act=whole]")
    inspector.wait_for("all('.bar[data-act=explain]').length === 10")


def test_a_channel_is_projected_back_from_its_maximum_and_from_its_whole_map(inspector, lens):
    inspector.choose(at="conv2", first="nnlens-attribution:deconv")
    inspector.wait_for("all('[data-act=channel]').length")
    sample, found = inspector.sample, []
    response = lens.run("nnlens-attribution:deconv", sample=[sample], layer="conv2")
    channel = int(response["target"].values[0])
    inspector.page.locator("input[data-act=channel]").fill(str(channel))
    inspector.page.keyboard.press("Enter")
    for signal in ("maximum", "map"):
        before = inspector.source("first")
        inspector.choose(set_signal=signal)
        inspector.wait_for(
            "before => { const n = all('.view[data-value=first] .over')[0]; return n && n.src !== before }",
            arg=before if signal == "map" else "",
        )
        inspector.wait_for(f"text('.explained')[0] === 'channel {channel} of conv2'")
        asked = {"layer": "conv2", "channel": channel, "signal": signal}
        inspector.same("first", lens.run("nnlens-attribution:deconv", sample=[sample], **asked))
        found.append(inspector.drawn("first"))
    assert np.abs(found[0] - found[1]).max() > 0.1
    # a channel that is none: it says so in the map's place, which stays, and the other map is drawn
    place = "(b => [b.x, b.width])(all('.view[data-value=second]')[0].getBoundingClientRect())"
    before = inspector.page.evaluate(place)
    inspector.page.locator("input[data-act=channel]").fill("999")
    inspector.page.keyboard.press("Enter")
    inspector.wait_for("text('.why[role=alert]')[0]?.includes('There is no channel of conv2 999')")
    inspector.wait_for("text('.why[role=alert]')[0]?.includes('They go from 0 to 31.')")
    inspector.wait_for("all('.view[data-value=second] .over')[0]?.src")
    assert inspector.page.evaluate(place) == before
    inspector.choose(first=FIRST, at="pool")
    inspector.wait_for("!all('.why[role=alert]').length")


def test_what_takes_long_is_offered_and_cancelled(inspector):
    inspector.choose(first="nnlens-attribution:rise")
    masks = "input[data-act='set masks']"
    inspector.page.locator(masks).fill("1000000")
    inspector.page.keyboard.press("Enter")
    inspector.wait_for("text('.state').some(t => t.startsWith('RISE takes about'))")
    inspector.press(".state [data-act=compute]")
    inspector.wait_for("all('.state [data-act=cancel]').length")
    inspector.press(".state [data-act=cancel]")
    inspector.wait_for("text('.state').some(t => t.startsWith('RISE takes about'))")
    inspector.page.locator(masks).fill("100")  # quick on a machine that does other things too
    inspector.page.keyboard.press("Enter")
    inspector.wait_for("all('.view[data-value=first] .over').length")
    inspector.choose(first=FIRST)
    inspector.settled()


def test_a_check_says_what_it_found(inspector, lens):
    inspector.choose(first=FIRST, at="pool", target="")
    inspector.settled()
    inspector.press("[data-act=check][data-value$=deletion-insertion]")
    inspector.wait_for("all('.check .numbers span').length")
    asked = {"sample": [inspector.sample], "layer": "pool", "method": FIRST}
    one = lens.run("nnlens-attribution:deletion-insertion", **asked).isel(sample=0)
    numbers = [
        float(value) for value in one.data_vars.values() if not value.dims and value.dtype.kind in "fiu"
    ]
    shown = [float(each.replace("−", "-")) for each in inspector.text(".check .numbers b")]
    assert shown == pytest.approx(numbers, abs=6e-4)
    inspector.press(".check [data-act=check]")
    inspector.wait_for("!all('.check').length")


def test_neighbors_are_those_of_brute_force_with_their_vectors(inspector, lens):
    wait_until(
        lambda: "t-SNE of relu3" in inspector.text(".ph")[0] and "partial" not in inspector.text(".ph")[0],
        240, what="the map whose neighbors are shown", seen=lambda: inspector.text(".ph"),
    )  # fmt: skip
    inspector.wait_for("all('.near .wave').length === 5")
    vectors = lens.store.pooled("relu3").values.astype(float)
    at = int(np.flatnonzero(lens.store.ids == inspector.sample)[0])
    away = np.array([np.sqrt(((vector - vectors[at]) ** 2).sum()) for vector in vectors])
    away[at] = np.inf
    nearest = np.argsort(away, kind="stable")[:5]
    shown = inspector.page.evaluate("all('.near .tile').map(n => Number(n.dataset.value))")
    assert shown == lens.store.ids[nearest].tolist()
    assert [float(each) for each in inspector.text(".near .num-mid")] == pytest.approx(
        away[nearest], rel=1e-3
    )
    smooth = lambda vector: savgol_filter(vector, 31, 3)  # noqa: E731 - the largest odd window that fits 32 units
    for state, form in (("smoothed", smooth), ("raw", np.asarray)):
        inspector.wait_for(f"part('Neighbors').querySelector('.h3').textContent.includes('{state} ·')")
        paths = "n => [...n.querySelectorAll('path')].map(p => p.getAttribute('d'))"
        lines = inspector.page.evaluate(f"all('.near .wave').map({paths})")

        for place, (own, near) in zip(nearest, lines, strict=True):
            both = np.array([form(vectors[at]), form(vectors[place])])
            heights = 1 + 38 * (1 - (both - both.min()) / (both.max() - both.min()))
            for drawn, height in zip((own, near), heights, strict=True):
                found = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn)]
                assert found == pytest.approx(height, abs=0.06)
        inspector.press("[data-act=raw]")
    inspector.press(".near .tile")
    inspector.wait_for(f"text('.head .grow')[0] === 'Sample {shown[0]:,}'")


def test_hover_previews_and_gives_the_focus_back_and_a_click_keeps(inspector, lens):
    wait_until(
        lambda: "running" not in inspector.page.evaluate("words()") and len(inspector.page.evaluate("points()")) == 300,
        90, what="maps that stand still", seen=lambda: inspector.text(".ph"),
    )  # fmt: skip
    focus = inspector.sample
    points = np.array(at_rest(lambda: inspector.page.evaluate("points()")))
    apart = np.hypot(*(points[:, None, 2:] - points[None, :, 2:]).transpose(2, 0, 1)) + 1e9 * np.eye(
        len(points)
    )
    x, y = points[apart.min(axis=1).argmax(), 2:]
    sample = at(lens, points[apart.min(axis=1).argmax(), :2])
    assert sample != focus
    before = inspector.source("first")
    inspector.page.mouse.move(x - 40, y - 3)
    inspector.page.mouse.move(x, y)
    inspector.wait_for(f"text('.head .grow')[0] === 'Sample {sample:,}'")
    assert "under the pointer" in inspector.text(".head")[0]
    inspector.wait_for(
        "before => { const n = all('.view[data-value=first] .over')[0]; return n && n.src !== before }",
        arg=before,
    )  # the record does not wait for its map
    inspector.same("first", lens.run(FIRST, sample=[sample], layer="pool"))
    inspector.page.mouse.move(720, 20, steps=4)
    inspector.wait_for(f"text('.head .grow')[0] === 'Sample {focus:,}'")
    assert "under the pointer" not in inspector.text(".head")[0]
    inspector.page.mouse.move(x, y)
    inspector.page.mouse.click(x, y)
    inspector.wait_for(f"location.search.includes('focus={sample}')")
    inspector.page.mouse.move(720, 20, steps=4)
    inspector.wait_for(
        f"text('.head')[0].includes('wrong') && text('.head .grow')[0] === 'Sample {sample:,}'"
    )


def test_a_picture_is_shown_large_and_small_again(inspector):
    size = "all('.subject')[0].getBoundingClientRect().width"
    small = at_rest(lambda: inspector.page.evaluate(size))
    inspector.press(".subject")
    inspector.wait_for(f"{size} > 300")
    inspector.press(".subject")
    inspector.wait_for(f"Math.abs({size} - {small}) < 1")
    inspector.pressed("second")
    inspector.press(".view[data-value=second]")
    inspector.wait_for("all('.large .over').length === 1")
    inspector.wait_for("all('.large .over')[0].src === all('.view[data-value=second] .over')[0].src")
    inspector.press(".view[data-value=second]")
    inspector.wait_for("!all('.large .over').length")
