"""The strip in a real browser: the digits run, and a network with branches whose maps only the model gives."""

from __future__ import annotations

import base64
import io
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.capturing.caution import NearChanceWarning
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.testing.browser import ALL, WORDS, at_rest, stands

pytestmark = pytest.mark.browser

TOOLS = f"() => {{ window.all = {ALL}; window.words = {WORDS} }}"
BRANCHED = """
from torch import nn
from nnlens.models import Preprocess

preprocess = Preprocess(8, scale=1 / 255, mean=(0,), order="grey")

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return x + self.left(x) + self.right(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.relu = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()
        self.one, self.two = Block(), Block()
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.two(self.one(self.relu(self.stem(x)))).flatten(1))
"""


class Strip:
    """A page with short names for what the tests do."""

    def __init__(self, page):
        self.page = page
        page.evaluate(TOOLS)

    def layer(self, layer):
        return f"all('.stop[data-key=\"{layer}\"]')[0]"

    def waits(self, script, **options):
        self.page.wait_for_function(script, **options)

    def place(self, node):
        box = self.page.evaluate(f"(b => [b.x, b.y, b.width, b.height])({node}.getBoundingClientRect())")
        return box[0] + box[2] / 2, box[1] + box[3] / 2

    def click(self, node, **options):
        self.waits(f"!!{node}")
        self.page.mouse.click(*at_rest(lambda: self.place(node)), **options)

    def shows(self, which):
        """Return the layer that the address names for a map."""
        return parse_qs(urlsplit(self.page.url).query).get(f"map_{which}", [""])[0]

    def pins(self, layer):
        return self.page.evaluate(
            f"[...{self.layer(layer)}.querySelectorAll('.pin')].map(n => n.textContent)"
        )

    def faces(self):
        """Return for every box with a face whether one is drawn."""
        return self.page.evaluate(
            "Object.fromEntries(all('.stop').filter(n => n.querySelector('.face'))"
            ".map(n => [n.dataset.key, n.querySelector('.face').style.getPropertyValue('--face')]))"
        )

    def figures(self):
        """Return the number below each box that has one."""
        return self.page.evaluate(
            "Object.fromEntries(all('.stop').filter(n => n.querySelector('.figure'))"
            ".map(n => [n.dataset.key, n.querySelector('.figure').textContent]))"
        )

    def words(self):
        return self.page.evaluate("words()")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return capture(load_model("zoo:digits"), load_samples("digits", "test", limit=120), folder)


@pytest.fixture(scope="module")
def branched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("branched")
    code = folder / "net.py"
    code.write_text(BRANCHED)
    found: dict = {}
    exec(compile(BRANCHED, "net", "exec"), found)
    torch.manual_seed(0)
    torch.save(found["Net"]().state_dict(), folder / "net.pt")
    model = load_model(folder / "net.pt", architecture=f"{code}:Net")
    with pytest.warns(NearChanceWarning):  # its weights are random
        capture(model, load_samples("digits", "test", limit=60), folder / "run", keep=[])
    return folder


def ink(face):
    """Read how opaque a face is, dims (y, x), from 0 to 255."""
    content = base64.b64decode(face.partition("base64,")[2].rstrip('")'))
    return np.asarray(Image.open(io.BytesIO(content)))[..., -1].astype(float)


def drawn_wrong(strip, run):
    """Return the layers whose face is not what the run holds of the sample in focus, from lowest to highest."""
    sample = int(parse_qs(urlsplit(strip.page.url).query)["focus"][0])
    wrong = []
    for layer, face in strip.faces().items():
        held = (
            run.images([sample])[0, ..., 0] if layer == "@input" else run.activation(layer).sel(sample=sample)
        )
        values = np.asarray(held, float)
        values = values.mean(axis=0) if values.ndim == 3 else values
        wanted = 255 * (values - values.min()) / (np.ptp(values) or 1)
        shown = ink(face) if face != "none" else np.zeros((1, 1))
        flat = shown.ravel()[: values.size]
        fits = shown.shape == values.shape if values.ndim == 2 else not shown.ravel()[values.size :].any()
        if not fits or np.abs(flat - wanted.ravel()).max() > 1:
            wrong.append(layer)
    return wrong


