"""Our own components are written by the server alone."""

from __future__ import annotations

import pytest
from bokeh.document import Document
from markupsafe import Markup
from panel.custom import JSComponent

from nnlens.ui.look.live import Faced, Live
from nnlens.ui.serving.opening import COMPONENTS


@pytest.mark.parametrize("kind", [Live, Faced])
def test_what_a_browser_writes_into_markup_is_left_out(kind):
    """As a forged patch would, and as Panel hears its own change that was held back."""
    shown = kind(Markup("<b>ours</b>"))
    model = shown.get_root(Document())
    model.data.html = "<b>theirs</b>"
    assert shown.html == "<b>ours</b>"
    shown.show(Markup("<b>new</b>"))
    assert model.data.html == "<b>new</b>"


def test_no_component_of_ours_takes_its_properties_from_the_browser():
    ours = [kind for kind in COMPONENTS if issubclass(kind, JSComponent)]
    assert len(ours) > 5
    for kind in ours:
        instance = kind.__new__(kind)
        assert kind._linked_properties.fget(instance) == (), kind.__name__
