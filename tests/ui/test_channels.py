"""The room of channels without a browser: numbers that sort, frames on pictures, selections made again."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nnlens import Lens, Preprocess
from nnlens.capturing.loop import thumbnails
from nnlens.errors import AnalysisError
from nnlens.ui.channels import grid
from nnlens.ui.channels.frames import content, place
from nnlens.ui.channels.measures import Measure, distinct, of_result, short
from nnlens.ui.channels.top import mix
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.page import Explorer

SIZE = (32, 32)


def ramp(height, width):
    """A picture whose pixels say where they are: red is the column, green the row, blue is never black."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 9)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("form", [(48, 80), (80, 48), (64, 64), (32, 32), (20, 24)])
@pytest.mark.parametrize(
    "fit", [{"fit": "stretch"}, {"fit": "crop"}, {"fit": "crop", "share": 0.8}, {"fit": "pad"}]
)
def test_a_frame_lies_where_the_network_saw_it(form, fit):
    used = Preprocess(SIZE, order="RGB", resample="nearest", scale=1, **fit)
    seen = used(ramp(*form)[None])[0]
    patch = np.array([9, 8, 23, 21])
    left, top, width, height = place(patch, SIZE, (0, 0, *form), form, used.to_dict())
    inside = seen[:, patch[0] : patch[2], patch[1] : patch[3]]
    there = inside[2] > 0  # what was padded is black
    for channel, start, length, side in ((0, left, width, form[1]), (1, top, height, form[0])):
        ends = inside[channel][there].min(), inside[channel][there].max() + 1
        assert [start * side, (start + length) * side] == pytest.approx(ends, abs=2.6), (channel, form)


