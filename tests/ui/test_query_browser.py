"""A query in a real browser: by id, by click, by a file, by a drop; what is wrong gets a message."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, SHOWN_WORDS
from nnlens.ui.look.text import share

pytestmark = pytest.mark.browser

DROP = """sent => {
  const files = new DataTransfer()
  for (const [name, data] of typeof sent[0] === 'string' ? [sent] : sent)
    files.items.add(new File([Uint8Array.from(atob(data), sign => sign.charCodeAt(0))], name))
  window.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}))
}"""
HOSTILE = "<img src=x onerror=window.hacked=1>.png"
LIKELY = "all('.asked .likely').map(n => [...n.children].map(c => c.textContent.trim()))"
NETWORK = """value => {
  const menu = all('select[data-act=network]')[0]
  menu.value = value
  menu.dispatchEvent(new Event('change', {bubbles: true}))
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return capture(load_model("zoo:digits"), load_samples("digits", "test", limit=120), path)


EXPLAIN = """method => {
  const menu = all('.choices select[data-act=method]')[0]
  menu.value = method
  menu.dispatchEvent(new Event('change', {bubbles: true}))
  all('.choices [data-act=explain]')[0].click()
}"""


def near(run, sample, count=12, layer=None, metric="L2"):
    values = run.pooled(layer or run.metadata["model"]["hidden_layer"]).values.astype(float)
    if metric == "L2":
        away = np.linalg.norm(values - values[run.ids == sample], axis=1)
    else:  # seen from the mean of all
        values = values - values.mean(0)
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        away = 1 - (values * values[run.ids == sample]).sum(1)
    order = [int(run.ids[row]) for row in np.argsort(away, kind="stable")]
    return [each for each in order if each != sample][:count]


def drawn(page, read_heat):
    """Read the map of the dropped picture back from its colors: numbers from 0, or −1 for signed ones, to 1."""
    look = """() => { const map = all('.explained-picture .over')[0]
        return map?.src && [map.src, all('.explained-picture .signed').length] }"""
    return read_heat(*page.wait_for_function(look).json_value())


def scaled(result):
    """What is to be drawn of one grey channel: on a scale that ends at the 99.5th percentile of the sizes."""
    values = result["attribution"].values.astype(float).reshape(8, 8)
    return np.clip(values / np.percentile(np.abs(values), 99.5), -1, 1)


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def encoded(content):
    return base64.b64encode(content).decode()


def likely(model, image):
    """What a network takes a picture for: the three likeliest classes, as the page writes them."""
    logits = model.predict(model.prepare(image[None]))[0].astype(float)
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return [[str(code), share(chances[code])] for code in np.argsort(-chances, kind="stable")[:3]]


def test_what_is_like_a_sample_or_a_picture(run, explore, open_page, read_heat, tmp_path):
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

    for menu, option, key in (
        ("Measure", "angle (cosine)", {"metric": "cosine"}),
        ("Layer", "conv1", {"metric": "cosine", "layer": "conv1"}),
    ):
        page.get_by_role("combobox", name=menu, exact=True).last.select_option(option)
        expected = [first, *near(run, first, 11, **key)]
        wait_until(lambda want=expected: page.evaluate(shown) == want, 90, what=f"{key}", seen=seen)

    other = int(run.ids[9])
    dropped = io.BytesIO()
    Image.fromarray(run.images([other])[0, ..., 0]).save(dropped, "PNG")
    page.evaluate(DROP, ["nine.png", base64.b64encode(dropped.getvalue()).decode()])
    wait("nine.png", "8 × 8 pixels", "Choose a method and press Explain")
    wait_until(lambda: page.evaluate(shown)[:1] == [other], what="itself as the nearest", seen=seen)
    lens = Lens(run, load_model("zoo:digits"))
    explained = "all('.explained-picture figure:last-child figcaption, .explained-picture .explained')"
    texts = lambda: page.evaluate(f"{explained}.map(n => n.textContent)")  # noqa: E731
    for method, asked in (("gradcam", {"layer": "pool"}), ("guided-backprop", {}), ("saliency", {})):
        result = lens.run(method, sample=[other], **asked)
        page.evaluate(EXPLAIN, result.attrs["analysis"])
        title = result.attrs["title"].partition(" of ")[0]
        told = f"for {int(result['target'].values[0])} (predicted)"
        if asked:
            told = f"layer {asked['layer']} · {told}"
        wait_until(lambda want=[title, told]: texts() == want, 60, what=method, seen=texts)
        assert np.abs(drawn(page, read_heat) - scaled(result)).max() <= 1 / 127, method
    assert not list(run.path.rglob("*nine*"))

    # weights that do not fit, or carry code, change nothing
    image, state = run.images([other])[0], lens.model.randomized(seed=3).module.state_dict()
    code = io.BytesIO()
    torch.save({"weights": Runs(tmp_path / "ran")}, code)
    before = page.evaluate(LIKELY)
    assert before == likely(lens.model, image)
    for name, content, words in (
        ("narrow.pth", save({**state, "fc2.bias": torch.zeros(7)}), "The file's head has 7 outputs"),
        ("code.pth", code.getvalue(), "carries Python objects and not weights alone"),
        ("net.py", b"raise SystemExit", "Python is never run from the page"),
    ):
        page.evaluate(DROP, [name, encoded(content)])
        wait(words)
        assert not page.evaluate("all('select[data-act=network]').length") and texts() == [title, told]
    assert not (tmp_path / "ran").exists() and page.evaluate(LIKELY) == before

    # those that fit see the picture and explain it, at once and by other methods; so does the run's own network again
    (tmp_path / "weights").write_bytes(save(state))
    model = load_model(tmp_path / "weights", "nnlens.models.torch.networks:digits")
    page.evaluate(DROP, [HOSTILE.replace("png", "pth"), encoded(save(state))])

    def stands(expected, network, what):
        wait_until(
            lambda: page.evaluate(LIKELY) == likely(network, image), 60, what=f"what {what} sees", seen=seen
        )
        words = f"for {int(expected['target'].values[0])} (predicted)"
        close = lambda: np.abs(drawn(page, read_heat) - scaled(expected)).max() <= 1 / 127  # noqa: E731
        wait_until(lambda: words in texts()[-1] and close(), 60, what=f"the map of {what}", seen=texts)

    content = dropped.getvalue()
    stands(lens.outside(content, "saliency", model=model), model, "the dropped")
    assert page.evaluate("window.hacked") is None and HOSTILE[:20] in seen()
    page.evaluate(EXPLAIN, lens.request("gradcam", layer="conv1").analysis)
    stands(lens.outside(content, "gradcam", model=model, layer="pool"), model, "the dropped, by Grad-CAM")
    page.evaluate(NETWORK, "own")
    stands(lens.run("gradcam", sample=[other], layer="pool"), lens.model, "the run's own")
    assert page.evaluate(shown)[:1] == [other], "what is near is so by the run's own network"
    page.evaluate(NETWORK, "other")
    stands(lens.outside(content, "gradcam", model=model, layer="pool"), model, "the dropped again")

    # a sample, too; then both are dropped at once,
    field.fill(str(first))
    field.press("Enter")
    image = run.images([first])[0]
    wait(f"Sample {first}", "Choose a method and press Explain")
    page.evaluate(EXPLAIN, lens.request("saliency").analysis)
    stands(lens.outside(picture.getvalue(), "saliency", model=model), model, "the dropped, of a sample")
    image = run.images([other])[0]
    # while others, of several pieces, are still on their way: none of those is taken for one of these
    page.evaluate(
        f"sent => sent.forEach({DROP})",
        [
            ["late.pth", encoded(bytes(5 << 20))],
            [
                ["again.png", encoded(content)],
                ["own.safetensors", encoded(save(lens.model.module.state_dict()))],
            ],
        ],
    )
    wait("own.safetensors", "again.png")
    came = lambda: [*Path(tempfile.gettempdir()).glob("nnlens-job-*/*/own.safetensors")]  # noqa: E731
    assert came()
    wait_until(
        lambda: page.evaluate(LIKELY) == before, 60, what="the run's own weights, from a file", seen=seen
    )

    assert "late.pth" not in seen()
    page.get_by_role("tab", name="Overview", exact=True).click()
    for content, words in (
        ("PGh0bWw+", "is a web page"),
        ("", "The file is empty"),
        ("A" * 12_000_000, "at most 8 MB"),
    ):
        page.evaluate(DROP, ["dropped.png", content])
        wait(words)
    assert not [error for error in page.errors if "WebGL" not in error]
    page.close()
    wait_until(lambda: not came(), 60, what="no trace of the weights of a page that is gone", seen=came)
