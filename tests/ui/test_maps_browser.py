"""The maps of a whole page in a real browser: by which method, of what, stopped, canceled, and brought from a file."""

from __future__ import annotations

import re

import pytest

from nnlens.testing import tiny_store, wait_until
from nnlens.testing.browser import HEADS, LOOK, SHOWN_WORDS, Driver

pytestmark = pytest.mark.browser

SAMPLES = 300
LONG = '{"dimensions":3,"early_iterations":5000,"iterations":20000}'
PLANES = "?map_a=relu2&map_a_by=nnlens-embedding:pca&map_b=relu2&map_b_by=nnlens-embedding:pca"
RUNNING = PLANES.replace("a_by=nnlens-embedding:pca", f"a_by=nnlens-embedding:tsne&map_a_with={LONG}")


class Maps(Driver):
    """A page with what these tests do to its maps."""

    def __init__(self, page):
        super().__init__(page, SHOWN_WORDS)

    def heads(self):
        return self.page.evaluate(HEADS)

    def wait_for_head(self, pattern, which=0):
        wait_until(
            lambda: re.search(pattern, self.heads()[which]), what=pattern, interval=LOOK, seen=self.heads
        )

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
    return tiny_store(tmp_path_factory.mktemp("runs") / "tiny", SAMPLES)


@pytest.fixture(scope="module")
def url(run, explore):
    return explore(run.path)


@pytest.fixture
def opened(url, open_page):
    pages = []

    def opening(query):
        pages.append(Maps(open_page(url + query)))
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
    page.wait_for_head(r"^(?!.*partial).*t-SNE of relu2.*after [\d,]+ of 25,000 iterations")
    page.wait_for_head("PCA of relu2", 1)
    page.wait_in_view(300, 300)
    page.wait_for_labels("Perplexity", "Iterations", gone=("Neighbors",))
    page.choose(".switch button", "PCA")
    page.wait_for_head("PCA of relu2")
    page.wait_for_labels("Drawn in", gone=("Perplexity", "Iterations", "Neighbors"))


def test_a_map_is_made_of_a_draw_of_the_selection_and_of_a_file(run, opened, tmp_path):
    page = opened(PLANES)
    page.wait_in_view(300, 300)
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
        "all('.chip').map(n => n.getAttribute('aria-pressed')).join() === 'false,true,false'"
    )
    page.click("[data-act=all]")
    page.wait_in_view(120, 300)
    page.press("/")
    page.keyboard.type("label == 1")
    page.press("Enter")
    page.press("Escape")
    page.wait_for("100 selected")
    page.pick_samples("the selection")
    page.wait_for_head("PCA of relu2 · 100 selected")
    page.wait_in_view(100, 300)
    page.click(".chip", 1)  # they are all of this class
    page.wait_in_view(0, 200)
    page.click("[data-act=all]")
    page.pick_samples("all 300")
    page.wait_in_view(300, 300)
    page.choose(".switch button", "3-D")
    page.wait_for_function("seen('button.tool').some(n => n.dataset.value === 'turn')")

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
