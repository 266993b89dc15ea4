"""The inspector's menu of methods: which are in it and in which order, what is asked of each, how each is drawn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from nnlens import Analysis, Lens
from nnlens.errors import AnalysisError
from nnlens.lens.running import recent
from nnlens.registry import Registry
from nnlens.testing import wait_until
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.attributions import Attributions

FLAT, DEEP = ("sample", "y", "x"), ("sample", "channel", "y", "x")
ASKED = []


class Method(Analysis):
    """Explain a sample."""

    scope = "sample"
    needs_model = True  # a live one, so that it is computed in this process
    requires = {"image": ("sample", "y", "x", "channel")}
    sign = 1.0

    def compute(self, data, context):
        ASKED.append((type(self).__name__, context.request))
        sizes = data["image"].sizes
        shape = [sizes[dim] for dim in self.provides["attribution"]]
        values = np.linspace(min(self.sign, 0), 1, int(np.prod(shape)), dtype="f4").reshape(shape)
        return xr.Dataset(
            {"attribution": (self.provides["attribution"], values)}, {"sample": data["sample"].values}
        )


def method(name, dims=FLAT, **attributes):
    return type(name, (Method,), {"provides": {"attribution": dims}, "title": name, **attributes})


class Failing(method("Failing")):
    """Refuse all."""

    def compute(self, data, context):
        raise AnalysisError("It has no gradient.", "Take occlusion.")


class Check(Method):
    """Judge an explanation, without being one."""

    provides = {"score": ("sample",)}


class Everywhere(Method):
    """Explain every class at once, which is no picture."""

    provides = {"attribution": ("sample", "class_", "y", "x")}


METHODS = [
    *(method(f"Method{letter}") for letter in "abcdefgh"),
    method("Second", priority=5),
    method("First", priority=9),
    method("Signed", DEEP, sign=-1.0),
    method("Inner", needs_layer=True),
    Failing,
]


@pytest.fixture
def shown(tiny_lens):
    registry = Registry(None)
    for cls in (*METHODS, Check, Everywhere):
        registry.register(cls)
    ASKED.clear()
    recent.__init__()
    lens = Lens(tiny_lens.store, tiny_lens.model, registry)
    session = Session(lens)
    session.state.focus = int(lens.store.ids[3])
    projecting = SimpleNamespace(state=lambda which: SimpleNamespace(layer=None))
    return Attributions(session, Work(session), projecting, Catalog(registry).attributions, stops(lens.store))


def settled(attributions):
    wait_until(lambda: "bone" not in attributions.view.html, 20)
    return attributions.view.html


def pick(attributions, slot, name):
    attributions.view._handle_msg({"act": "tool", "value": f"{slot} local:{name.lower()}"})
    return settled(attributions)


def test_all_methods_and_nothing_else_can_be_chosen_the_best_two_first(shown):
    html = settled(shown)
    assert shown.chosen == ["local:first", "local:second"]
    assert {tool.title for tool in shown.tools} == {cls.title for cls in METHODS}
    assert html.count("<option") == 2 * len(METHODS) + 1 + len(shown.session.data.class_names)
    assert {name for name, _ in ASKED} == {"First", "Second"}
    assert {request.sample for _, request in ASKED} == {(int(shown.session.state.focus),)}


def test_a_layer_can_be_chosen_where_a_method_works_on_one(shown):
    assert "layer that is looked at" not in settled(shown)
    assert "layer that is looked at" in pick(shown, 1, "Inner")
    asked = {name: request.layer for name, request in ASKED}
    assert (asked["Inner"], asked["First"]) == ("relu1", None)
    assert "layer that is looked at" not in pick(shown, 1, "Signed")


def test_signed_channels_are_drawn_without_the_picture_below(shown):
    before = settled(shown).count("<img")
    assert pick(shown, 0, "Signed").count("<img") == before - 1


def test_an_error_stands_in_its_place_and_the_other_is_drawn(shown):
    html = pick(shown, 0, "Failing")
    assert "It has no gradient." in html
    assert "Take occlusion." in html
    assert html.count('class="heat"') == 1


def test_the_chosen_class_is_asked_for(shown):
    settled(shown)
    shown.view._handle_msg({"act": "target", "value": "2"})
    settled(shown)
    assert [request.target for _, request in ASKED] == [None, None, 2, 2]
