"""Taking things out of the page in a real browser: the menus, the files that are saved, and what stands in them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, WORDS

pytestmark = pytest.mark.browser


SAMPLES = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model, samples = load_model("zoo:digits"), load_samples("digits", "test", limit=SAMPLES)
    return capture(model, samples, tmp_path_factory.mktemp("runs") / "tiny", keep=["relu2", "pool"])


@pytest.fixture
def page(run, explore, open_page):
    url = explore(run.path)
    page = open_page(url)
    page.evaluate(f"() => {{ window.all = {ALL}; window.words = {WORDS} }}")
    # until the best maps are there, a map on the screen may be a picture of a running job, which is no result
    heads = "all('.ph').map(n => n.textContent).filter(t => t.includes('t-SNE') && !t.includes('partial')).length === 2"
    page.wait_for_function(heads, timeout=240_000)
    yield page
    assert not [error for error in page.errors if "WebGL" not in error]
    hosts = {urlsplit(address).netloc for address in page.addresses if address.startswith("http")}
    assert hosts == {urlsplit(url).netloc}, "a request left the server's own address"


def arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as values:
        return dict(values)


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def choose(page, text):
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    wait_until(lambda: " selected" in page.evaluate("words()"), what="the selection")


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_every_panel_gives_its_picture_and_the_values_it_shows(page, run, take, open_page):
    store, lens = run, Lens(run, model="zoo:digits")
    label, prediction, loss = (run.samples[name].values for name in ("label", "prediction", "loss"))
    ones = run.ids[label == 1]
    # --- Export is there only with a selection; Escape closes a menu and leaves the selection
    export = "all('.takeout .worded').filter(n => n.checkVisibility())"
    assert page.evaluate(f"{export}.length") == 0
    choose(page, "label == 1")
    page.wait_for_function(f"{export}.length === 1")
    page.evaluate(f"{export}[0].click()")
    page.wait_for_function("all('.menu').some(n => n.matches(':popover-open'))")
    page.keyboard.press("Escape")
    page.wait_for_function("!all('.menu').some(n => n.matches(':popover-open'))")
    assert f"{len(ones)} selected" in page.evaluate("words()")
    # --- a map
    name, content = take(page, "take this map out", "All of these (zip)")
    assert name.startswith("tiny-")
    files = {each.rpartition(".")[2]: made for each, made in unzipped(content).items()}
    assert set(files) == {"png", "svg", "npz"}
    values = arrays(files["npz"])
    projection = next(
        result for result in map(lens.result, (info.key for info in store.results.list()))
        if result is not None and "projection" in result
        and result["projection"].shape == values["projection"].shape
        and np.array_equal(result["projection"].values[:, :2].astype(np.float32), values["projection"])
    )  # fmt: skip
    np.testing.assert_array_equal(values["sample"], projection["sample"])
    assert len(np.unique(pixels(files["png"]).reshape(-1, 3), axis=0)) > 3, "classes have colors"
    assert projection.attrs["title"] in files["svg"].decode()
    # --- the loss
    values = arrays(take(page, "take the losses out", "Values (npz)")[1])
    np.testing.assert_array_equal(values["loss"], loss)
    powers, bars = np.log10(values["edge"]), len(values["count"])
    bar = np.clip(np.searchsorted(powers, np.log10(loss), "right") - 1, 0, bars - 1)
    np.testing.assert_array_equal(values["count"], np.bincount(bar, minlength=bars))
    np.testing.assert_array_equal(values["selected"], np.bincount(bar[label == 1], minlength=bars))
    # --- all samples by their loss, and their ranking
    tab(page, "Loss")
    name, content = take(page, "take the scatter out", "All of these (zip)")
    files = unzipped(content)
    values = arrays(files["tiny-loss-label.npz"])
    assert name == "tiny-loss-label.zip" and set(files) == {
        f"tiny-loss-label.{e}" for e in ("png", "svg", "npz")
    }
    np.testing.assert_array_equal(values["sample"], run.ids)
    np.testing.assert_array_equal(values["column"], label)
    np.testing.assert_allclose(values["y"], np.log10(np.maximum(loss, values["loss"].min())), atol=1e-5)
    assert (np.rint(values["x"]) == label).all(), "each stands in the stripe of its class"
    np.testing.assert_array_equal(values["selected"], label == 1)
    accent = np.array([0x7B, 0x1F, 0xC4])
    assert (np.abs(pixels(files["tiny-loss-label.png"])[..., :3] - accent).sum(-1) < 40).any(), (
        "the selected in front"
    )
    ranking = pd.read_csv(io.BytesIO(take(page, "take the ranking out", "Ranking as CSV")[1]))
    order = np.argsort(-loss[label == 1], kind="stable")
    assert ranking["id"].tolist() == ones[order].tolist() and ranking["rank"].tolist() == list(
        range(1, len(ones) + 1)
    )
    np.testing.assert_allclose(ranking["score"], loss[label == 1][order], rtol=1e-6)
    tab(page, "Overview")
    # --- the matrix
    name, content = take(page, "take the matrix out", "All of these (zip)")
    assert name == "tiny-confusion-label-prediction.zip"
    files = unzipped(content)
    values = arrays(files["tiny-confusion-label-prediction.npz"])
    classes = list(store.class_names)
    for i, row in enumerate(values["row"]):
        for j, column in enumerate(values["column"]):
            there = (label == classes.index(row)) & (prediction == classes.index(column))
            assert values["count"][i, j] == there.sum()
            assert values["selected"][i, j] == (there & (label == 1)).sum()
    svg = files["tiny-confusion-label-prediction.svg"].decode()
    assert all(f">{name}</text>" in svg for name in values["row"])
    # --- the network
    values = arrays(take(page, "take the network out", "Values (npz)")[1])
    assert {tuple(edge) for edge in values["edge"]} >= {("conv1", "relu1")}
    # --- channels of the sample in focus
    page.keyboard.press("j")
    page.wait_for_function("location.search.includes('focus=')")
    focus = int(parse_qs(urlsplit(page.url).query)["focus"][0])
    tab(page, "Channels")
    page.wait_for_function("all('button.ch').filter(n => n.checkVisibility()).length > 20")
    values = arrays(take(page, "take the channels out", "Values (npz)")[1])
    layer, held = (
        str(values["layer"]),
        store.activations([focus], [str(values["layer"])])[str(values["layer"])][0],
    )
    indices = "all('button.ch').filter(n => n.checkVisibility()).map(n => +n.querySelector('i').textContent)"
    assert values["channel"].tolist() == page.evaluate(indices)
    np.testing.assert_allclose(values["lowest"], held.min((1, 2))[values["channel"]], rtol=1e-4, atol=1e-6)
    shown = held[values["channel"][0]]
    drawn = 255 * (shown - shown.min()) / max(float(np.ptp(shown)), 1e-9)
    np.testing.assert_allclose(values["feature_map"][0], drawn, atol=1)
    each = unzipped(take(page, "take the channels out", "Each channel, first 64 (zip)")[1])
    np.testing.assert_array_equal(
        arrays(each[f"channel-{values['channel'][0]}.npz"])["feature_map"], values["feature_map"][0]
    )
    page.evaluate("all('button.ch').filter(n => n.checkVisibility())[0].click()")
    page.wait_for_function("all('.dhead').some(n => n.checkVisibility())")
    page.wait_for_function("all('.dialog .facts, .facts').some(n => n.textContent.includes('zeros'))")
    values = arrays(take(page, "take this channel out", "Values (npz)")[1])
    np.testing.assert_allclose(values["value"], held[int(values["channel"])], rtol=1e-6)
    assert str(values["layer"]) == layer
    page.keyboard.press("Escape")
    # --- what counts
    page.wait_for_function("all('.heat img.over').length >= 2 && !all('.explain .bone').length")
    files = unzipped(take(page, "take the maps out", "Each map (zip)")[1])
    made = {
        name.partition("-")[2].rpartition(".")[0]: arrays(content)
        for name, content in files.items()
        if name.endswith(".npz")
    }
    shown = page.evaluate("all('.heat img.over').map(n => n.src)")
    first = next(values for name, values in made.items() if name.startswith("first"))
    over = pixels(base64.b64decode(shown[0].partition(",")[2]))
    scaled = np.clip((first["map"] - first["scale"][0]) / (first["scale"][1] - first["scale"][0]), 0, 1)
    np.testing.assert_allclose(over[..., 3], (255 * np.clip(scaled * 1.25, 0, 1)).astype(np.uint8), atol=1)
    method, at = (page.evaluate(f"all('select[data-act={act}]')[0].value") for act in ("first", "at"))
    own = lens.run(method, sample=[focus], layer=at)["attribution"].values[0]
    np.testing.assert_allclose(first["attribution"], own, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(first["map"], first["attribution"])
    np.testing.assert_array_equal(first["image"], store.images([focus])[0])
    assert {name.split("-")[0] for name in made} >= {"input", "first"}
    # --- what is nearest
    tab(page, "Query")
    page.wait_for_function("all('.found .tile').length > 5", timeout=60_000)
    values = arrays(take(page, "take the answer out", "Values (npz)")[1])
    assert int(values["asked"]) == focus
    assert (np.diff(values["distance"]) >= 0).all()
    keys = page.evaluate("all('.found .tile').map(n => +n.dataset.value)")
    assert values["sample"].tolist() == keys
    np.testing.assert_array_equal(values["image"], store.images(keys))
    # --- the table
    tab(page, "Table")
    name, content = take(page, "take the table out", "Selection as CSV")
    assert name == f"tiny-table-selection-{len(ones)}.csv"
    table = pd.read_csv(io.BytesIO(content))
    assert table["id"].tolist() == ones.tolist()
    np.testing.assert_allclose(table["loss"], loss[label == 1], rtol=1e-5)
    name, content = take(page, "take the table out", "All samples as Parquet")
    assert pd.read_parquet(io.BytesIO(content))["id"].tolist() == store.ids.tolist()
    assert name == "tiny-table.parquet"
    # --- the ids, and the rows, from beside the selection
    out = "take the selected samples out"
    assert [int(line) for line in take(page, out, "Ids, one a line")[1].split()] == ones.tolist()
    told = json.loads(take(page, out, "Ids with their origin (JSON)")[1])
    assert told["ids"] == ones.tolist()
    assert told["origin"]["kind"] == "filter"
    assert pd.read_parquet(io.BytesIO(take(page, out, "Table (Parquet)")[1]))["id"].tolist() == ones.tolist()
    # --- the pool
    tab(page, "Pool")
    name, content = take(page, "take the pool out", "Pictures (zip)")
    assert name == f"tiny-pictures-selection-{len(ones)}.zip"
    files = unzipped(content)
    assert len(files) == len(ones) + 2
    for sample in ones[[0, -1]]:
        np.testing.assert_array_equal(pixels(files[f"{sample}.png"]), store.images([sample])[0, ..., 0])
    values = arrays(files["values.npz"])
    np.testing.assert_array_equal(values["image"], store.images(values["sample"]))
    rows = pd.read_csv(io.BytesIO(files["table.csv"]))
    assert sorted(rows["id"]) == ones.tolist()
    assert rows["loss"].is_monotonic_decreasing
    reopens(page, open_page)


STATE = """() => {
  const shown = css => all(css).filter(n => n.checkVisibility())
  const texts = css => shown(css).map(n => n.textContent.trim())
  return {
    selects: Object.fromEntries(shown('select[data-act]').map(n => [n.dataset.act, n.value])),
    pressed: shown('[aria-pressed=true]').map(n => n.dataset.value).sort(),
    tab: texts('[role=tab][aria-selected=true]'), pill: texts('.pill .n'), heads: texts('.ph'),
    focus: texts('.head .b'), channel: texts('.dhead .b'), pairs: texts('.pair').slice(0, 3),
    dark: getComputedStyle(shown('.ph')[0]).getPropertyValue('--nn-surface'),
  }
}"""


def reopens(page, open_page):
    """Set by hand what can be chosen, and open the address in a window that knows nothing of it."""
    pick = lambda act, value: page.locator(f"select[data-act={act}]:visible").select_option(value)  # noqa: E731
    tab(page, "Channels")
    pick("layer", "relu2")
    pick("sort", "index")
    page.wait_for_function("location.search.includes('at.sort=index')")
    tab(page, "Confusion")
    pick("rows", "prediction")
    page.locator("[data-act=norm][data-value=column]:visible").click()
    pick("target", "3")
    page.locator(".view[data-value=second]:visible").click()
    page.locator("[data-act=theme]:visible").click()
    tab(page, "Channels")
    page.locator("button.ch:visible").nth(4).click(timeout=90_000)
    page.wait_for_function("location.search.includes('at.channel=')")
    page.evaluate(
        "all('[role=tab]').find(n => n.textContent === 'Confusion').click()"
    )  # the dialog lies over it
    wanted = (
        "at.tab=Confusion",
        "at.sides",
        "at.shade=column",
        "at.target=3",
        "at.picture=second",
        "theme=dark",
    )
    page.wait_for_function(f"{json.dumps(wanted)}.every(each => location.search.includes(each))")
    page.wait_for_function("Bokeh.documents[0].is_idle")
    fresh = open_page(page.url)
    fresh.evaluate(f"() => {{ window.all = {ALL}; window.words = {WORDS} }}")
    state = lambda which: which.evaluate(STATE)  # noqa: E731
    wait_until(
        lambda: state(fresh) == state(page),
        60,
        what="the same view",
        seen=lambda: (state(page), state(fresh)),
    )
    seen = state(fresh)
    assert seen["selects"]["rows"] == "prediction"
    assert seen["selects"]["target"] == "3"
    assert seen["tab"] == ["Confusion"]
    assert seen["pill"] and seen["channel"]
    told = lambda page: sorted(parse_qs(urlsplit(page.url).query).items())  # noqa: E731
    wait_until(lambda: told(fresh) == told(page), what="one address", seen=lambda: (told(page), told(fresh)))
    fresh.evaluate("all('[role=tab]').find(n => n.textContent === 'Channels').click()")
    fresh.wait_for_function(
        "all('select[data-act=sort]').some(n => n.checkVisibility() && n.value === 'index')"
    )
    assert fresh.locator("select[data-act=layer]:visible").input_value() == "relu2"
    assert not [error for error in fresh.errors if "WebGL" not in error]
