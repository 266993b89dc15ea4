"""Widgets that the server changes in quick succession do not undo it by writing an overtaken value back."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui
import pytest
from markupsafe import Markup

from nnlens.testing import wait_until
from nnlens.ui.look.live import Live

pytestmark = pytest.mark.browser

OPTIONS = {"first": "x:first", "second": "x:second", "third": "x:third"}
PERIOD = 5
"""Milliseconds between two changes: the browser, made slow, draws now one, now several at once."""
CHANGES = 200


class Changing:
    """A page with widgets, whose values the server changes when it is told to."""

    def __init__(self):
        self.own, self.chosen = False, []

    def page(self):
        self.widgets = [
            pmui.RadioButtonGroup(options=OPTIONS, value="x:first"),
            pmui.Select(options=OPTIONS, value="x:first"),
        ]
        for widget in self.widgets:
            widget.param.watch(lambda event: self.own or self.chosen.append(event.new), "value")
        go = Live(Markup('<button data-act="go">Go</button>'), actions={"go": lambda *_: self.begin()})
        self.end = Live(Markup(""))
        return pn.Column(*self.widgets, go, self.end)

    def begin(self):
        self.steps = iter(range(CHANGES))
        self.changing = pn.state.add_periodic_callback(self.change, PERIOD)

    def change(self):
        step = next(self.steps, None)
        if step is None:
            self.changing.stop()
            self.end.show(Markup("all changed"))
            return
        self.own = True
        for widget in self.widgets:
            widget.value = list(OPTIONS.values())[step % 3]
        self.own = False


def test_only_a_person_changes_a_widget(serve, open_page):
    changing = Changing()
    page = open_page(serve(changing.page))
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})
    page.get_by_role("button", name="Go").click()
    page.get_by_text("all changed").wait_for(timeout=240_000)
    # one more round trip: what the browser had to say is heard before this click
    page.get_by_role("button", name="third").click()
    wait_until(lambda: changing.chosen)
    assert changing.chosen == ["x:third"]
    assert [widget.value for widget in changing.widgets] == [
        "x:third",
        list(OPTIONS.values())[(CHANGES - 1) % 3],
    ]
