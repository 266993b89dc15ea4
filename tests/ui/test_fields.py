"""Controls are made from parameters: every kind has one, and what it writes is what the parameter takes."""

from __future__ import annotations

import math
import re

import param
import pytest

from nnlens import Analysis
from nnlens.ui.look.fields import Choice, choosing, distinct
from nnlens.ui.look.forms import ParameterForm, Setting, parameters_of


class Everything(Analysis):
    """Have one parameter of each kind."""

    whole = param.Integer(3, bounds=(1, 9), doc="A count.")
    number = param.Number(0.5, bounds=(0, None), doc="A number.")
    maybe = param.Number(None, allow_None=True, doc="A number, or none.")
    few = param.Selector(default="a", objects=["a", "b"], doc="One of few.")
    many = param.Selector(default="a", objects=list("abcdefgh"), doc="One of many.")
    switch = param.Boolean(False, doc="Yes or no.")
    words = param.String("x", doc="A text.")
    other = param.List([1], doc="What no control edits.")
    fixed = param.Integer(1, constant=True, doc="Not for people.")
    secret = param.Integer(1, precedence=-1, doc="Not for people.")
    open = param.Number(1, bounds=(0, 1), inclusive_bounds=(False, True), precedence=-1, doc="Not zero.")
    hostile = param.Integer(1, label="<img src=x onerror=alert(1)>", doc='"><script>alert(1)</script>')


KINDS = {  # what marks its control, what a browser sends, what it means
    "whole": ('type="number"', "7", 7),
    "number": ('step="any"', "2.5", 2.5),
    "maybe": ('type="number"', "1", 1.0),
    "few": ('aria-pressed="true"', "1", "b"),
    "many": ("<select", "7", "h"),
    "switch": ('aria-pressed="true"', "1", True),
    "words": ('type="text"', "y", "y"),
    "other": ('<span class="cut sec"', None, None),
}


def test_what_people_set_is_listed_in_order():
    names = [parameter.name for parameter in parameters_of(Everything)]
    assert names == [*KINDS, "hostile"]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_its_control(name):
    mark, sent, meant = KINDS[name]
    parameter = Everything.param[name]
    setting = Setting(parameter)
    html = setting.row(parameter.default)
    assert mark in html and parameter.doc in html
    if sent is not None:
        assert setting.read(sent, parameter.default) == meant
        Everything(**{name: meant})


def test_a_label_is_text():
    html = Setting(Everything.param["hostile"]).row(1)
    assert "<img" not in html and "<script" not in html and "&lt;img" in html


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("whole", "", 3),
        ("whole", "200", 9),
        ("whole", "-4", 1),
        ("whole", "2.5", 5),
        ("whole", "1e999", 5),
        ("whole", "nan", 5),
        ("whole", "<b>", 5),
        ("whole", "?", 5),
        ("open", "0", 5),
        ("open", "-1", 5),
        ("open", "2", 1),
        ("number", "-1", 0),
        ("maybe", " ", None),
        ("maybe", "inf", 5),
        ("many", "99", 5),
        ("many", "-1", 5),
        ("many", "²", 5),
        ("switch", "true", 5),
    ],
)
def test_what_is_out_of_bounds_or_nonsense_is_brought_back(name, sent, kept):
    assert Setting(Everything.param[name]).read(sent, 5) == kept


def test_options_of_one_name_are_told_apart():
    options = distinct([("relu", 1), ("relu", 2), ("relu\u202e", 3), ("", 4)])
    assert list(options) == ["relu", "relu (2)", "relu (3)", "(no name)"] and list(options.values()) == [
        1,
        2,
        3,
        4,
    ]
    assert Choice("x", [("only", 1)], 7, lambda _: None).value == 1


def test_a_choice_tells_what_a_person_picks_and_nothing_else():
    told = []
    menu = Choice("Layer", [(f"layer {i}", i) for i in range(5)], 2, told.append)
    menu.value = 3
    assert not told and '<option value="3" selected' in menu.html
    for sent in (
        {"act": "set", "value": "1"},
        {"act": "set", "value": "9"},
        {"act": "set", "value": "x"},
        None,
    ):
        menu._handle_msg(sent)
    assert told == [1] and menu.value == 1
    menu.options = [("other", 7), ("layer 1", 1)]
    assert menu.value == 1 and told == [1]


