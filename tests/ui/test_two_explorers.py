"""Two programs that show one run at the same time, and both write results into it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from nnlens import open_store
from nnlens.testing import tiny_store, wait_until
from nnlens.testing.browser import ALL, HEADS, SHOWN_WORDS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def asked(url: str, layer: str) -> str:
    """Return the address at which map A shows a t-SNE of a layer, and map B a PCA of the pixels."""
    maps = {"map_a": layer, "map_a_by": "nnlens-embedding:tsne", "map_b": "@input"}
    return f"{url}?{urlencode(maps | {'map_b_by': 'nnlens-embedding:pca'})}"


def shows(page, *titles: str) -> bool:
    heads = page.evaluate(HEADS)
    return all(any(title in head and "partial" not in head for head in heads) for title in titles)


def test_both_write_results_and_see_those_of_the_other(tmp_path_factory, explore, open_page):
    run = tiny_store(tmp_path_factory.mktemp("both") / "run", 60).path
    urls = [explore(run), explore(run)]
    wanted = ["conv", "fc1"]
    pages = [open_page(asked(url, layer)) for url, layer in zip(urls, wanted, strict=True)]
    for page, layer in zip(pages, wanted, strict=True):
        titles = (f"t-SNE of {layer}", "PCA of input")
        wait_until(
            lambda page=page, titles=titles: shows(page, *titles),
            120,
            what=titles[0],
            seen=lambda page=page: (page.errors, page.evaluate(SHOWN_WORDS)),
        )
    for page in pages:  # the maps' quality is still written after they are shown
        page.wait_for_function(f"({ALL})('[title=\"no job is running\"]').length === 1")
    written = run / "results" / "nnlens-embedding:tsne"
    assert len(list(written.glob("*.zarr"))) == 2
    assert open_store(run).verify().ok
    # what the first computed the second only shows: no job of its own, and no second file
    other = open_page(asked(urls[1], "conv"))
    wait_until(lambda: shows(other, "t-SNE of conv"), 60, what="the result of the other program")
    assert len(list(written.glob("*.zarr"))) == 2
