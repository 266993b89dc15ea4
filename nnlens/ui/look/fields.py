"""Controls: a label at the left, and at the right a switch or a menu, 28 px high; a line of text.

Switches and menus are the browser's own, in markup: a widget of a library has its own root and its own copy of all
styles, and a dozen of them took a third of the time in which a page comes to stand. The server hears of a person's
choice only, and draws what it made of it: no widget writes back what the server has given it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel_material_ui as pmui
from markupsafe import Markup
from panel.models.reactive_html import DOMEvent
from panel.util import edit_readonly

from nnlens.ui.look.live import Action, Live
from nnlens.ui.look.menus import menu, switch
from nnlens.ui.look.text import fill, plain, quoted
from nnlens.ui.look.theme import static

FEW = 3
"""Up to this many short options stand side by side; more are a menu."""
SHORT = 22
"""Letters that options side by side may have together."""
CSS = ["menus.css", "controls.css"]
ROOM = {"margin": (0, 16)}

SLIM: dict[str, Any] = {
    "sizing_mode": "stretch_width",
    "margin": 0,
    "size": "small",
    "stylesheets": [static("field.css")],
}

Option = tuple[str, Any]


class Line(pmui.TextInput):
    """A line of text, taken as it stood when enter was pressed, that nobody but its owner writes into.

    `value` and `value_input` come by other ways, and where typing goes on they may be those of before or after.

    Parameters
    ----------
    taken : callable
        Gets the text.
    """

    def __init__(self, taken: Callable[[str], Any], **params: Any) -> None:
        super().__init__(**params)
        self._taken = taken

    def write(self, text: str) -> None:
        """Put a text into the line, in place of what is typed there."""
        with edit_readonly(self):
            self.param.update(value=text, value_input=text)

    def _handle_enter(self, event: DOMEvent) -> None:
        self._taken(str(event.data["target"]["value"]))

    def _sync_value_input(self) -> None:
        """Leave alone what is being typed: the text of the last enter would be written over it."""


def distinct(options: Sequence[Option]) -> dict[str, Any]:
    """Give every option a name of its own: a second "relu" becomes "relu (2)"."""
    named: dict[str, Any] = {}
    for text, value in options:
        short = plain(text)
        unique = next(t for t in (short, *(f"{short} ({i})" for i in range(2, 10_000))) if t not in named)
        named[unique] = value
    return named


def labelled(label: str, control: Markup, doc: str = "", times: int = 0) -> Markup:
    """Return a row of the controls: the label, whose tooltip is the doc, and the control.

    Parameters
    ----------
    label : str
    control : Markup
    doc : str
        The label itself when left out.
    times : int
        Counts what a person has set: markup that is new each time is drawn anew, so that a control that was set to
        what is not taken shows what holds.
    """
    return fill(
        '<div class="field" data-times="{times}"><span class="cut sec label" title="{doc}">{label}</span>{control}'
        "</div>",
        times=times,
        doc=quoted(doc or label),
        label=plain(label, 24),
        control=control,
    )


def choosing(act: str, label: str, options: Mapping[str, Any], value: Any, few: bool | None = None) -> Markup:
    """Return a switch of few short options, or a menu of many; what arrives is the place of the option.

    Parameters
    ----------
    act : str
        The action that it calls.
    label : str
        What screen readers say.
    options : mapping of str to object
        By what is shown.
    value : object
        The chosen one.
    few : bool, optional
        Whether they stand side by side; when left out, where they are few and short.
    """
    places = [(str(place), text) for place, text in enumerate(options)]
    chosen = next((str(place) for place, option in enumerate(options.values()) if option == value), "")
    words = "–" if value is None or value == "" else plain(str(value), 40)
    absent = "" if chosen or not options else words
    if few is None:
        few = 1 < len(options) <= FEW and sum(map(len, options)) <= SHORT
    if few:
        return switch(label, act, [(text, place) for place, text in places], chosen)
    return menu(act, label, places, chosen, absent=absent)


def chosen_of(options: Mapping[str, Any], place: str) -> Any:
    """Return the option at a place, as it came from a browser.

    Raises
    ------
    LookupError
        If there is none.
    """
    values = list(options.values())
    if not (place.isascii() and place.isdecimal() and len(place) < 9):
        raise LookupError(place)
    return values[int(place)]


class Choice(Live):
    """One of several options, with its label at the left.

    Parameters
    ----------
    label : str
    options : sequence of (str, object)
        What is shown, and what it stands for; equal names are told apart.
    value : object
        The chosen one; where there is no such option, the first.
    chosen : callable
        Gets what a person chooses.
    doc : str
        The label's tooltip.
    guard : callable
        Wraps what a person's choice does, so that its errors are told: `Session.guard`.
    bare : bool
        Whether only a screen reader hears the label.
    few : bool, optional
        Whether they stand side by side; when left out, where they are few and short.
    """

    def __init__(
        self,
        label: str,
        options: Sequence[Option],
        value: Any,
        chosen: Callable[[Any], Any],
        doc: str = "",
        *,
        guard: Callable[[Action], Any] = lambda action: action,
        bare: bool = False,
        few: bool | None = None,
        **layout: Any,
    ) -> None:
        shape = {"css": CSS, "height": 32, **ROOM, **layout}
        super().__init__(actions={"set": lambda place, _: self._set(place)}, guard=guard, **shape)
        self._label, self._doc, self._bare, self._few, self._chosen = label, doc, bare, few, chosen
        self._options, self._times = distinct(options), 0
        self._value = self._known(value, self._options)
        self._paint()

    @property
    def options(self) -> dict[str, Any]:
        """What can be chosen, by what is shown; set anew, the value stays where it still can be."""
        return self._options

    @options.setter
    def options(self, options: Sequence[Option]) -> None:
        named = distinct(options)
        if named != self._options:
            self._options, self._value = named, self._known(self._value, named)
            self._paint()

    @property
    def value(self) -> Any:
        """What is chosen; set here, nobody is told."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        if value != self._value:
            self._value = value
            self._paint()

    def pick(self, value: Any) -> None:
        """Choose an option as a person does."""
        self._times += 1
        self._value = value
        self._paint()
        self._chosen(value)

    def _known(self, value: Any, options: Mapping[str, Any]) -> Any:
        values = list(options.values())
        return value if value in values else next(iter(values), None)

    def _set(self, place: str) -> None:
        try:
            value = chosen_of(self._options, place)
        except LookupError:  # a browser may send anything
            return
        self.pick(value)

    def _paint(self) -> None:
        control = choosing("set", self._label, self._options, self._value, self._few)
        if self._bare:
            self.show(fill('<div class="field bare" data-times="{n}">{c}</div>', n=self._times, c=control))
        else:
            self.show(labelled(self._label, control, self._doc, self._times))
