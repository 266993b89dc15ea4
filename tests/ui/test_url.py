"""The state in the address: what is written reads back, and what a stranger writes does no harm."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import numpy as np
import param
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.state import Draw, MapState, Selection
from nnlens.ui.core.choices import bind, choose
from nnlens.ui.core.chosen import IDS
from nnlens.ui.core.data import RunData
from nnlens.ui.core.packing import packed, unpacked
from nnlens.ui.core.session import Session
from nnlens.ui.core.url import Address, _of_run, from_query, to_query
from nnlens.ui.panels.filters import FilterField

N = 400


def new_session():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 5, N).astype(np.int32)
    images = lambda ids: np.zeros((len(ids), 4, 4, 1), np.uint8)  # noqa: E731
    data = RunData(
        np.arange(N, dtype=np.int64) * 3,
        label,
        np.roll(label, 1),
        rng.random(N).astype("f4"),
        tuple("abcde"),
        images,
        name="r",
    )
    session = Session(None, data=data)
    FilterField(session)
    return session


MAPS = st.builds(
    MapState,
    st.sampled_from(["fc1", "@input", "a.b#0", "<img src=x>"]),
    st.sampled_from(["dist:one", "two"]),
    st.dictionaries(
        st.sampled_from(["p", "q"]), st.one_of(st.integers(), st.text(max_size=5), st.none()), max_size=2
    ),
    st.none(),
    st.one_of(st.none(), st.just((-1.5, 0.0, 2.0, 3.25))),
    st.sampled_from(
        [
            None,
            Draw(20, 3),
            Selection([0, 9, 30], {"kind": "ids"}),
            Selection(np.arange(N) * 3, {"kind": "range", "variable": "loss", "low": 0.0, "high": 1.0}),
        ]
    ),
    st.sampled_from([(0.0, 0.0), (30.5, -20.0), (-180.0, 90.0)]),
    st.sampled_from(["lasso", "turn"]),
)


@pytest.mark.parametrize("text", ["draw:0,1", "draw:5", "draw:-5,2", "ids:1", "{}", '{"kind": "lasso"}', "["])
def test_samples_of_a_map_that_cannot_be_chosen_are_dropped_with_a_word(text):
    session = new_session()
    from_query(session, urlencode({"map_a": "fc1", "map_a_by": "one", "map_a_of": text}))
    assert session.state.map_a == MapState("fc1", "one")
    assert "samples for a map" in session.messages[-1].text


@settings(max_examples=60, deadline=None)
@given(
    MAPS,
    MAPS,
    st.sampled_from([None, 0, 9]),
    st.sampled_from([None, [], [1, 3]]),
    st.sampled_from(["label", "loss", "class-loss"]),
)
def test_what_is_written_reads_back(map_a, map_b, focus, visible, color):
    one, other = new_session(), new_session()
    one.state.param.update(map_a=map_a, map_b=map_b, focus=focus, visible=visible, color_by=color)
    from_query(other, "?" + to_query(one))
    assert (other.state.map_a, other.state.map_b) == (map_a, map_b)
    assert (other.state.focus, other.state.visible, other.state.color_by) == (focus, visible, color)
    assert not other.messages


@pytest.mark.parametrize(
    "origin",
    [
        {"kind": "filter", "text": "loss > 0.5 and label == 'c'"},
        {"kind": "range", "variable": "loss", "low": 0.1, "high": 0.3},
        {"kind": "class", "variable": "label", "class": 2},
        {"kind": "cell", "label": [1], "prediction": [2, 3]},
    ],
    ids=lambda origin: origin["kind"],
)
def test_a_selection_is_made_again_from_its_origin(origin):
    one, other = new_session(), new_session()
    one.state.select(one.replay(origin), origin)
    one.state.select(np.arange(N) < 50, {"kind": "range", "variable": "id", "low": 0, "high": 147}, "add")
    assert len(one.state.selection) > 50
    from_query(other, to_query(one))
    assert other.state.selection == one.state.selection


@pytest.mark.parametrize("combined", [False, True])
def test_what_was_drawn_on_the_picture_of_a_running_job_is_written_as_ids(combined):
    """No map will ever be that picture again."""
    one, other = new_session(), new_session()
    lasso = {"kind": "lasso", "corners": [[0, 0], [1, 0], [1, 1]], "map": "a", "projection": ""}
    one.state.select(one.data.mask(range(20, 55)), lasso)
    if combined:
        one.state.select(np.arange(N) < 50, {"kind": "range", "variable": "id", "low": 0, "high": 147}, "add")
    from_query(other, to_query(one))
    assert other.state.selection.samples.tolist() == one.state.selection.samples.tolist()
    assert len(other.state.selection) == (55 if combined else 35)


def test_what_cannot_be_made_yet_stays_in_the_address():
    session = new_session()
    origin = {"kind": "lasso", "corners": [[0, 0], [1, 0], [1, 1]], "map": "a", "projection": "not here yet"}
    query = urlencode({"selection": json.dumps(origin)})
    from_query(session, query)
    assert not len(session.state.selection)
    kept = {key: values[-1] for key, values in parse_qs(to_query(session)).items()}
    assert json.loads(kept["selection"]) == origin


def test_ids_are_written_and_packed_where_they_are_many():
    one, other, third = new_session(), new_session(), new_session()
    one.state.select(one.data.ids[5:17], {"kind": "ids"})
    from_query(other, to_query(one))
    assert other.state.selection == one.state.selection
    assert "packed" not in to_query(one)
    one.state.select(one.data.ids[: IDS + 1], {"kind": "ids"})
    assert "packed" in to_query(one) and len(to_query(one)) < 200
    from_query(third, to_query(one))
    assert third.state.selection == one.state.selection


def test_what_the_run_does_not_have_is_dropped_with_a_word():
    session = new_session()
    query = {
        "color": "nonsense",
        "focus": "1",
        "classes": "1,77",
        "ids": "0,1,3",
        "selection": '{"kind":"evil"}',
    }
    from_query(session, urlencode(query))
    assert session.state.color_by == "label" and session.state.focus is None
    assert session.state.visible == [1] and session.state.selection.samples.tolist() == [0, 3]
    assert len(session.messages) == 5 and all("left out" in message.text for message in session.messages)


HOSTILE = [
    "selection=" + "[" * 5000,
    "selection=" + json.dumps({"kind": "combined", "first": {"kind": "filter"}}),
    "selection=" + json.dumps({"kind": "range", "variable": "nothing", "low": "x", "high": None}),
    "selection=" + json.dumps({"kind": "cell"}),
    "selection=" + json.dumps({"kind": "lasso", "projection": "x", "corners": "no"}),
    "selection=" + json.dumps({"kind": "filter", "text": "__import__('os')"}),
    "selection=null&focus=9e99&classes=-1,%00,&map_a_with=[1]&map_a=x&map_a_view=nan,0,inf,1",
    "focus=" + "9" * 5000,
    "&".join(f"a{i}=1" for i in range(99)),
    "map_a=../../etc/passwd&map_a_by=<script>",
    "ids=" + ",".join(["9" * 30] * 500),
]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: query[:30])
def test_hostile_addresses_leave_the_page_standing(query):
    session = new_session()
    from_query(session, query)
    assert session.state.mask is None and session.state.focus is None
    assert not any("Traceback" in message.text for message in session.messages)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["map_a", "map_a_with", "map_a_view", "focus", "classes", "ids", "selection", "color"]
        ),
        st.text(max_size=30),
    )
)
def test_any_address_is_read_or_dropped(fields):
    session = new_session()
    from_query(session, urlencode(fields))
    assert session.state.map_a.extent is None or len(session.state.map_a.extent) == 4
    assert replace(session.state.map_a)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.one_of(st.integers(0, 300), st.integers(0, 2**62)), min_size=1, max_size=300))
def test_packed_ids_read_back(ids):
    wanted = np.array(sorted(ids), np.int64)
    np.testing.assert_array_equal(unpacked(packed(wanted)), wanted)


@given(
    st.one_of(
        st.text(max_size=40),
        st.binary(max_size=40).map(lambda b: urlsafe_b64encode(zlib.compress(b)).decode()),
    )
)
def test_what_is_not_packed_is_none_or_rising_ids(text):
    found = unpacked(text)
    assert found is None or ((np.diff(found) > 0).all() and found[0] >= 0)


def test_a_bomb_is_not_unpacked():
    assert unpacked(urlsafe_b64encode(zlib.compress(b"\x01" * (1 << 26))).decode()) is None


def test_thousands_of_ids_fit_an_address_and_more_are_told(synthetic):
    data = synthetic.run_data(60_000)
    one, other = Session(None, data=data), Session(None, data=data)
    rng = np.random.default_rng(0)
    one.state.select(np.sort(rng.choice(data.ids, 9_000, replace=False)), {"kind": "ids"})
    address = Address(one)
    address.tell()
    assert not one.messages
    assert len(to_query(one)) < 9_000
    from_query(other, to_query(one))
    assert other.state.selection == one.state.selection
    one.state.select(np.sort(rng.choice(data.ids, 30_000, replace=False)), {"kind": "ids"})
    assert "packed" not in to_query(one)
    address.tell()
    assert "30,000 ids are too many" in one.messages[-1].text


CHOICES = st.dictionaries(
    st.sampled_from(["tab", "sides", "shade", "method"]), st.text(min_size=1, max_size=30)
)


@settings(max_examples=60, deadline=None)
@given(CHOICES)
def test_choices_read_back(chosen):
    one, other = new_session(), new_session()
    for name, text in chosen.items():
        choose(one, name, text)
    from_query(other, to_query(one))
    assert other.state.choices == chosen
    assert not other.messages


class Thing(param.Parameterized):
    word = param.String(default="a")
    number = param.Integer(default=None, allow_None=True)
    many = param.Dict(default={})


@given(
    st.sampled_from(["", "a", "b"]),
    st.sampled_from([None, 0, 7]),
    st.sampled_from([{}, {"m": {"p": "1"}}]),
)
def test_parameters_that_are_bound_come_back(word, number, many):
    def bound(session):
        thing = Thing()
        read = {
            "word": str,
            "number": lambda text: int(text) if text else None,
            "many": lambda text: json.loads(text),
        }
        names = {"word": "w", "number": "n", "many": "m"}
        bind(session, thing, names, lambda name, text: setattr(thing, name, read[name](text)))
        return thing

    one, other = new_session(), new_session()
    bound(one).param.update(word=word, number=number, many=many)
    early = bound(other)
    from_query(other, to_query(one))
    for thing in (early, bound(other)):  # there before the address was read, or built afterwards
        assert (thing.number, thing.many) == (number, many)
        assert thing.word == word


def test_long_or_many_choices_are_dropped_with_a_word():
    session = new_session()
    from_query(session, urlencode({"at.tab": "x" * 5_000, "at.shade": "row"}))
    assert session.state.choices == {"shade": "row"}
    assert "choices" in session.messages[-1].text


def test_what_is_selected_meanwhile_is_not_undone_by_the_address():
    session = new_session()
    from_query(session, urlencode({"selection": '{"kind":"box","projection":"none","box":[0,0,1,1]}'}))
    assert session.state.pending
    session.state.select([3, 6], {"kind": "ids"})
    assert not session.state.pending
    session.resume()
    assert session.state.selection.samples.tolist() == [3, 6]


@pytest.mark.parametrize("name", ["focus", "pins", "ids", "classes"])
@pytest.mark.parametrize("text", ["--3", "-", "3-", "1--2", "²"])
def test_what_is_nearly_a_number_is_dropped_with_a_word(name, text):
    session = new_session()
    from_query(session, urlencode({name: text}))
    assert session.messages and (session.state.focus, session.state.pinned) == (None, [])


def test_more_fields_than_an_address_has_are_dropped_with_a_word():
    session = new_session()
    from_query(session, "&".join(f"f{place}=1" for place in range(101)))
    assert ["100 things" in message.text for message in session.messages] == [True]


def test_of_another_run_only_how_it_is_looked_at_is_taken_over():
    query = "?run=one&focus=3&theme=dark&at.tab=Loss&pins=3"
    assert parse_qs(_of_run(query, "two", ["one", "two"])) == {"theme": ["dark"], "at.tab": ["Loss"]}
    assert _of_run(query, "one", ["one", "two"]) == query
    assert _of_run(query, "two", ["two"]) == query  # of a run that is not here all is read, and told


def test_an_address_names_its_run_also_where_there_is_no_other():
    """Else what is served there later would take over the samples of this one without a word."""
    session = new_session()
    assert parse_qs(to_query(session, [session.data.name]))["run"] == [session.data.name]
    assert "run" not in parse_qs(to_query(session))  # a page of data that is no run
