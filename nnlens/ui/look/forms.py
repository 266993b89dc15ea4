"""Controls made from the parameters of an analysis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import param
from markupsafe import Markup

from nnlens.analysis import Analysis
from nnlens.lens.casting import cast
from nnlens.ui.look.fields import CSS, ROOM, choosing, chosen_of, distinct, labelled
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import line
from nnlens.ui.look.text import fill, joined, plain


def parameters_of(analysis: type[Analysis]) -> list[param.Parameter]:
    """List the parameters of an analysis that a person sets, in the order of their declaration."""
    found = [analysis.param[name] for name in analysis.param if name != "name"]
    shown = [p for p in found if not p.constant and (p.precedence is None or p.precedence >= 0)]
    return sorted(shown, key=lambda p: p.precedence or 0)


class Setting:
    """The control of one parameter: its markup, and what a person's entry means.

    Parameters
    ----------
    parameter : Parameter
        Tells the kind of control, the bounds, the label and the tooltip.
    axes : bool
        Whether it says in how many dimensions a map is drawn: two and three are offered, others come from scripts.
    name : str
        What it is called where it is set; the parameter's own name when left out.
    """

    def __init__(self, parameter: param.Parameter, axes: bool = False, name: str = "") -> None:
        self.parameter, self.axes = parameter, axes
        self.name = name or str(parameter.name)
        self.label = "Drawn in" if axes else parameter.label or self.name.replace("_", " ").capitalize()

    def row(self, value: Any, times: int = 0) -> Markup:
        """Draw it with a value; `times` as of `labelled`."""
        return labelled(self.label, self._control(f"set {self.name}", value), self.parameter.doc or "", times)

    def read(self, text: str, value: Any) -> Any:
        """Return what an entry, as a browser sent it, means; where it means nothing, `value`, that of before."""
        parameter = self.parameter
        try:
            options = self._options(value)
            if options:
                return chosen_of(options, text)
            if not text.strip() and (parameter.allow_None or isinstance(parameter, param.Number)):
                return None if parameter.allow_None else parameter.default
            read = cast(parameter, text) if isinstance(parameter, param.Number) else text
            return _within(parameter, read)
        except (ValueError, TypeError, KeyError, LookupError, OverflowError):
            return value

    def _options(self, value: Any) -> dict[str, Any]:
        """List what there is to choose of; nothing where it is a line that is written."""
        parameter = self.parameter
        if self.axes:
            own = {value} if isinstance(value, int) and not isinstance(value, bool) else set[int]()
            return {f"{number}-D": number for number in sorted({2, 3} | own)}  # an address may hold anything
        if isinstance(parameter, param.Selector):
            return distinct([(str(text), option) for text, option in parameter.get_range().items()])
        return {"no": False, "yes": True} if isinstance(parameter, param.Boolean) else {}

    def _control(self, act: str, value: Any) -> Markup:
        parameter, options = self.parameter, self._options(value)
        if options:
            return choosing(act, self.label, options, value)
        if isinstance(parameter, param.Number):
            low, high = parameter.bounds or (None, None)
            step = parameter.step or (1 if isinstance(parameter, param.Integer) else "any")
            return line(act, self.label, value, kind="number", min=low, max=high, step=step)
        if value is None or isinstance(value, str):
            return line(act, self.label, value)
        return fill('<span class="cut sec" title="{v}">{v}</span>', v=plain(str(value), 60))


def _within(parameter: param.Parameter, value: Any) -> Any:
    """Bring a number to the nearest that its parameter takes, as the arrows of its field do.

    Raises
    ------
    ValueError
        If it is not finite, or if there is no nearest.
    """
    low, high = getattr(parameter, "bounds", None) or (None, None)
    closed_low, closed_high = getattr(parameter, "inclusive_bounds", (True, True))
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(value)
        if (not closed_low and low is not None and value <= low) or (
            not closed_high and high is not None and value >= high
        ):
            raise ValueError(value)
        value = low if low is not None and value < low else value
        value = high if high is not None and value > high else value
    return value


class ParameterForm:
    """The controls of parameters; those past the first few fold away.

    Parameters
    ----------
    changed : callable
        Gets all values that differ from their defaults, after each change.
    guard : callable
        Wraps what a person's entry does, so that its errors are told: `Session.guard`.

    Attributes
    ----------
    view : Live
        The controls.
    more : Live
        What folds the rest in and out.
    """

    FIRST = 2

    def __init__(
        self, changed: Callable[[dict[str, Any]], Any], guard: Callable[[Any], Any] = lambda action: action
    ) -> None:
        self._changed = changed
        self._values: dict[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._settings: list[Setting] = []
        self._shown: tuple[type[Analysis] | None, dict[str, Any]] = (None, {})
        self._open, self._first, self._times = False, self.FIRST, 0
        self.more = Live(
            actions={"more": self._toggle},
            guard=guard,
            css="controls.css",
            sizing_mode="stretch_width",
            height=34,
        )
        self.view = Settings(guard(self.set))

    def show(self, analysis: type[Analysis], values: Mapping[str, Any]) -> None:
        """Show the parameters of an analysis with these values, the defaults for the others."""
        if self._shown == (analysis, dict(values)):
            return
        self._shown = (analysis, dict(values))
        found = sorted(parameters_of(analysis), key=lambda p: p.name != analysis.axes)
        self._defaults = {p.name: p.default for p in found}
        self._values = {p.name: values.get(p.name, p.default) for p in found}
        self._settings = [Setting(p, p.name == analysis.axes) for p in found]
        self._first = self.FIRST + bool(analysis.axes)
        self._paint()

    def set(self, name: str, text: str) -> None:
        """Take what a person entered for a parameter."""
        setting = next((each for each in self._settings if each.name == name), None)
        if setting is None:
            return
        self._times += 1
        before = self._values[name]
        self._values[name] = setting.read(text, before)
        self._paint()
        if self._values[name] != before:
            differing = {k: v for k, v in self._values.items() if v != self._defaults[k]}
            self._shown = (self._shown[0], differing)
            self._changed(differing)

    def _toggle(self, *_: Any) -> None:
        self._open = not self._open
        self._paint()

    def _paint(self) -> None:
        shown = self._settings if self._open else self._settings[: self._first]
        hidden = max(len(self._settings) - self._first, 0)
        self.view.show(joined(each.row(self._values[each.name], self._times) for each in shown))
        link = fill(
            '<button class="link more" type="button" data-act="more" data-key="more" '
            'aria-expanded="{state}">{words}</button>',
            state="true" if self._open else "false",
            words="fewer" if self._open else f"{hidden} more",
        )
        self.more.show(link if hidden else fill(""))


class Settings(Live):
    """Rows of `Setting`, drawn by their owner.

    Parameters
    ----------
    taken : callable
        Gets the name of a setting and what a person entered.
    """

    def __init__(self, taken: Callable[[str, str], Any], **layout: Any) -> None:
        super().__init__(css=CSS, **{**ROOM, **layout})
        self._taken = taken

    def _handle_msg(self, data: Any) -> None:
        act = str(data.get("act")) if isinstance(data, dict) else ""
        if act.startswith("set "):
            self._taken(act.removeprefix("set "), str(data.get("value", ""))[:1000])
