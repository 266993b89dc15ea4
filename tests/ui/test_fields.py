"""Controls are made from parameters: every kind has one, and what it writes is what the parameter takes."""

from __future__ import annotations

import panel_material_ui as pmui
import param
import pytest

from nnlens import Analysis
from nnlens.ui.look.fields import ParameterForm, choice, distinct, field, parameters_of


class Everything(Analysis):
    """Have one parameter of each kind."""

    whole = param.Integer(3, bounds=(1, 9), doc="A count.")
    number = param.Number(0.5, bounds=(0, None), doc="A number.")
    maybe = param.Number(None, allow_None=True, doc="A number, or none.")
    few = param.Selector(default="a", objects=["a", "b"], doc="One of few.")
    many = param.Selector(default="a", objects=list("abcdefgh"), doc="One of many.")
    switch = param.Boolean(False, doc="Yes or no.")
    words = param.String("x", doc="A text.")
    other = param.List([1], doc="What no widget edits.")
    fixed = param.Integer(1, constant=True, doc="Not for people.")
    secret = param.Integer(1, precedence=-1, doc="Not for people.")
    hostile = param.Integer(1, label="<img src=x onerror=alert(1)>", doc='"><script>alert(1)</script>')


KINDS = {
    "whole": pmui.IntInput,
    "number": pmui.FloatInput,
    "maybe": pmui.FloatInput,
    "few": pmui.RadioButtonGroup,
    "many": pmui.Select,
    "switch": pmui.Switch,
    "words": pmui.TextInput,
    "other": pmui.TextInput,
}


def test_what_people_set_is_listed_in_order():
    names = [parameter.name for parameter in parameters_of(Everything)]
    assert names == [*KINDS, "hostile"]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_its_widget(name):
    seen = []
    row = field(Everything.param[name], Everything.param[name].default, seen.append)
    label, widget = row
    assert isinstance(widget, KINDS[name])
    assert Everything.param[name].doc in label.html
    if name == "other":
        assert widget.disabled
        return
    wanted = {"whole": 7, "number": 2.5, "maybe": 1.0, "few": "b", "many": "h", "switch": True, "words": "y"}[
        name
    ]
    widget.value = wanted
    assert seen == [wanted]
    Everything(**{name: seen[0]})


def test_a_label_is_text():
    html = field(Everything.param["hostile"], 1, lambda _: None)[0].html
    assert "<img" not in html and "<script" not in html and "&lt;img" in html


def test_emptied_numbers_go_back_to_the_default():
    seen = []
    widget = field(Everything.param["whole"], 5, seen.append)[1]
    widget.value = None
    assert widget.value == 3 and seen == [3]


def test_options_of_one_name_are_told_apart():
    options = distinct([("relu", 1), ("relu", 2), ("relu\u202e", 3), ("", 4)])
    assert list(options) == ["relu", "relu (2)", "relu (3)", "(no name)"] and list(options.values()) == [
        1,
        2,
        3,
        4,
    ]
    assert choice("x", [("only", 1)], 7, lambda _: None).value == 1


def test_a_form_tells_what_differs_from_the_defaults():
    seen = []
    form = ParameterForm(seen.append)
    form.show(Everything, {"number": 2.0})
    first = [row[1] for row in form.view[0]]
    rest = [row[1] for row in form.view[1]]
    assert len(first) == form.FIRST and [w.value for w in first] == [3, 2.0] and not form.view[1].visible
    first[0].value = 4
    rest[1].value = "b"
    assert seen == [{"whole": 4, "number": 2.0}, {"whole": 4, "number": 2.0, "few": "b"}]
    first[0].value = 3
    assert seen[-1] == {"number": 2.0, "few": "b"}


class Solid(Analysis):
    """Draw in two or in three dimensions."""

    axes = "components"
    speed = param.Number(1, doc="How fast.")
    components = param.Integer(2, bounds=(1, 50), doc="How many.")


def test_what_can_draw_a_body_offers_it_and_nothing_else_does():
    told = []
    form = ParameterForm(told.append)
    form.show(Solid, {})
    label, widget = form._first[0]
    assert "Drawn in" in label.html and list(widget.options) == ["2-D", "3-D"] and widget.value == 2
    widget.value = 3
    assert told == [{"components": 3}]
    form.show(Solid, {"components": 7})  # as a script may have asked
    assert list(form._first[0][1].options) == ["2-D", "3-D", "7-D"] and form._first[0][1].value == 7
    form.show(Everything, {})
    assert not any("Drawn in" in row[0].html for row in [*form._first, *form._rest])
