"""Controls: a label at the left, a widget at the right, both 28 px high; the widgets are made from parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.models.reactive_html import DOMEvent
from panel.util import edit_readonly

from nnlens.analysis import Analysis
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import WIDE
from nnlens.ui.look.text import fill, plain, quoted
from nnlens.ui.look.theme import static

LABEL_WIDTH = 72
FEW = 3
"""Up to this many short options stand side by side; more are a menu."""
SHORT = 22
"""Letters that options side by side may have together."""

# The group overwrites the exact key "& .MuiToggleButton-root.Mui-selected": any other spelling gets through
SEGMENTS: dict[str, Any] = {
    "& .MuiToggleButtonGroup-root, &.MuiToggleButtonGroup-root": {
        "background": "var(--nn-fill)",
        "padding": "2px",
        "borderRadius": "6px",
        "width": "100%",
    },
    "& .MuiToggleButton-root": {
        "flex": 1,
        "minWidth": 0,
        "height": "24px",
        "border": "0 !important",
        "borderRadius": "4px !important",
        "padding": "0 4px",
        "color": "var(--nn-ink2)",
        "whiteSpace": "nowrap",
    },
    "& button.MuiToggleButton-root.Mui-selected": {
        "fontWeight": 700,
        "color": "var(--nn-ink) !important",
        "backgroundColor": "var(--nn-surface) !important",
        "boxShadow": "0 0 0 1px var(--nn-edge)",
    },
}
SLIM: dict[str, Any] = {
    "sizing_mode": "stretch_width",
    "margin": 0,
    "size": "small",
    "stylesheets": [static("field.css")],
}

Option = tuple[str, Any]


def labelled(label: str, widget: Any, doc: str = "") -> pn.Row:
    """Return a row of the controls: the label, whose tooltip is the parameter's doc, and the widget."""
    words = fill(
        '<div class="cut sec label" title="{doc}">{label}</div>',
        doc=quoted(doc or label),
        label=plain(label, 24),
    )
    text = Live(words, css="controls.css", width=LABEL_WIDTH, sizing_mode="fixed", height=28)
    return pn.Row(text, widget, sizing_mode="stretch_width", margin=(2, 16), height=28, styles={"gap": "8px"})


def choice(label: str, options: Sequence[Option], value: Any, chosen: Callable[[Any], Any]) -> Any:
    """Return a switch of few short options, or a menu of many; equal names are told apart."""
    named = distinct(options)
    known = value if any(value == option for option in named.values()) else next(iter(named.values()), None)
    if 1 < len(named) <= FEW and sum(map(len, named)) <= SHORT:
        widget = pmui.RadioButtonGroup(
            label=label, options=named, value=known, color="default", sx=SEGMENTS, **SLIM
        )
    else:
        widget = pmui.Select(label=label, options=named, value=known, **SLIM)
    widget.param.watch(lambda event: chosen(event.new), "value")
    return widget


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


def parameters_of(analysis: type[Analysis]) -> list[param.Parameter]:
    """List the parameters of an analysis that a person sets, in the order of their declaration."""
    found = [analysis.param[name] for name in analysis.param if name != "name"]
    shown = [p for p in found if not p.constant and (p.precedence is None or p.precedence >= 0)]
    return sorted(shown, key=lambda p: p.precedence or 0)


def field(parameter: param.Parameter, value: Any, chosen: Callable[[Any], Any]) -> pn.Row:
    """Return the control of one parameter.

    Parameters
    ----------
    parameter : Parameter
        Tells the kind of widget, the bounds, the label and the tooltip.
    value : object
        What it shows.
    chosen : callable
        Gets each new value.
    """
    label = parameter.label or parameter.name.replace("_", " ").capitalize()
    return labelled(label, _widget(parameter, label, value, chosen), parameter.doc or "")


def axes_field(parameter: param.Parameter, value: int, chosen: Callable[[Any], Any]) -> pn.Row:
    """Return the switch between a map on a plane and one that can be turned; other numbers come from scripts."""
    options = [(f"{number}-D", number) for number in sorted({2, 3, value})]
    return labelled("Drawn in", choice("Drawn in", options, value, chosen), parameter.doc or "")