@pytest.mark.parametrize("form", [(40, 90), (90, 40), (77, 77)])
def test_a_picture_is_found_in_its_square(form):
    stored = thumbnails([ramp(*form)], (64, 64, 3))[0]
    factor = 64 / max(form)
    tall, wide = round(form[0] * factor), round(form[1] * factor)
    assert content(stored) == ((64 - tall) // 2, (64 - wide) // 2, tall, wide) or abs(tall - wide) > 1
    top, left, height, width = content(stored)
    assert (
        (abs(height - tall), abs(width - wide)) <= (1, 1) and abs(top - (64 - tall) // 2) <= 1 and left >= 0
    )


def test_a_picture_that_is_black_at_one_edge_stays_whole():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[6:15, 2:13] = 200
    assert content(picture) == (0, 0, 16, 16)
    picture[:, 2:13] = 200
    picture[:5] = 0
    assert content(picture) == (0, 0, 16, 16)
    assert content(np.zeros((16, 16, 1), np.uint8)) == (0, 0, 16, 16)


@given(st.lists(st.one_of(st.floats(-9, 9), st.just(np.nan)), min_size=1, max_size=12))
def test_channels_go_by_their_number_and_those_without_come_last(values):
    array = np.array(values)
    order = Measure("some", "some", array).order().tolist()
    there = [c for c in range(len(values)) if not np.isnan(array[c])]
    assert order[: len(there)] == sorted(there, key=lambda c: (-array[c], c))
    assert sorted(order) == list(range(len(values)))


def test_numbers_fit_under_a_thumbnail():
    written = [short(v) for v in (0.0, 7, 0.1289, 0.0042, -3.14159, 42.4242, 1234.56, np.nan, -1)]
    assert written == ["0", "7", ".13", "4.2e-03", "-3.14", "42.4", "1,235", "–", "−1"]


class Tool:
    """What an analysis is to the page."""

    id, title = "some:thing", "Thing"

    class cls:
        provides = {"second": ("channel",), "first": ("channel",), "channel_score": ("sample", "channel")}


def test_any_result_with_these_dims_sorts_and_nothing_is_said_twice():
    result = xr.Dataset(
        {
            "first": ("channel", np.arange(4.0)),
            "second": ("channel", np.arange(4)),
            "channel_score": (("sample", "channel"), np.arange(8.0).reshape(2, 4)),
            "rank_sample": (("channel", "rank"), np.ones((4, 2))),
        },
        {"sample": [5, 9]},
    )
    found = of_result(Tool, result, 9, 4)
    assert [m.title for m in found] == ["second", "first", "score"], "in the order that its author gave"
    assert found[2].values.tolist() == [4, 5, 6, 7] and found[2].here and not found[0].here
    assert [m.title for m in of_result(Tool, result, 6, 4)] == ["second", "first"]
    assert not of_result(Tool, result, 9, 5), "of another layer"
    own = Measure("here channel_score", "score", np.zeros(4))
    assert [m.id for m in distinct([own, *found])] == [own.id, found[0].id, found[1].id]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_each_cell_of_a_sheet_shows_its_own_map(channels, height, width):
    maps = np.random.default_rng(channels).integers(0, 256, (channels, height, width), np.uint8)
    sheet = grid.sheet(maps)
    style = dict(part.split(":") for part in grid._scale(channels, height, width).split(";"))
    across, down = (float(part.rstrip("%")) / 100 for part in style["--sheet"].split())
    for one, spot in zip(maps, grid._places(channels, height, width), strict=True):
        # as CSS has it: the sheet is drawn `across` times as wide as the cell, and what juts out is shared by percent
        left, top = (
            float(at) / 100 * (size - 1) * side
            for at, size, side in zip(spot, (across, down), (width, height), strict=True)
        )
        assert (across * width, down * height) == pytest.approx(sheet.shape[::-1], abs=0.01)
        x, y = round(left), round(top)
        assert (left, top) == pytest.approx((x, y), abs=0.01)
        np.testing.assert_array_equal(sheet[y : y + height, x : x + width], one)
        around = sheet[y - 1 : y + height + 1, x - 1 : x + width + 1]
        np.testing.assert_array_equal(around, np.pad(one, 1, "edge"))


@pytest.fixture
def session(tiny_lens):
    return Session(tiny_lens)


def test_the_top_of_a_channel_is_selected_again_from_its_origin(tiny_lens):
    explorer = Explorer(tiny_lens)
    session = explorer.session
    result = tiny_lens.run("top-samples", layer="conv")
    origin = {"kind": "top", "result": result.attrs["key"], "channel": 2, "count": 7}
    wanted = sorted(result["rank_sample"].values[2, :7].tolist())
    assert session.data.ids[session.replay(origin)].tolist() == wanted
    for wrong in (
        {"channel": 99}, {"channel": "2"}, {"channel": -1}, {"count": 0}, {"count": None}, {"channel": True},
        {"result": "0" * 64}, {"result": "../../etc"}, {"result": None},
    ):  # fmt: skip
        assert session.replay(origin | wrong) is None, wrong
    assert not session.messages


def test_which_class_drives_a_channel_is_told(session):
    ids = session.data.ids[session.data.label == 1][:6]
    assert mix(session, ids, np.arange(6.0)).startswith("6 of 6 are")
    assert mix(session, ids, np.zeros(6)) == "all with the same value: those of the lowest ids"


def test_the_room_goes_by_what_analyses_provide(tiny_lens):
    catalog = Catalog(tiny_lens.registry)
    assert [tool.info.name for tool in catalog.feature_maps] == ["feature-maps"]
    assert [tool.info.name for tool in catalog.channel_values] == ["channel-values"]
    assert [tool.info.name for tool in catalog.top_samples] == ["top-samples"]
    assert {tool.info.name for tool in catalog.channel_measures} == {
        "channel-score", "dead-channels", "selectivity",
    }  # fmt: skip


def test_the_layer_that_is_picked_for_a_map_is_looked_at(tiny_lens):
    explorer = Explorer(tiny_lens)
    source = explorer.channels.source
    assert source.layer == "relu1", "the last one with maps, whatever map A shows first"
    explorer.furnish()
    explorer.projecting.want("b", layer="@input")
    explorer.projecting.want("b", layer="conv")
    assert source.layer == "conv" and not source.dense
    explorer.projecting.want("a", layer="relu2")
    explorer.projecting.want("a", layer="fc1")
    assert source.layer == "fc1" and source.dense
    explorer.session.state.param.update(channel=3, channel_layer="conv")
    assert source.layer == "conv" and explorer.channels.dialog.view.visible
    explorer._leave()
    assert not explorer.channels.dialog.view.visible


def test_pages_turn_within_what_there_is(tiny_lens, monkeypatch):
    monkeypatch.setattr(grid, "PAGE", 3)
    explorer = Explorer(tiny_lens)
    explorer.session.state.focus = 3
    source, panel = explorer.channels.source, explorer.channels.panel()
    source.sort = "index"
    last = (source.count - 1) // 3
    assert last > 0, "one page alone cannot be turned"

    def shown():
        return [int(found) for found in re.findall(r'data-value="(\d+)"', panel._body.html)]

    assert shown() == [0, 1, 2] and "1–3 of" in panel._head.html
    panel._turn(-1)
    assert shown() == [0, 1, 2]
    for _ in range(last + 2):
        panel._turn(1)
    assert shown() == list(range(3 * last, source.count))
    source.sort = "here channel_score"
    assert panel.page == 0, "another order begins with its first page"


def test_what_keeps_maps_from_being_there_is_said_with_a_way_out(tiny_lens, monkeypatch):
    explorer = Explorer(tiny_lens)
    explorer.session.state.focus = 3
    panel = explorer.channels.panel()
    assert "data-face" in panel._body.html

    def broken(*_, **__):
        raise AnalysisError("The file is <damaged>.", "Capture again.")

    monkeypatch.setattr(tiny_lens, "cached", broken)
    explorer.session.state.focus = 4
    html = panel._body.html
    assert "The file is &lt;damaged&gt;." in html and "Capture again." in html and "Try again" in html
    assert not explorer.session.messages, "it is said where the maps would be"
    monkeypatch.undo()
    explorer.session.state.focus = 3
    assert "data-face" in panel._body.html


def test_a_result_of_one_sample_can_be_kept(tiny_store):
    lens = Lens(tiny_store)
    result = lens.run("feature-maps", layer="conv", sample=[3])
    assert not lens.results()
    lens.keep(result)
    assert [info.key for info in lens.results()] == [result.attrs["key"]]
    assert Lens(tiny_store).cached("feature-maps", layer="conv", sample=[3]).equals(result)
