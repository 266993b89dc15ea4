"""What stands behind a tab: nothing is drawn, asked or computed for it while another tab is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Hideable:
    """A part of the page that another may lie over.

    What it does for the eye alone begins with ``if self.put_off(...)``, and so is done when somebody sees it.
    """

    _hidden = False

    @property
    def hidden(self) -> bool:
        """Whether nobody sees it, so that nothing need be drawn or computed."""
        return self._hidden

    @hidden.setter
    def hidden(self, value: bool) -> None:
        came, self._hidden = self._hidden and not value, value
        if came:
            self._came()

    def put_off(self, work: Callable[[], Any]) -> bool:
        """Whether nobody sees this; `work` is then done once when somebody does, however often it was put off."""
        if self._hidden:
            self._later[work] = None
        return self._hidden

    def _came(self) -> None:
        """Do what was put off, in the order of its first time."""
        works = list(self._later)
        self._later.clear()
        for work in works:
            work()

    @property
    def _later(self) -> dict[Callable[[], Any], None]:
        return self.__dict__.setdefault("_put_off", {})
