"""What the selected samples share, in a real browser, on Fashion-MNIST, some of which have a white corner."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest

from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.slow]
ENDINGS = (".png", ".svg", ".npz")


@pytest.fixture
def planted(shortcut):
    """A run of Fashion-MNIST, and the ids of 2 % of the dresses: a network was trained on them with a white corner."""
    found = shortcut(load_samples("fashion-mnist", "train", limit=3_000), 4, 3)
    return found.store, sorted(found.marked.tolist())


class Page:
    def __init__(self, page):
        self.page = page
        page.evaluate(f"() => {{ window.all = {ALL}; window.words = {SHOWN_WORDS} }}")

    def wait_for(self, *texts):
        seen = lambda: self.page.evaluate("words()")  # noqa: E731
        wait_until(lambda: all(text in seen() for text in texts), 60, what=f"{texts} on the page", seen=seen)

    def tab(self, name):
        self.page.get_by_role("tab", name=name, exact=True).click()

    def click(self, css, which=0):
        self.page.wait_for_function(f"(n => n && (n.click(), true))(all({css!r})[{which}])")

    def filter(self, text):
        self.page.keyboard.press("/")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Escape")


def test_what_was_planted_is_found_shown_and_taken_out(planted, explore, open_page, take):
    store, marked = planted
    page = Page(open_page(explore(store.path)))
    page.wait_for("Worst of all", "in view")
    page.tab("In common")
    page.wait_for("Nothing is selected", "Drag a lasso")
    page.filter(f"id in ({', '.join(map(str, marked))})")
    page.wait_for("6 selected", "6 samples are selected")
    page.tab("Overview")
    page.click(".pill [data-act=share]")
    page.wait_for("What 6 samples share", "6 against", "beyond all 500", "selected", "the others", "label")
    first = "all('.trait')[0].textContent"
    assert "brightness at rows 0–3, columns 24–27" in page.page.evaluate(first)
    assert "beyond all 500" in page.page.evaluate(first)
    assert page.page.evaluate("all('.trio img').length") == 3

    out = "take the comparison out"
    name, content = take(page.page, out, "Traits as CSV")
    assert name.endswith("-in-common-6.csv")
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert (rows[0]["kind"], rows[0]["index"]) == ("region", "6")
    channel = next(row for row in rows if row["kind"] == "channel")  # of those that set them apart, the first
    assert (
        abs(float(channel["shift"])) > abs(float(channel["matched_high"]))
        and float(channel["matched_p"]) < 0.01
    )
    assert float(rows[0]["matched_p"]) < 0.01
    with zipfile.ZipFile(io.BytesIO(take(page.page, out, "Mean images (zip)")[1])) as archive:
        names = {f"{each}{end}" for each in ("mean-selected", "mean-others", "difference") for end in ENDINGS}
        assert set(archive.namelist()) == names
        with np.load(io.BytesIO(archive.read("mean-selected.npz"))) as values:
            assert values["sample"].tolist() == marked
            np.testing.assert_allclose(values["mean"], store.images(marked).mean(0) / 255, atol=1e-6)
    with np.load(io.BytesIO(take(page.page, out, "Values (npz)")[1])) as values:
        assert values["name"][0] == rows[0]["name"]
        assert values["chosen_image"].shape == (28, 28, 1)

    page.click(".trait [data-act=color]")
    page.page.wait_for_function("location.search.includes('color=brightness_at')")
    page.wait_for("brightness at row")
    page.page.wait_for_function("all('.trait')[0].classList.contains('on')")
    page.filter("label == 'Dress'")
    page.wait_for("What 6 samples share", "selected now")
    page.click(".trait [data-act=select]")
    page.wait_for("6 selected")
    page.page.wait_for_function("!all('.sharehead')[0].textContent.includes('selected now')")

    page.click("[data-act=against][data-value=any]")
    page.page.wait_for_function("all('[data-value=any]')[0].getAttribute('aria-pressed') === 'true'")
    page.wait_for("label Dress")
    page.filter("loss >= 0")
    page.click("[data-act=ask]")
    page.wait_for("All samples are selected")
    page.filter("label == 'Dress'")
    page.wait_for("samples are selected")
    page.click("[data-act=ask]")
    page.wait_for("of these", "clear of random")
    page.page.wait_for_function("all('[data-value=matched]')[0].getAttribute('aria-disabled') === 'true'")
    assert not [error for error in page.page.errors if "WebGL" not in error]
