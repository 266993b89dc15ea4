"""Pinned samples: in the state, in the address, in what a stranger writes there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.core.data import RunData
from nnlens.ui.core.pinning import pin, toggle, unpin
from nnlens.ui.core.session import Session
from nnlens.ui.core.url import from_query, to_query
from nnlens.ui.core.walk import Walk
from nnlens.ui.panels.cards import Cards

N = 3000


def new_session():
    label = np.zeros(N, np.int32)
    loss = np.random.default_rng(0).random(N).astype("f4")
    images = lambda ids: np.zeros((len(ids), 4, 4, 1), np.uint8)  # noqa: E731
    data = RunData(np.arange(N, dtype=np.int64) * 3, label, label, loss, ("a", "b"), images, name="r")
    return Session(None, data=data)


def reopened(session):
    other = new_session()
    from_query(other, to_query(session))
    assert not other.messages
    return other.state.pinned


@settings(max_examples=30)
@given(st.lists(st.integers(0, N - 1), unique=True, max_size=200))
def test_a_link_keeps_which_and_in_which_order(places):
    session = new_session()
    pin(session, [3 * place for place in places])
    assert session.state.pinned == [3 * place for place in places]
    assert reopened(session) == session.state.pinned


def test_of_many_a_link_keeps_which():
    session = new_session()
    chosen = np.random.default_rng(1).permutation(session.data.ids)[:1000].tolist()
    pin(session, chosen)
    assert sorted(reopened(session)) == sorted(chosen)


def test_only_samples_of_the_run_are_pinned_and_each_once():
    session = new_session()
    pin(session, [6, 1, 3])
    pin(session, [3, 9, 10**12])
    assert session.state.pinned == [6, 3, 9]
    toggle(session, 3)
    toggle(session, 12)
    toggle(session, None)
    unpin(session, [6, 300])
    assert session.state.pinned == [9, 12]


@pytest.mark.parametrize("text", ["x", "packed:%00", "1,2", "<img>", "9" * 300, "packed:" + "A" * 9000])
def test_what_a_stranger_writes_pins_nothing_and_says_so(text):
    session = new_session()
    from_query(session, f"pins={text}")
    assert session.state.pinned == []
    assert [message.level for message in session.messages] == ["info"]


def test_the_pool_turns_back_when_the_pages_behind_are_gone():
    session = new_session()
    pin(session, session.data.ids[:100])
    from_query(session, "at.pool=pinned")
    pool = Cards(session, Walk(session))
    pool.actions["turn"]("2", {})
    assert pool.samples(pool.page * pool.size, pool.total) == [288, 291, 294, 297]
    unpin(session, session.data.ids[50:100])
    assert pool.page == 1
    pool.actions["let go"]("", {})
    assert "Nothing is pinned" in pool.view.html
    pool.actions["pin again"]("", {})
    assert session.state.pinned == session.data.ids[:50].tolist()


def test_a_selection_leaves_the_page_of_the_pinned_and_turns_its_own_back():
    session = new_session()
    pin(session, session.data.ids[:100])
    pool = Cards(session, Walk(session))
    pool.actions["turn"]("1", {})
    session.state.select(session.data.ids[:200], {"kind": "ids"})
    assert pool.page == 0
    from_query(session, "at.pool=pinned")
    pool.actions["turn"]("1", {})
    session.state.select(session.data.ids[:300], {"kind": "ids"})
    assert (pool.page, pool.total) == (1, 100)