def test_what_no_option_stands_for_is_shown_as_it_is():
    """Else a browser shows the first option, which then cannot be chosen."""
    menu = Choice("Layer", [(f"layer {i}", i) for i in range(5)], 2, lambda _: None)
    menu.value = "gone <b>"
    assert '<option value="" selected disabled hidden>gone &lt;b&gt;</option>' in menu.html
    assert menu.html.count("selected") == 1
    menu.value = 2
    assert "disabled" not in menu.html and '<option value="2" selected' in menu.html


def test_where_nothing_is_chosen_no_option_is_shown_as_if_it_were():
    """A browser shows the first option of a menu where none is selected, and says nothing when that is picked."""
    options = {name: name for name in ("one", "two", "three", "four")}
    menu = choosing("pick", "which", options, None, few=False)
    selected = re.findall(r"<option[^>]* selected[^>]*>([^<]*)<", menu)
    assert selected == ["–"]
    assert re.findall(
        r"<option[^>]* selected[^>]*>([^<]*)<", choosing("pick", "which", options, "two", few=False)
    ) == ["two"]


def test_a_choice_that_is_not_taken_is_drawn_anew():
    """The browser shows what was picked; markup that stays the same would leave it there."""
    menu = Choice(
        "Samples", [("all", 1), ("the selection of now", 2)], 1, lambda _: setattr(menu, "value", 1)
    )
    before = menu.html
    menu._handle_msg({"act": "set", "value": "1"})
    assert menu.value == 1 and menu.html != before
    assert menu.html.replace('data-times="1"', 'data-times="0"') == before


def test_a_form_tells_what_differs_from_the_defaults():
    seen = []
    form = ParameterForm(seen.append)
    form.show(Everything, {"number": 2.0})
    assert form.view.html.count('class="field"') == form.FIRST and 'value="2.0"' in form.view.html
    form.view._handle_msg({"act": "set whole", "value": "4"})
    form.view._handle_msg({"act": "set few", "value": "1"})
    assert seen == [{"whole": 4, "number": 2.0}, {"whole": 4, "number": 2.0, "few": "b"}]
    form.view._handle_msg({"act": "set whole", "value": "3"})
    assert seen[-1] == {"number": 2.0, "few": "b"}
    form.view._handle_msg({"act": "set whole", "value": "3"})
    form.view._handle_msg({"act": "set secret", "value": "3"})
    form.view._handle_msg({"act": "set"})
    assert len(seen) == 3
    form.more._handle_msg({"act": "more"})
    assert form.view.html.count('class="field"') == len(KINDS) + 1 and "fewer" in form.more.html


class Solid(Analysis):
    """Draw in two or in three dimensions."""

    axes = "components"
    speed = param.Number(1, doc="How fast.")
    components = param.Integer(2, bounds=(1, 50), doc="How many.")


def test_what_can_draw_a_body_offers_it_and_nothing_else_does():
    told = []
    form = ParameterForm(told.append)
    form.show(Solid, {})
    assert form.view.html.index("Drawn in") < form.view.html.index("Speed")
    assert ">2-D<" in form.view.html and ">3-D<" in form.view.html and ">7-D<" not in form.view.html
    form.set("components", "1")
    assert told == [{"components": 3}]
    form.show(Solid, {"components": 7})  # as a script may have asked
    assert ">7-D<" in form.view.html
    form.set("components", "0")
    assert told[-1] == {}
    for nonsense in ("x", None, [2], True):  # as an address may say
        form.show(Solid, {"components": nonsense})
        assert ">3-D<" in form.view.html
    form.show(Everything, {})
    assert "Drawn in" not in form.view.html


def test_numbers_of_a_form_are_finite():
    assert all(
        math.isfinite(Setting(Everything.param["number"]).read(text, 5)) for text in ("1e400", "-inf", "3")
    )
