"""A query in a real browser: by id, by click, by a file, by a drop; what is wrong gets a message."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS

pytestmark = pytest.mark.browser

DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), sign => sign.charCodeAt(0))
  const files = new DataTransfer()
  files.items.add(new File([bytes], name))
  window.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}))
}"""
HOSTILE = "<img src=x onerror=window.hacked=1>.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return capture(load_model("zoo:digits"), load_samples("digits", "test", limit=120), path)


def near(run, sample, count=12, layer=None):
    values = run.pooled(layer or run.metadata["model"]["hidden_layer"]).values.astype(float)
    away = np.linalg.norm(values - values[run.ids == sample], axis=1)
    order = [int(run.ids[row]) for row in np.argsort(away, kind="stable")]
    return [each for each in order if each != sample][:count]


def test_what_is_like_a_sample_or_a_picture(run, explore, open_page):
    page = open_page(explore(run.path))
    page.evaluate(f"() => {{ window.all = {ALL}; window.words = {SHOWN_WORDS} }}")
    seen = lambda: page.evaluate("words()")  # noqa: E731
    wait = lambda *texts: wait_until(lambda: all(t in seen() for t in texts), 90, what=f"{texts}", seen=seen)  # noqa: E731
    shown = "all('.grid12 [data-act=focus]').map(n => +n.dataset.value)"
    wait("Worst of all", "in view")
    page.get_by_role("tab", name="Query", exact=True).click()
    wait("What is this like?")

    field = page.get_by_placeholder("Sample id, then enter")

    def ask(text):
        field.fill(text)
        field.press("Enter")

    first = int(run.ids[5])
    ask(str(first))
    wait(f"Sample {first}", "12 nearest in", "L2")
    wait_until(
        lambda: page.evaluate(shown) == near(run, first),
        what="the nearest",
        seen=lambda: page.evaluate(shown),
    )
    page.evaluate("all('.grid12 [data-act=focus]')[2].click()")
    page.wait_for_function(f"location.search.includes('focus={near(run, first)[2]}')")
    assert page.evaluate(shown) == near(run, first), "a click on a neighbor stays with the question"
    page.evaluate("all('[data-act=select]')[0].click()")
    wait("13 selected")

    for wrong, words in (
        ("12x", "is no sample id"),
        ("999999", "The run has no sample 999999"),
        ("-1", "is no sample id"),
    ):
        ask(wrong)
        wait(words)
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement?.blur()")
    page.get_by_role("tab", name="Overview", exact=True).click()
    page.wait_for_function("all('.rank').length > 2")
    page.evaluate("all('.rank')[1].click()")
    page.get_by_role("tab", name="Query", exact=True).click()
    wait("12 nearest in")
    focused = int(page.evaluate("new URLSearchParams(location.search).get('focus')"))
    wait_until(lambda: page.evaluate(shown) == near(run, focused), what="the nearest to a click")

    picture = io.BytesIO()
    Image.fromarray(run.images([first])[0, ..., 0]).save(picture, "PNG")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Picture…").click()
    chooser.value.set_files({"name": HOSTILE, "mimeType": "image/png", "buffer": picture.getvalue()})
    wait("8 × 8 pixels", "12 nearest in", HOSTILE[:20])
    assert page.evaluate(shown)[0] == first, "of itself as a file the sample is the nearest"
    assert page.evaluate("window.hacked") is None

    page.get_by_role("tab", name="Overview", exact=True).click()
    for content, words in (
        ("PGh0bWw+", "is a web page"),
        ("", "The file is empty"),
        ("A" * 12_000_000, "at most 8 MB"),
    ):
        page.evaluate(DROP, ["dropped.png", content])
        wait(words)
    assert not [error for error in page.errors if "WebGL" not in error]