def _widget(parameter: param.Parameter, label: str, value: Any, chosen: Callable[[Any], Any]) -> Any:
    if isinstance(parameter, param.Selector):
        options = [(str(text), option) for text, option in parameter.get_range().items()]
        return choice(label, options, value, chosen)
    if isinstance(parameter, param.Boolean):
        widget = pmui.Switch(label="", value=bool(value), size="small", margin=0)
        widget.param.watch(lambda event: chosen(event.new), "value")
        return widget
    if isinstance(parameter, param.Number):
        return _number(parameter, label, value, chosen)
    return _text(label, value, chosen)


def _number(parameter: param.Number, label: str, value: Any, chosen: Callable[[Any], Any]) -> Any:
    low, high = parameter.bounds or (None, None)
    whole = isinstance(parameter, param.Integer)
    kind = pmui.IntInput if whole else pmui.FloatInput
    step = parameter.step or (1 if whole else 0.1)
    widget = kind(label=label, value=value, start=low, end=high, step=step, **SLIM)

    def taken(event: param.parameterized.Event) -> None:
        if event.new is None and not parameter.allow_None:
            widget.value = parameter.default
            return
        chosen(event.new)

    widget.param.watch(taken, "value")
    return widget


def _text(label: str, value: Any, chosen: Callable[[Any], Any]) -> Any:
    editable = value is None or isinstance(value, str)
    widget = pmui.TextInput(label=label, value=str(value or ""), disabled=not editable, **SLIM)
    if editable:
        widget.param.watch(lambda event: chosen(event.new or None), "value")
    return widget


class ParameterForm:
    """The controls of an analysis; those past the first few fold away.

    Parameters
    ----------
    changed : callable
        Gets all values that differ from their defaults, after each change.
    """

    FIRST = 2

    def __init__(self, changed: Callable[[dict[str, Any]], Any]) -> None:
        self._changed = changed
        self._values: dict[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._shown: tuple[type[Analysis] | None, dict[str, Any]] = (None, {})
        self._open = False
        self.more = Live(
            actions={"more": self._toggle}, css="controls.css", sizing_mode="stretch_width", height=34
        )
        self._rest = pn.Column(**WIDE, visible=False)
        self._first = pn.Column(**WIDE)
        self.view = pn.Column(self._first, self._rest, **WIDE)

    def show(self, analysis: type[Analysis], values: Mapping[str, Any]) -> None:
        """Show the parameters of an analysis with these values, the defaults for the others."""
        if self._shown == (analysis, dict(values)):
            return
        self._shown = (analysis, dict(values))
        found = sorted(parameters_of(analysis), key=lambda p: p.name != analysis.axes)
        self._defaults = {p.name: p.default for p in found}
        self._values = {p.name: values.get(p.name, p.default) for p in found}
        rows = [self._row(p, p.name == analysis.axes) for p in found]
        first = self.FIRST + bool(analysis.axes)
        self._first.objects, self._rest.objects = rows[:first], rows[first:]
        self._paint()

    def _row(self, parameter: param.Parameter, axes: bool) -> pn.Row:
        name = parameter.name
        return (axes_field if axes else field)(parameter, self._values[name], self._setter(name))

    def _setter(self, name: str) -> Callable[[Any], None]:
        def chosen(value: Any) -> None:
            self._values[name] = value
            differing = {k: v for k, v in self._values.items() if v != self._defaults[k]}
            self._shown = (self._shown[0], differing)
            self._changed(differing)

        return chosen

    def _toggle(self, *_: Any) -> None:
        self._open = not self._open
        self._paint()

    def _paint(self) -> None:
        hidden = len(self._rest.objects)
        self._rest.visible = self._open
        link = fill(
            '<button class="link more" type="button" data-act="more" data-key="more" '
            'aria-expanded="{state}">{words}</button>',
            state="true" if self._open else "false",
            words="fewer" if self._open else f"{hidden} more",
        )
        self.more.show(link if hidden else fill(""))
