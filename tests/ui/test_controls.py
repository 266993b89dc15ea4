"""The controls of a map: what a person chooses becomes what the map is asked to show."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from nnlens.errors import SamplesError
from nnlens.state import Draw, Selection
from nnlens.ui.core.session import Session
from nnlens.ui.look.upload import FileButton
from nnlens.ui.maps.stored import LARGEST, stored_maps
from nnlens.ui.page import Explorer
from nnlens.ui.panels.controls import MapControls

TSNE, PCA = "nnlens-embedding:tsne", "nnlens-embedding:pca"


@pytest.fixture
def controls(tiny_lens):
    explorer = Explorer(tiny_lens, Session(tiny_lens))
    projecting = explorer.projecting
    projecting.submit = lambda *_: None  # what is wanted is looked at, not computed
    for which, analysis in (("a", PCA), ("b", TSNE)):
        projecting.set_quietly(which, replace(projecting.state(which), layer="relu2", analysis=analysis))
    return MapControls(explorer.session, projecting, explorer.stops)


def wanted(controls, which="a"):
    return controls.projecting.state(which).analysis


def test_a_better_map_is_shown_and_nobody_asked_for_it(controls):
    state = controls.projecting.state("a")
    controls.projecting.set_quietly("a", replace(state, analysis=TSNE))
    controls.show()
    assert wanted(controls) == TSNE == controls._method.value


def test_a_person_may_go_back_later_and_choose_another_at_once(controls):
    state = controls.projecting.state("a")
    controls.projecting.set_quietly("a", replace(state, analysis=TSNE))
    controls._method.pick("nnlens-embedding:umap")
    assert wanted(controls) == "nnlens-embedding:umap"
    controls._method.pick(TSNE)
    assert wanted(controls) == TSNE
    controls._method.pick(PCA)
    assert wanted(controls) == PCA


def test_a_layer_or_method_that_is_not_there_is_not_shown_as_another(controls):
    controls.projecting.set_quietly(
        "a", replace(controls.projecting.state("a"), layer="gone", analysis="was:here")
    )
    controls.show()
    assert ">gone</option>" in controls._layer.html and "was:here" not in controls._method.options.values()
    assert 'aria-pressed="true"' not in controls._method.html


def test_after_a_switch_the_other_map_may_get_what_this_one_shows(controls):
    controls._switch.pick("b")
    assert controls._method.value == TSNE
    controls._method.pick(PCA)
    assert wanted(controls, "b") == PCA == wanted(controls, "a")


def test_the_samples_of_a_map_are_all_or_drawn_or_selected(controls):
    made, state = controls._made_of, controls.session.state
    made._kind.pick("selected")
    assert controls.projecting.state("a").samples is None and "Nothing is selected" in made._note.html
    assert made._kind.value == "all"
    state.select(state.ids[:5], {"kind": "ids"})
    assert not made._note.visible
    made._kind.pick("selected")
    assert controls.projecting.state("a").samples == Selection(state.ids[:5])
    state.select(state.ids[:7], {"kind": "ids"})
    assert "take the 7 of now" in made._note.html  # the map stays as it was computed
    made._kind.pick("random")
    drawn = controls.projecting.state("a").samples
    assert isinstance(drawn, Draw) and made._numbers.visible
    for name, text in (("number", "3"), ("seed", "2"), ("seed", "x")):
        made._numbers._handle_msg({"act": f"set {name}", "value": text})
    assert controls.projecting.state("a").samples == Draw(3, 2)
    made._kind.pick("all")
    assert controls.projecting.state("a").samples is None and not made._numbers.visible


def test_coordinates_of_a_file_are_a_method_of_their_own(controls, tiny_lens):
    xy = np.random.default_rng(0).normal(size=(60, 2))
    content = io.BytesIO()
    np.savez(content, places=xy, id=tiny_lens.store.ids)
    controls._taken("../mine <b>.npz", content.getvalue())
    state = controls.projecting.state("a")
    shown = controls.projecting.places["a"]
    assert shown.result.attrs["title"] == "mine <b>" and shown.shown.analysis == state.analysis
    assert shown.result.attrs["caption"].startswith("mine <b>.npz · 60 samples")
    assert list(controls._method.options)[-1] == "mine <b>" and controls._method.value == state.analysis
    assert not controls._form.view.visible and not controls._made_of.view.visible
    assert controls.projecting.samples_of(state) == ""
    controls._method.pick(PCA)
    assert wanted(controls) == PCA and controls._form.view.visible
    # another page finds it in its menu, and by its address
    other = Explorer(tiny_lens, Session(tiny_lens))
    other.session.state.map_a = state
    other.furnish()
    assert other.projecting.places["a"].result.attrs["title"] == "mine <b>"
    menu = MapControls(other.session, other.projecting, other.stops)._method
    assert menu.value == state.analysis and "mine <b>" in menu.options


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("own.pkl", b"x", "no file of coordinates"),
        ("own.csv", b"x,y\n1,2\n", "1 rows, and the run has 60"),
        ("own.csv", b"1" * (LARGEST + 1), "MB"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(controls, tiny_lens, name, content, words):
    before = controls.projecting.state("a")
    controls._taken(name, content)
    said = controls.session.messages[-1]
    assert words in said.text + said.hint and not controls._own.busy
    assert controls.projecting.state("a") == before and not stored_maps(
        tiny_lens, controls.projecting.catalog
    )


def test_what_a_browser_sends_is_checked():
    taken, told = [], []

    def guard(function):
        def guarded(data):
            try:
                function(data)
            except SamplesError as error:
                told.append(error.message)

        return guarded

    button = FileButton(lambda *file: taken.append(file), guard, limit=9)
    for data in (None, {}, {"data": 7}, {"data": "x"}, {"data": "A" * 40}, {"name": "a.csv"}):
        button._handle_msg(data)
    assert len(told) == 6 and not taken
    button._handle_msg({"name": "a\n.csv", "data": "MSwy"})
    assert taken == [("a .csv", b"1,2")]
