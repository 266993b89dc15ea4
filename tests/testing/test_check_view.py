from __future__ import annotations

import param
import pytest

from nnlens import Page, View
from nnlens.testing import check_view
from nnlens.testing.view_data import _NAMES


class Sound(View):
    """List the projection."""

    shows = {"projection": ("sample", "component")}

    def element(self, result, theme):
        assert theme["surface"].startswith("#")
        return [result["projection"].dims, result.attrs["title"]]


def problems(cls) -> str:
    with pytest.raises(AssertionError) as caught:
        check_view(cls)
    return str(caught.value)


def test_a_sound_view_passes():
    check_view(Sound)


def test_a_page_is_only_looked_at():
    class Tab(Page):
        """Say hello."""

        def panel(self):
            raise RuntimeError("there is no session here")

    check_view(Tab)


def test_the_state_of_a_page_is_documented():
    class Tab(Page):
        """Say hello."""

        size = param.Integer(1)

        def panel(self):
            return "hello"

    assert "the parameter size has no doc=" in problems(Tab)


def test_what_is_wrong_is_found():
    class Poor(View):
        """Draw without a period"""

        def element(self, result, theme):
            return None

        def push(self, selection):
            return {}

    found = problems(Poor)
    assert "does not end with a period" in found
    assert "shows names no variables" in found
    assert "element in the dark theme returned nothing" in found


def test_one_that_raises_or_changes_the_result():
    class Rude(View):
        """Spoil the result."""

        shows = {"total": ("sample",)}

        def element(self, result, theme):
            result["total"][:] = 0
            raise ZeroDivisionError("oops")

    found = problems(Rude)
    assert "raised ZeroDivisionError: oops" in found
    assert "changed the result" in found


def test_a_slow_push_is_found():
    class Slow(Sound):
        """List the projection slowly."""

        def push(self, selection):
            return {"x": sorted(range(3_000_000), reverse=True)}

    assert "push took" in problems(Slow)


def test_the_theme_has_the_tokens_of_the_interface():
    palette = pytest.importorskip("nnlens.ui.look.palette", reason="the interface is an extra")
    assert set(_NAMES.split()) == set(palette.TOKENS["light"])
