"""Rows of the table, cards and points that go to the pool, the pinned side by side: in a real browser, on digits."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens import Lens
from nnlens.testing import wait_until
from nnlens.testing.browser import Driver, at_rest

pytestmark = pytest.mark.browser

NUMBER = "(text => +text.replaceAll(',', ''))"
CARDS = f"all('.cards .card, .compare th[scope=col]').map(n => {NUMBER}(n.querySelector('b').textContent))"
FOCUS = f"{NUMBER}((all('.head .grow')[0]?.textContent.match(/[0-9,]+/) ?? ['-1'])[0])"
MAP = "nnlens-embedding:pca"


@pytest.fixture(scope="module")
def run(digits_run, tmp_path_factory):
    return digits_run(tmp_path_factory.mktemp("runs") / "digits", 60)


@pytest.fixture
def page(run, explore, open_page):
    layer = run.layers[-2].name
    made = Driver(open_page(explore(run.path) + f"?map_a={layer}&map_a_by={MAP}"))
    made.wait_for("Worst of all", "in view", f"PCA of {layer}")
    made.wait_for_function("!all('.ph')[0].textContent.includes('being computed')")
    yield made
    assert not [error for error in made.errors if "WebGL" not in error]


def pinned(page):
    """The ids that the address says are pinned."""
    found = page.evaluate("new URLSearchParams(location.search).get('pins') ?? ''")
    return [int(each) for each in found.split(",") if each]


def card(run, sample):
    """What a card says, from the run itself."""
    at = run.samples.sel(sample=sample)
    label, prediction = int(at["label"]), int(at["prediction"])
    wrong = " close wrong" if label != prediction else ""
    return f"{sample:,}{wrong} loss {float(at['loss']):.3e} pred {prediction} label {label}"


def test_rows_cards_and_points_join_the_pool_and_are_compared(page, run, open_page):
    rows_go_to_the_pool(page, run)
    cards_say_what_is_true(page, run)
    a_press_outlives_what_is_drawn_meanwhile(page)
    keys_and_points_join(page, run)
    the_pinned_are_compared(page, run)
    a_link_brings_them_back(page, open_page)
    they_go_and_come_back(page)


def rows_go_to_the_pool(page, run):
    page.page.get_by_role("tab", name="Table").click()
    page.wait_for_function("seen('.tabulator-row').length > 3")
    # by id, so that rows are in another order than the run's losses; the grid is laid out twice
    at_rest(lambda: page.evaluate("seen('.tabulator-col-title').map(n => n.getBoundingClientRect().x)"))
    page.click(".tabulator-col-title", 1, of="seen")
    ids = "seen('.tabulator-row').map(n => +n.querySelector('[tabulator-field=id]').textContent)"
    first = np.sort(run.ids)[:4].tolist()
    page.wait_for_function(f"{ids}.slice(0, 4).join() === {','.join(map(str, first))!r}")
    page.click(".tabulator-row", 1, of="seen")
    page.wait_for_function(f"{FOCUS} === {first[1]}")
    for row, told in ((1, "1 row "), (2, "2 rows"), (3, "3 rows"), (2, "2 rows")):
        page.click(".tabulator-row input", row, of="seen")
        page.wait_for(told)
    page.click(".rows [data-act=pin]")
    page.wait_for("2 pinned to the pool")
    wait_until(
        lambda: pinned(page) == [first[1], first[3]], what="the pinned rows", seen=lambda: pinned(page)
    )


def cards_say_what_is_true(page, run):
    page.page.get_by_role("tab", name="Pool").click()
    worst = run.ids[np.argsort(-run.samples["loss"].values, kind="stable")]
    page.wait_for_function(f"{CARDS}.join() === {','.join(map(str, worst[:48]))!r}")
    page.wait_for(*(card(run, int(sample)) for sample in worst[:3]))
    page.evaluate("all('.card .what')[0].focus()")
    page.press("PageDown")
    page.wait_for_function(f"{CARDS}.join() === {','.join(map(str, worst[48:]))!r}")
    page.press("ArrowRight")  # from the first, which the focus has gone to
    page.press("Enter")
    page.wait_for_function(f"{FOCUS} === {worst[49]}")


def a_press_outlives_what_is_drawn_meanwhile(page):
    place = "(b => [b.x + b.width / 2, b.y + b.height / 2])(all('.card .what')[1].getBoundingClientRect())"
    wanted = page.evaluate("all('.card .what')[1].dataset.value")
    page.mouse.move(*page.evaluate(place))
    page.mouse.down()
    before = pinned(page)
    page.press("p")  # draws all cards again
    wait_until(lambda: pinned(page) != before, what="a pin")
    page.press("p")
    wait_until(lambda: pinned(page) == before, what="no pin")
    page.mouse.up()
    page.wait_for_function(f"{FOCUS} === {wanted}")


def keys_and_points_join(page, run):
    before, focus = pinned(page), page.evaluate(FOCUS)
    page.press("p")
    wait_until(lambda: pinned(page) == [*before, focus], what="the sample in focus is pinned")
    with page.keyboard_held("Control"):
        page.click(".card .what", 0)
    wait_until(lambda: len(pinned(page)) == 4, what="a card is pinned")
    (one, at), (other, there) = lonely_points(run, {*pinned(page), page.evaluate(FOCUS)})
    before = pinned(page)
    with page.keyboard_held("Control"):
        page.mouse.click(*page.place(["ImageURL"], *at))
    wait_until(lambda: pinned(page) == [*before, one], what="a point is pinned", seen=lambda: pinned(page))
    assert page.evaluate(FOCUS) == focus, "a pin takes the focus"
    page.mouse.click(*page.place(["ImageURL"], *there))
    page.wait_for_function(f"{FOCUS} === {other}")


def lonely_points(run, taken):
    """Two samples that are not taken and lie farthest from all others on map A, and where."""
    made = Lens(run.path).run(MAP, layer=run.layers[-2].name)
    xy = made["projection"].values
    away = np.linalg.norm(xy[:, None] - xy, axis=-1) + np.diag(np.full(len(xy), np.inf))
    rows = [row for row in np.argsort(-away.min(axis=1)) if int(run.ids[row]) not in taken]
    return [(int(run.ids[row]), xy[row]) for row in rows[:2]]


def the_pinned_are_compared(page, run):
    page.click("[data-act=show][data-value=compare]")
    page.wait_for_function(f"{CARDS}.join() === {','.join(map(str, pinned(page)))!r}")
    cells = (
        "Object.fromEntries(all('.compare tbody tr').map(r => [r.children[0].textContent,"
        " [...r.children].slice(1).map(n => n.textContent.trim())]))"
    )
    told, chosen = page.evaluate(cells), run.samples.sel(sample=pinned(page))
    assert told["loss"] == [f"{loss:.3e}" for loss in chosen["loss"].values]
    assert told["label"] == [str(label) for label in chosen["label"].values]
    ranks = [(run.samples["loss"].values > loss).sum() + 1 for loss in chosen["loss"].values]
    assert told["rank by loss"] == [str(rank) for rank in ranks]


def a_link_brings_them_back(page, open_page):
    other = Driver(open_page(page.url))
    other.wait_for_function(f"{CARDS}.join() === {','.join(map(str, pinned(page)))!r}")
    other.close()


def they_go_and_come_back(page):
    kept = pinned(page)
    page.click("[data-act=select]")
    page.wait_for(f"{len(kept)} selected")
    page.click("[data-act='let go']")
    page.wait_for("Nothing is pinned")
    wait_until(lambda: pinned(page) == [], what="no pins in the address")
    page.click("[data-act='pin again']")
    page.wait_for("Pinned 5")
    wait_until(lambda: pinned(page) == kept, what="the pins in the address")
