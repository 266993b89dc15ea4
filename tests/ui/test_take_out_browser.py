"""Taking things out of the page in a real browser: the menus, the files that are saved, and what stands in them."""

from __future__ import annotations

import io
import json
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnlens import Lens
from nnlens.testing import tiny_store, wait_until
from nnlens.testing.browser import ALL, WORDS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("runs") / "tiny", 60)


@pytest.fixture
def page(run, explore, open_page):
    url = explore(run.path)
    page = open_page(url)
    page.evaluate(f"() => {{ window.all = {ALL}; window.words = {WORDS} }}")
    # until the best maps are there, a map on the screen may be a picture of a running job, which is no result
    heads = "all('.ph').map(n => n.textContent).filter(t => t.includes('t-SNE') && !t.includes('partial')).length === 2"
    page.wait_for_function(heads, timeout=90_000)
    yield page
    assert not [error for error in page.errors if "WebGL" not in error]
    hosts = {urlsplit(address).netloc for address in page.addresses if address.startswith("http")}
    assert hosts == {urlsplit(url).netloc}, "a request left the server's own address"


def take(page, title, item, which=0):
    """Open a menu, choose by the keyboard what is wanted, and return the file's name and content."""
    page.wait_for_function(f"all('.takeout [title={json.dumps(title)}]').length > {which}")
    page.wait_for_function(
        "Bokeh.documents[0].is_idle"
    )  # a tab that is still being laid out makes its parts anew
    page.evaluate(f"all('.takeout [title={json.dumps(title)}]')[{which}].click()")
    page.wait_for_function("all('.menu').filter(n => n.matches(':popover-open')).length === 1")
    choices = page.evaluate("all('.menu').find(n => n.matches(':popover-open')).innerText").split("\n")
    for _ in range(choices.index(item)):
        page.keyboard.press("ArrowDown")
    page.wait_for_function(f"all('.menu .choice:focus').some(n => n.textContent === {json.dumps(item)})")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    page.wait_for_function("all('.takeout [aria-busy=true]').length === 0")
    return saved.value.suggested_filename, saved.value.path().read_bytes()


def choose(page, text):
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    wait_until(lambda: "20 selected" in page.evaluate("words()"), what="the selection")


def test_maps_tables_pictures_and_ids_are_saved_with_their_values(page, run):
    store = run
    # --- a map
    name, content = take(page, "take this map out", "All of these (zip)")
    assert name.startswith("tiny-")
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {each.rpartition(".")[2]: archive.read(each) for each in archive.namelist()}
    assert set(files) == {"png", "svg", "npz"}
    with np.load(io.BytesIO(files["npz"])) as values:
        projection = next(
            result for result in map(Lens(store).result, (info.key for info in store.results.list()))
            if result is not None and "projection" in result
            and result["projection"].shape == values["projection"].shape
            and np.array_equal(result["projection"].values[:, :2].astype(np.float32), values["projection"])
        )  # fmt: skip
        np.testing.assert_array_equal(values["sample"], projection["sample"])
    picture = np.asarray(Image.open(io.BytesIO(files["png"])))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3, "three classes have three colors"
    assert projection.attrs["title"] in files["svg"].decode()
    # --- Escape closes a menu and leaves the selection
    choose(page, "label == 1")
    page.evaluate("all('.takeout button.icon')[0].click()")
    page.wait_for_function("all('.menu').some(n => n.matches(':popover-open'))")
    page.keyboard.press("Escape")
    page.wait_for_function("!all('.menu').some(n => n.matches(':popover-open'))")
    assert "20 selected" in page.evaluate("words()")
    # --- the table
    page.get_by_role("tab", name="Table").click()
    name, content = take(page, "take the table out", "Selection as CSV")
    assert name == "tiny-table-selection-20.csv"
    table = pd.read_csv(io.BytesIO(content))
    assert table["id"].tolist() == list(range(1, 60, 3))
    np.testing.assert_allclose(table["loss"], store.samples["loss"].values[1::3], rtol=1e-5)
    name, content = take(page, "take the table out", "All samples as Parquet")
    assert pd.read_parquet(io.BytesIO(content))["id"].tolist() == store.ids.tolist()
    assert name == "tiny-table.parquet"
    # --- the ids
    name, content = take(page, "take the table out", "Ids, one a line")
    assert [int(line) for line in content.split()] == list(range(1, 60, 3))
    told = json.loads(take(page, "take the table out", "Ids with their origin (JSON)")[1])
    assert told["ids"] == list(range(1, 60, 3))
    assert told["origin"]["kind"] == "filter"
    # --- the pool
    page.get_by_role("tab", name="Pool").click()
    name, content = take(page, "take the pool out", "Pictures as zip, at most 5,000")
    assert name == "tiny-pictures-selection-20.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 22
        for sample in (1, 58):
            image = np.asarray(Image.open(io.BytesIO(archive.read(f"{sample}.png"))))
            np.testing.assert_array_equal(image, store.images([sample])[0, ..., 0])
        rows = pd.read_csv(io.BytesIO(archive.read("table.csv")))
    assert sorted(rows["id"]) == list(range(1, 60, 3))
    assert rows["loss"].is_monotonic_decreasing
