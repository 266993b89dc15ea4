"""Our own components are written by the server alone."""

from __future__ import annotations

import subprocess
import sys

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


LATE = """
from importlib.metadata import entry_points
from pkgutil import walk_packages
from importlib import import_module
from nnlens.ui.look.component import kinds
import nnlens.ui.serving.opening
before = kinds()
import nnlens.ui
for module in walk_packages(nnlens.ui.__path__, "nnlens.ui."):
    import_module(module.name)
for group in ("nnlens.analyses", "nnlens.views"):
    for point in entry_points(group=group):
        if point.value.startswith("nnlens_"):
            point.load()
print(len(before), *(f"{kind.__module__}.{kind.__name__}" for kind in kinds() - before))
"""


def test_a_page_that_stands_while_samples_are_captured_knows_all_components_of_the_explorer():
    """In a process of its own, for what other tests imported counts. A missing kind would leave the page as it is."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)
    number, *late = done.stdout.split()
    assert int(number) > 50
    assert late == []