def test_the_strip_of_the_digits_run(digits, explore, open_page):
    strip = Strip(open_page(f"{explore(digits.path)}?focus={int(digits.ids[3])}"))
    page, graph = strip.page, digits.graph
    strip.waits("all('.stop').length > 5")
    lines = page.evaluate("all('.wires path').map(n => [n.dataset.from, n.dataset.to])")
    assert sorted(map(tuple, lines)) == sorted((a, layer.name) for layer in graph for a in layer.inputs)
    # faces: every layer that the run holds, the input too; another sample's are other ones
    wait_until(lambda: all(face != "none" for face in strip.faces().values()), what="faces", seen=strip.faces)
    before = strip.faces()
    assert {"@input", "conv1", "fc2"} <= set(before)
    page.keyboard.press("j")
    wait_until(lambda: strip.faces()["conv1"] not in ("none", before["conv1"]), what="another face")
    wait_until(lambda: not drawn_wrong(strip, digits), what="faces of what the run holds",
               seen=lambda: drawn_wrong(strip, digits))  # fmt: skip
    # a click is map A, with shift map B; the pins follow
    strip.click(strip.layer("conv2"))
    wait_until(lambda: strip.pins("conv2") == ["A"], what="pin A")
    page.keyboard.down("Shift")
    strip.click(strip.layer("pool"))
    page.keyboard.up("Shift")
    wait_until(lambda: strip.pins("pool") == ["B"], what="pin B")
    assert strip.pins("conv2") == ["A"] and strip.pins("@input") == []
    strip.waits("words().includes(' of conv2') && words().includes(' of pool')")
    # the keyboard: arrows walk, enter is a click, with shift map B
    page.evaluate(f"{strip.layer('conv1')}.focus()")
    page.keyboard.press("ArrowLeft")
    focused = "all('.stop').find(n => n.matches(':focus'))?.dataset.key"
    strip.waits(f"{focused} === '@input'")
    page.keyboard.press("Enter")
    wait_until(lambda: strip.pins("@input") == ["A"], what="pin A by keyboard")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Enter")
    wait_until(lambda: strip.pins("conv1") == ["B"], what="pin B by keyboard")
    page.keyboard.press("Tab")
    strip.waits(f"{focused} && {focused} !== 'conv1'")
    # hover: facts, inside of the window, over the map
    page.mouse.move(*strip.place(strip.layer("fc2")))
    card = "all('.card').find(n => getComputedStyle(n).visibility === 'visible')"
    strip.waits(f"{card}?.textContent.includes('fc2') && {card}.textContent.includes('330 parameters')")
    left, top, right, bottom = page.evaluate(
        f"(b => [b.left, b.top, b.right, b.bottom])({card}.getBoundingClientRect())"
    )
    assert 0 <= left < right <= 1440
    assert top >= 140 and bottom <= 900
    # a measure a layer: computed, shown in bold, there again for the next visitor
    strip.click("all('[data-act=compute]')[0]")
    figure = "all('.stop .figure').map(n => n.textContent)"
    strip.waits(f"{figure}.length === all('.stop.whole').length", timeout=240_000)
    figures = page.evaluate(figure)
    lens, told = Lens(digits), strip.figures()
    for layer, words in told.items():
        measured = lens.run("nnlens-embedding:class-separation", layer=layer)
        single = next(float(array) for array in measured.data_vars.values() if not array.dims)
        assert float(words) == pytest.approx(single, abs=5.1e-4), layer
    page.locator("select[data-act=measure]").select_option(index=1)
    strip.waits(f"{figure}.length === 0")
    strip.click("all('[data-act=compute]')[0]")
    strip.waits(
        "all('.stop .figure').length > 3 && !all('.model [data-act=compute], .model [data-act=stop]').length",
        timeout=240_000,
    )
    for layer, words in strip.figures().items():  # dead is what never fires, where there is no below zero
        held = digits.activation(layer).values
        each = np.moveaxis(held, 1, 0).reshape(held.shape[1], -1)
        dead = np.ptp(each, axis=1) == 0 if held.min() < 0 else each.max(axis=1) <= 0
        assert words == f"{100 * dead.mean():.0f} %", layer
    again = Strip(open_page(page.url))
    again.waits(f"{figure}.length === {len(figures)}")
    assert again.page.evaluate(figure) == figures
    # the summary and the data card
    strip.click("all('[data-act=summary]')[0]")
    strip.waits("words().includes('Copy as text') && words().includes('The network, layer by layer')")
    assert page.evaluate("all('.summary tbody tr').length") == len(graph)
    page.keyboard.press("Escape")
    strip.waits("!all('.MuiDialog-root').some(n => n.checkVisibility())")
    strip.click("all('[data-act=data]')[0]")
    strip.waits("words().includes('Samples a class') && words().includes('8 × 8, 1 channel')")
    sides = "[...all('.summary dl')[0].children].slice(0, 2).map(n => n.getBoundingClientRect())"
    strip.waits(f"(([key, told]) => key.right < told.x && key.y === told.y)({sides})")
    assert not [error for error in page.errors if "WebGL" not in error]


def test_branches_fold_and_the_network_gives_what_the_run_does_not_hold(branched, explore, open_page):
    url = explore(
        branched / "run", "--model", branched / "net.pt", "--architecture", f"{branched / 'net.py'}:Net"
    )
    strip = Strip(open_page(url))
    page = strip.page
    strip.waits("all('.stop').length > 5")
    stands(page)
    sides = "all('.stop .box').map(n => (b => [b.left, b.top, b.right, b.bottom])(n.getBoundingClientRect()))"
    boxes = at_rest(lambda: page.evaluate(sides))
    count = page.evaluate("all('.stop').length")
    for at, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    tops = {name: strip.place(strip.layer(name))[1] for name in ("one.left", "one.right")}
    assert tops["one.left"] < tops["one.right"] - 10, "branches do not stand side by side"
    page.keyboard.press("j")
    wait_until(
        lambda: all(face != "none" for face in strip.faces().values()), 60, what="faces", seen=strip.faces
    )
    strip.click("all('.frame.block .fold')[0]")
    strip.waits(f"all('.stop').length < {count}")
    # a link opens it folded the same way
    strip.waits("location.search.includes('at.folds')")
    again = Strip(open_page(page.url))
    again.waits(f"all('.stop').length === {page.evaluate('all(`.stop`).length')}")
    folded = "all('.stop').find(n => n.dataset.key.startsWith('block'))"
    assert "one" in page.evaluate(f"{folded}.getAttribute('aria-label')")
    wait_until(lambda: all(face != "none" for face in strip.faces().values()), 60, what="faces of blocks")
    strip.click(folded)
    strip.waits(f"{folded}.getAttribute('aria-pressed') === 'true'")
    page.evaluate(
        f"all('.fold[aria-expanded=false]').find(n => n.dataset.value === {folded}.dataset.key).focus()"
    )
    page.keyboard.press("Enter")
    strip.waits(f"all('.stop').length === {count}")
    assert not [error for error in page.errors if "WebGL" not in error]
