"""The inspector's menu of methods: which are in it and in which order, what is asked of each, how each is drawn."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import param
import pytest
import xarray as xr

from nnlens import Analysis, Lens
from nnlens.errors import AnalysisError
from nnlens.jobs import Job
from nnlens.lens.running import recent
from nnlens.registry import Registry
from nnlens.testing import wait_until
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.attributions import Attributions
from nnlens.ui.inspector.looking import PICTURE, Looking
from nnlens.ui.inspector.neighborhood import Neighborhood

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

    requires = {"attribution": FLAT}
    provides = {"score": ("sample",), "curve": ("sample", "step")}

    def compute(self, data, context):
        ASKED.append((type(self).__name__, context.request))
        own = float(data["attribution"].values.sum())
        values = {"score": ("sample", [own]), "curve": (("sample", "step"), [[3.0, 1.0, 2.0]])}
        return xr.Dataset(values, {"sample": data["sample"].values}, {"caption": "as far as it goes"})


class Everywhere(Method):
    """Explain every class at once, which is no picture."""

    provides = {"attribution": ("sample", "class_", "y", "x")}


class Slow(method("Slow")):
    """Say that it takes a minute."""

    def estimate(self, sizes):
        return 60.0


class Channels(method("Channels", DEEP, needs_layer=True, takes_channel=True)):
    """Explain a channel."""

    signal = param.Selector(default="maximum", objects=["maximum", "map"], doc="Where it starts.")
    often = param.Integer(3, bounds=(1, 9), doc="How often.")


METHODS = [
    *(method(f"Method{letter}") for letter in "abcdefgh"),
    method("Second", priority=5),
    method("First", priority=9),
    method("Signed", DEEP, sign=-1.0),
    method("Inner", needs_layer=True),
    Channels,
    Failing,
    Slow,
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
    catalog = Catalog(registry)
    looking = Looking(session, projecting, catalog.attributions, stops(lens.store))
    return Attributions(session, Work(session), looking, catalog.checks)


def settled(attributions):
    wait_until(lambda: "bone" not in attributions.view.html, 20)
    return attributions.view.html


def do(attributions, act, value=""):
    attributions.view._handle_msg({"act": act, "value": value})
    return settled(attributions)


def pick(attributions, slot, name):
    return do(attributions, slot, f"local:{name.lower()}")


def asked():
    return [name for name, _ in ASKED]


def last(name):
    return next(request for asked, request in reversed(ASKED) if asked == name)


def test_all_methods_and_nothing_else_can_be_chosen(shown):
    html = settled(shown)
    assert {tool.title for tool in shown.looking.tools} == {cls.title for cls in METHODS}
    assert [tool.title for tool in shown.checks.tools] == ["Check"]
    menu = html.partition('data-act="first"')[2].partition("</select>")[0]
    assert menu.count("<option") == len(METHODS)


def test_it_begins_with_places_of_a_layer_and_details_of_the_picture(shown):
    html = settled(shown)
    assert (shown.looking.first, shown.looking.second) == ("local:inner", "local:signed")
    assert set(asked()) == {"Inner", "Signed"}
    assert {request.sample for _, request in ASKED} == {(int(shown.session.state.focus),)}
    assert re.findall(r"<figcaption[^>]*>([^<]*)", html) == ["input", "Inner", "Signed", "product"]


def test_the_pictures_are_those_that_the_results_give(shown):
    settled(shown)
    captions = lambda html: re.findall(r"<figcaption[^>]*>([^<]*)", html)  # noqa: E731
    assert captions(do(shown, "second", PICTURE)) == ["input", "Inner", "picture × map"]
    html = pick(shown, "first", "Signed")
    assert captions(html) == ["input", "Signed"], "a map for and against has no product"
    assert captions(pick(shown, "second", "First")) == ["input", "Signed", "First"]


def test_the_product_is_that_of_both_maps(shown):
    settled(shown)
    found = shown.explanations.found
    places, details = (found[f"local:{name}"]["attribution"].values[0] for name in ("inner", "signed"))
    slow = np.zeros(places.shape)
    for y in range(places.shape[0]):
        for x in range(places.shape[1]):
            values = [places[y, x] * details[c, y, x] for c in range(details.shape[0])]
            slow[y, x] = max(values, key=abs)
    drawn = next(figure for figure in shown.figures() if figure.name == "product")
    np.testing.assert_allclose(drawn.heat.values, slow, rtol=1e-6)


def test_a_layer_can_be_chosen_where_a_method_works_on_one(shown):
    assert "layer that is looked at" in settled(shown)
    assert last("Inner").layer == "relu1"
    do(shown, "at", "conv")
    assert last("Inner").layer == "conv"
    assert last("Signed").layer is None
    assert "layer that is looked at" not in pick(shown, "first", "First")


def test_what_only_one_method_takes_is_offered_for_it_alone(shown):
    assert "set signal" not in settled(shown) and 'data-act="channel"' not in shown.view.html
    html = pick(shown, "first", "Channels")
    assert "set signal" in html and "set often" in html and 'data-act="channel"' in html
    do(shown, "set signal", "map")
    do(shown, "channel", "2")
    asked = last("Channels")
    assert (asked.parameters["signal"], asked.parameters["often"], asked.channel) == ("map", 3, 2)
    html = do(shown, "set often", "77")
    assert "is no often of channels" in html, "a wrong value is told in place of the map"
    do(shown, "set often", "4")
    assert last("Channels").parameters == {"signal": "map", "often": 4}
    assert "set signal" not in pick(shown, "first", "First")


def test_signed_values_cover_the_picture_and_others_do_not(shown):
    html = settled(shown)
    kinds = re.findall(r'<div class="heat ?([a-z]*)">', html)
    assert kinds == ["", "", "signed", "signed"]


def test_an_error_stands_in_its_place_and_the_other_is_drawn(shown):
    settled(shown)
    html = pick(shown, "second", "Failing")
    assert "It has no gradient." in html and "Take occlusion." in html
    assert html.count('class="over"') == 1


@pytest.mark.parametrize(
    ("value", "asked"), [("2", 2), ("label", "label"), ("", None), ("99", None), ("x", None)]
)
def test_the_chosen_output_is_asked_for(shown, value, asked):
    settled(shown)
    do(shown, "target", "1")
    do(shown, "target", value)
    wait_until(
        lambda: {shown.explanations._asked[each]["target"] for each in shown.looking.methods} == {asked}
    )
    assert last("Inner").target in (asked, 1)


def test_what_takes_long_waits_for_compute(shown):
    settled(shown)
    pick(shown, "second", "Second")
    shown.view._handle_msg({"act": "first", "value": "local:slow"})
    assert "Slow takes about 60 s." in shown.view.html and "Slow" not in asked()
    html = do(shown, "compute", "local:slow")
    assert "Slow" in asked() and "takes about" not in html


def test_of_two_that_follow_fast_the_last_one_wins(shown):
    settled(shown)
    ids = shown.session.data.ids.tolist()
    for sample in ids[4:12]:
        shown.session.state.focus = sample
    settled(shown)
    found = {int(result["sample"].values[0]) for result in shown.explanations.found.values()}
    assert found == {ids[11]}


def test_a_sample_in_passing_is_explained_and_the_focus_comes_back(shown):
    settled(shown)
    ids, state = shown.session.data.ids.tolist(), shown.session.state
    before = shown.view.html
    state.hover = ids[7]
    settled(shown)
    assert shown.looking.passing and last("Inner").sample == (ids[7],)
    count = len(ASKED)
    state.hover = None
    assert shown.view.html == before and shown.looking.sample == state.focus, "what is known is there at once"
    assert len(ASKED) == count


def test_a_check_is_made_of_the_method_that_is_shown(shown):
    settled(shown)
    assert "Check" not in asked()
    html = do(shown, "check", "local:check")
    request = last("Check")
    assert request.using == ("local:inner",) and request.layer == "relu1"
    total = float(shown.explanations.found["local:inner"]["attribution"].values.sum())
    assert f"<b>{total:.3f}</b> score" in html and "as far as it goes" in html
    assert "M0.0 1.0" in html and "L100.0 39.0" in html, "the curve from 3 down to 1"
    assert "as far as it goes" not in do(shown, "check", "local:check")


def test_the_strength_of_the_map_can_be_set(shown):
    settled(shown)
    assert "--strength:40%" in do(shown, "strength", "40")
    assert "--strength:100%" in do(shown, "strength", "1e9")


def test_a_search_for_neighbors_tells_how_far_it_is_and_is_cancelled(shown, monkeypatch):
    job = Job("key", "neighbors")
    monkeypatch.setattr("nnlens.ui.core.work.submit", lambda *_: job)
    place = SimpleNamespace(shown=SimpleNamespace(layer="fc1"))
    work = Work(shown.session)
    projecting = SimpleNamespace(places={"a": place}, title_of=str, param=Work(shown.session).param)
    tool = SimpleNamespace(id="some:neighbors", title="Neighbors")
    catalog = SimpleNamespace(neighbors=[tool], tool=lambda _: tool)
    monkeypatch.setattr(type(shown.session.lens), "estimate", lambda *_, **__: 4.0)
    near = Neighborhood(shown.session, work, projecting, catalog, shown.looking)
    assert "about 4 s" in near.view.html and "Find neighbors" in near.view.html
    near.view._handle_msg({"act": "compute", "value": tool.id})
    job.begin(lambda: None)
    job.move(1, 4, "looking around")
    assert "looking around" in near.view.html and "25 %" in near.view.html
    near.view._handle_msg({"act": "cancel", "value": ""})
    assert job.state == "cancelled" and "Find neighbors" in near.view.html
