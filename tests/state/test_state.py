"""The selection against Python sets, its history against a list, and origins that are played again."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.state import ExplorerState, MapState, Selection, replay

IDS = np.array([40, 10, 30, 20, 50], np.int64)  # not sorted: an id is not a position
some = st.lists(st.sampled_from(IDS.tolist()), max_size=7)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["replace", "add", "remove"]), some),
        st.tuples(st.sampled_from(["undo", "redo"]), st.just([])),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(steps)
def test_selecting_is_set_arithmetic_and_history_a_list(steps):
    state, past, now, future = ExplorerState(IDS), [], set(), []
    for act, ids in steps:
        if act == "undo":
            state.undo()
            if past:
                future.append(now)
                now = past.pop()
        elif act == "redo":
            state.redo()
            if future:
                past.append(now)
                now = future.pop()
        else:
            state.select(ids, {"kind": "ids"}, act)
            then = {"replace": set(ids), "add": now | set(ids), "remove": now - set(ids)}[act]
            if then != now:
                past.append(now)
                now, future = then, []
        assert state.selection.samples.tolist() == sorted(now)
        assert (state.can_undo, state.can_redo) == (bool(past), bool(future))
        chosen = set() if state.mask is None else set(IDS[state.mask].tolist())
        assert chosen == now


def test_mask_and_ids_choose_the_same():
    by_mask, by_ids = ExplorerState(IDS), ExplorerState(IDS)
    by_mask.select(np.array([True, False, False, True, False]))
    by_ids.select([20, 40, 40, 999])
    assert by_mask.selection == by_ids.selection
    assert by_mask.selection.samples.tolist() == [20, 40]


def test_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one value a sample"):
        ExplorerState(IDS).select(np.array([True, False]))


def test_equal_selections_tell_nobody():
    state, told = ExplorerState(IDS), []
    state.param.watch(lambda event: told.append(len(event.new)), "selection")
    for _ in range(3):
        state.select([10, 20], {"kind": "class"})
    state.select([20, 10], {"kind": "lasso"})
    state.clear()
    state.clear()
    assert told == [2, 0]


def test_watchers_find_the_mask_of_the_new_selection():
    state, found = ExplorerState(IDS), []
    state.param.watch(lambda event: found.append(state.mask is None or int(state.mask.sum())), "selection")
    state.select([10, 20, 30])
    state.select(None)
    assert found == [3, True]


def test_nobody_assigns_a_selection_past_the_history():
    with pytest.raises(TypeError, match="Constant"):
        ExplorerState(IDS).selection = Selection([10])


def test_history_is_bounded():
    state = ExplorerState(np.arange(300))
    for sample in range(250):
        state.select([sample])
    undone = 0
    while state.can_undo:
        state.undo()
        undone += 1
    assert undone == 100


def test_selection_is_a_value():
    first, second = Selection([3, 1, 3], {"kind": "class"}), Selection([1, 3])
    assert first == second and hash(first) == hash(second)
    assert first != Selection([1]) and first != [1, 3]
    assert copy.deepcopy(first) is first
    with pytest.raises(ValueError):
        first.samples[0] = 7
    assert dict(Selection([], {"kind": "lasso"}).origin) == {}
    assert repr(first) == "Selection(2 samples, class)"


@settings(deadline=None)
@given(steps)
def test_every_selection_can_be_made_again_from_its_origin(steps):
    state = ExplorerState(IDS)
    resolvers = {"ids": lambda origin: np.isin(IDS, origin["ids"])}
    for act, ids in steps:
        if act in ("undo", "redo"):
            getattr(state, act)()
        else:
            state.select(ids, {"kind": "ids", "ids": ids}, act)
        if len(state.selection):
            mask = replay(state.selection.origin, resolvers)
            assert IDS[mask].tolist() == IDS[state.mask].tolist()


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"kind": "unknown"},
        {"kind": "combined"},
        {"kind": "combined", "first": {"kind": "ids"}, "second": {}},
    ],
)
def test_what_cannot_be_resolved_gives_nothing(origin):
    assert replay(origin, {"ids": lambda origin: np.ones(5, bool)}) is None


def test_a_map_follows_the_page_unless_it_has_a_color_of_its_own():
    state = ExplorerState(IDS, color_by="loss", map_b=MapState(color_by="prediction"))
    assert (state.color_of("a"), state.color_of("b")) == ("loss", "prediction")
