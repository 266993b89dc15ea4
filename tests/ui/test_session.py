"""The guard, the hub, and selections made again from their origins."""

from __future__ import annotations

import gc
import urllib.request

import numpy as np
import panel as pn
import pytest

from nnlens.errors import StoreError
from nnlens.testing import wait_until
from nnlens.ui.core.session import Session


@pytest.fixture
def session(synthetic):
    return Session(None, data=synthetic.run_data(2_000))


def test_a_guarded_callback_shows_its_error_and_stays_alive(session):
    calls = []

    def callback(value):
        calls.append(value)
        if value == 1:
            raise StoreError("chunk 3 is lost.", "Capture the run again.")
        if value == 2:
            raise ZeroDivisionError("secret /home/me/x.py")
        return value

    guarded = session.guard(callback)
    assert [guarded(0), guarded(1), guarded(2), guarded(3)] == [0, None, None, 3]
    assert calls == [0, 1, 2, 3]
    first, second = session.messages
    assert (first.level, first.text, first.hint) == ("error", "chunk 3 is lost.", "Capture the run again.")
    assert "secret" not in second.text + second.hint and second.hint


def test_a_page_that_was_taken_apart_hears_nothing_more(serve, synthetic):
    """What a job has to say may come after Bokeh has forgotten the page."""
    made, heard = [], []

    def page():
        made.append(Session(None, data=synthetic.run_data(500)))
        return pn.pane.Str("a page")

    urllib.request.urlopen(serve(page, check_unused_sessions_milliseconds=100), timeout=60).close()
    (session,) = made
    say = session.guard(heard.append)
    session.document.session_context.session.request_expiration()
    wait_until(lambda: (gc.collect(), session.document.session_context is None)[1], what="a page forgotten")
    session.closed = False  # as in the moment before the page hears of it
    say("late")
    session.later(lambda: heard.append("later"))
    assert heard == [] and session.gone


def test_messages_are_bounded(session):
    for i in range(200):
        session.report(f"message {i}", "info")
    assert len(session.messages) < 100 and session.messages[-1].text == "message 199"


def test_one_view_that_fails_stops_no_other(session):
    got = []
    session.hub.register("good", lambda mask: got.append(("good", mask.sum())))
    session.hub.register("bad", lambda mask: 1 / 0)
    session.hub.register("after", lambda mask: got.append(("after", mask.sum())))
    session.state.select(session.data.label == 3)
    expected = int((session.data.label == 3).sum())
    assert got == [("good", expected), ("after", expected)]
    assert len(session.messages) == 1
    assert set(session.hub.timings) >= {"good", "bad", "after", "batch"}


def test_views_of_one_name_all_follow_until_they_end(session):
    got = []
    ends = [session.hub.register("twin", lambda mask, i=i: got.append(i)) for i in range(3)]
    session.state.select([int(session.data.ids[0])])
    ends[1]()
    session.state.clear()
    assert got == [0, 1, 2, 0, 2]


def test_topics_carry_their_values(session):
    got = []
    for topic in ("focus", "hover"):
        session.hub.register(topic, lambda value, topic=topic: got.append((topic, value)), topic)
    sample = int(session.data.ids[7])
    session.state.focus = sample
    session.state.hover = sample
    session.state.hover = None
    session.hub.refresh("focus")
    assert got == [("focus", sample), ("hover", sample), ("hover", None), ("focus", sample)]


def test_colors_are_given_before_the_views_are_told(synthetic):
    session = Session(None, data=synthetic.run_data(3_000, classes=30))
    found = []
    session.hub.register("view", lambda mask: found.append(set(session.colors.colored)))
    session.state.select(np.isin(session.data.label, range(15, 25)))
    assert found == [set(range(15, 25))]


def region(session, synthetic, **origin):
    projection = synthetic.projection(session.data)
    session.data.projection(projection)
    return {"projection": projection.attrs["key"], "map": "a", **origin}


def test_origins_are_played_again(session, synthetic):
    data = session.data
    x, y = (np.array(v) for v in synthetic.projection(data)["projection"].values.T)
    box = region(session, synthetic, kind="box", box=[0.0, 0.0, 9.0, 9.0])
    expected = (x >= 0) & (x <= 9) & (y >= 0) & (y <= 9)
    np.testing.assert_array_equal(session.replay(box), expected)
    shown = {**box, "among": {"variable": "label", "classes": [1, 2]}}
    np.testing.assert_array_equal(session.replay(shown), expected & np.isin(data.label, [1, 2]))
    square = region(session, synthetic, kind="lasso", corners=[[0, 0], [9, 0], [9, 9], [0, 9]])
    np.testing.assert_array_equal(session.replay(square), expected)
    losses = {"kind": "range", "variable": "loss", "low": 0.5, "high": 2}
    np.testing.assert_array_equal(session.replay(losses), (data.loss >= 0.5) & (data.loss <= 2))
    cell = {"kind": "cell", "label": [3], "prediction": [5, 6]}
    np.testing.assert_array_equal(session.replay(cell), (data.label == 3) & np.isin(data.prediction, [5, 6]))
    one = {"kind": "class", "variable": "prediction", "class": 4}
    np.testing.assert_array_equal(session.replay(one), data.prediction == 4)


@pytest.mark.parametrize(
    "origin",
    [
        {"kind": "range", "variable": "nothing", "low": 0, "high": 1},
        {"kind": "range", "variable": "loss", "low": "a", "high": None},
        {"kind": "class", "variable": "label"},
        {"kind": "cell", "label": {"a": 1}},
    ],
)
def test_a_hostile_origin_selects_nothing_and_is_told(session, origin):
    assert session.replay(origin) is None
    assert len(session.messages) == 1


def test_a_selection_waits_for_its_projection(session, synthetic):
    result = synthetic.projection(session.data)
    session.state.pending = {
        "kind": "box",
        "projection": result.attrs["key"],
        "map": "a",
        "box": [0, 0, 9, 9],
    }
    session.resume()
    assert session.state.mask is None and session.state.pending
    session.data.projection(result)
    session.resume()
    assert session.state.mask.any() and not session.state.pending


def test_pictures_come_from_the_route_or_in_the_address(session, monkeypatch):
    ids = session.data.ids[:2].tolist()
    assert session.image_urls(ids)[1] == session.image_url(ids[1])
    assert session.image_url(ids[0]).startswith("data:image/png;base64,")
    session.image_route = "image/run"
    assert session.image_url(ids[0]).startswith("data:image/png;base64,"), "small ones need no second request"
    monkeypatch.setattr("nnlens.ui.core.session.INLINE", 0)
    assert session.image_url(ids[0]) == f"image/run/{ids[0]}"
    assert session.image_urls(ids) == [f"image/run/{i}" for i in ids]
    assert session.image_urls([]) == []


def test_a_session_needs_something_to_show():
    with pytest.raises(TypeError, match="lens, or data"):
        Session(None)
