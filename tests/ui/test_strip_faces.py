"""Faces of the strip: in which order they are asked for, and whose are shown."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from nnlens.models.base import LayerInfo
from nnlens.ui.architecture import faces
from nnlens.ui.architecture.faces import Focused, face, unfolded
from nnlens.ui.architecture.room import Architecture
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.url import from_query, to_query
from nnlens.ui.core.work import Work
from nnlens.ui.look.overlay import Overlay

LAYERS = [LayerInfo("conv", "Conv2d", (4, 8, 8)), LayerInfo("far", "Conv2d", (4, 4, 4))]


class Later:
    """Takes what is submitted or put aside, and does it when told to."""

    def __init__(self):
        self.asked, self.done, self.dropped = [], {}, []

    def submit(self, analysis, title, done, request, **options):
        self.asked.append("network")
        self.done[request["sample"][0]] = done
        return SimpleNamespace(running=True)

    def drop(self, task):
        self.dropped.append(task)

    def aside(self, session, work, done):
        self.asked.append("run")
        self.reading = lambda: done(work())


@pytest.fixture
def later(monkeypatch):
    made = Later()
    monkeypatch.setattr(faces, "aside", made.aside)
    return made


@pytest.fixture
def told(tiny_store, tiny_lens, later, monkeypatch):
    monkeypatch.setattr(Focused, "has_model", True)
    found = []
    focused = Focused(
        Session(tiny_lens), later, [SimpleNamespace(id="a:b", title="means")], lambda *t: found.append(t)
    )
    focused.want([(layer, 24, 24) for layer in LAYERS])
    found.clear()
    return focused, found


def means(value):
    return xr.Dataset(
        {"layer_mean": (("sample", "layer", "y", "x"), np.full((1, 2, 4, 4), value))},
        {"layer": ["conv", "far"]},
    )


def test_the_network_is_asked_before_the_run_is_read_and_each_answer_shows_at_once(told, later):
    focused, found = told
    focused.session.state.focus = 3
    focused.ask()
    assert later.asked == ["network", "run"], "attributions of the same sample would come before"
    later.reading()
    held = set(found[-1][0])
    assert "far" not in held and found[-1][1], "more is on its way"
    later.done[3](means(1.0))
    assert set(found[-1][0]) == held | {"far"} | {"conv"} and not found[-1][1]


def test_answers_of_a_sample_that_is_left_are_not_shown(told, later):
    focused, found = told
    for sample in (3, 4):
        focused.session.state.focus = sample
        focused.ask()
    assert len(later.dropped) == 1
    later.done[3](means(1.0))
    assert not found
    later.done[4](means(1.0))
    assert set(found[-1][0]) >= {"far"}


def test_a_face_goes_from_its_lowest_to_its_highest_value():
    assert face(np.zeros((3, 3)))[1] == "mask" and face(np.zeros((30, 30)))[1] == "mask smooth"
    assert face(np.full((2, 2), np.nan)) == face(np.zeros((2, 2)))
    laid = unfolded(np.arange(10.0), 12, 44)
    assert laid.shape[0] > laid.shape[1] and np.isnan(laid).sum() == laid.size - 10


def test_folds_of_the_address_are_those_that_the_network_has(tiny_lens):
    session, catalog = Session(tiny_lens), Catalog(tiny_lens.registry)
    strip = Architecture(session, stops(tiny_lens.store), Work(session), catalog, Overlay()).strip
    assert strip.scene.groups, "nothing to fold"
    before = strip.view.html
    strip._fold(next(iter(strip.scene.groups)))
    assert strip.view.html != before and session.state.choices["folds"] == "0"
    other = Session(tiny_lens)
    from_query(other, to_query(session) + "&theme=light")
    again = Architecture(other, stops(tiny_lens.store), Work(other), catalog, Overlay()).strip
    assert again.view.html == strip.view.html and not other.messages
    strip._fold(next(iter(strip.scene.groups)))
    assert strip.view.html == before and "folds" not in to_query(session)
    other.state.choices = {"folds": "0,77,-1,<b>"}
    assert again.view.html != before and "does not have" in other.messages[-1].text
