"""The controls of a map: a choice is a person's, not what Panel answers when the state has just changed a widget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nnlens.state import Draw, Selection
from nnlens.ui.core.session import Session
from nnlens.ui.page import Explorer
from nnlens.ui.panels import controls as module
from nnlens.ui.panels.controls import ECHO, MapControls

TSNE, PCA = "nnlens-embedding:tsne", "nnlens-embedding:pca"


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the controls read; a test moves them on."""
    seconds = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def controls(tiny_lens, clock):
    explorer = Explorer(tiny_lens, Session(tiny_lens))
    projecting = explorer.projecting
    projecting.submit = lambda *_: None  # what is wanted is looked at, not computed
    for which, analysis in (("a", PCA), ("b", TSNE)):
        projecting.set_quietly(which, replace(projecting.state(which), layer="relu2", analysis=analysis))
    made = MapControls(explorer.session, projecting, explorer.stops)
    clock[0] += 10
    return made


def wanted(controls, which="a"):
    return controls.projecting.state(which).analysis


def test_an_answer_of_the_widget_does_not_undo_a_better_map(controls, clock):
    state = controls.projecting.state("a")
    controls.projecting.set_quietly("a", replace(state, analysis=TSNE))
    clock[0] += ECHO / 2
    controls._method.value = PCA
    assert wanted(controls) == TSNE == controls._method.value


def test_a_person_may_go_back_later_and_choose_another_at_once(controls, clock):
    state = controls.projecting.state("a")
    controls.projecting.set_quietly("a", replace(state, analysis=TSNE))
    controls._method.value = "nnlens-embedding:umap"
    assert wanted(controls) == "nnlens-embedding:umap"
    controls._method.value = TSNE
    assert wanted(controls) == TSNE
    clock[0] += ECHO * 2
    controls._method.value = PCA
    assert wanted(controls) == PCA


def test_after_a_switch_the_other_map_may_get_what_this_one_shows(controls):
    controls._switch.value = "b"
    assert controls._method.value == TSNE
    controls._method.value = PCA
    assert wanted(controls, "b") == PCA == wanted(controls, "a")


def test_the_samples_of_a_map_are_all_or_drawn_or_selected(controls, clock):
    made, state = controls._made_of, controls.session.state
    made._kind.value = "selected"
    assert controls.projecting.state("a").samples is None and "Nothing is selected" in made._note.html
    assert made._kind.value == "all"
    state.select(state.ids[:5], {"kind": "ids"})
    assert not made._note.visible
    clock[0] += ECHO * 2
    made._kind.value = "selected"
    assert controls.projecting.state("a").samples == Selection(state.ids[:5])
    state.select(state.ids[:7], {"kind": "ids"})
    assert "take the 7 of now" in made._note.html  # the map stays as it was computed
    clock[0] += ECHO * 2
    made._kind.value = "random"
    drawn = controls.projecting.state("a").samples
    assert isinstance(drawn, Draw) and made._numbers.visible
    made._redraw(Draw(3, 2))
    assert controls.projecting.state("a").samples == Draw(3, 2)
    clock[0] += ECHO * 2
    made._kind.value = "all"
    assert controls.projecting.state("a").samples is None and not made._numbers.visible
