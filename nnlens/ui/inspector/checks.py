"""Figures on how far a map can be trusted, beside it, when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.charts import Line, lines
from nnlens.ui.inspector.explanations import Explanations
from nnlens.ui.inspector.figures import Figure, trouble
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.look.forms import parameters_of
from nnlens.ui.look.parts import icon_button
from nnlens.ui.look.text import decimal, fill, joined, plain

KINDS = ("one", "two", "three", "four")
"""How lines of one chart are told apart."""


class Checks:
    """The checks of the map that is shown.

    Parameters
    ----------
    session : Session
    work : Work
    looking : Looking
    tools : list of Tool
        What judges a map.
    changed : callable
        Called when there is something else to show.
    """

    def __init__(
        self, session: Session, work: Work, looking: Looking, tools: list[Tool], changed: Callable[[], Any]
    ) -> None:
        self.session, self.looking, self.tools = session, looking, tools
        self._results = Explanations(session, work, changed)

    @property
    def actions(self) -> dict[str, Any]:
        """What presses do, by name."""
        return {
            "check": lambda value, _: self._choose(value),
            "compute check": lambda value, _: self._results.compute(value),
            "cancel check": lambda value, _: self._results.cancel(value),
        }

    def _choose(self, analysis: str) -> None:
        """Show a check, or none where it is shown."""
        known = any(tool.id == analysis for tool in self.tools)
        self.looking.check = analysis if known and analysis != self.looking.check else ""

    def ask(self) -> None:
        """Have the chosen check done for the map that is shown; not for a sample in passing."""
        tool = self._tool
        wanted: dict[str, tuple[str, Mapping[str, Any]]] = {}
        looking = self.looking
        if (
            tool is not None
            and looking.sample is not None
            and self.session.data.scored
            and not looking.passing
        ):
            wanted = {tool.id: (f"{tool.title} of sample {looking.sample}", self._request(tool))}
        self._results.ask(wanted)

    @property
    def _tool(self) -> Tool | None:
        return next((tool for tool in self.tools if tool.id == self.looking.check), None)

    def _request(self, tool: Tool) -> dict[str, Any]:
        """Ask for a check of the method as it is shown.

        A check that takes the method's name and settings as parameters gets both; another one is given the method to
        run first, which then has its default parameters.
        """
        looking = self.looking
        asked = looking.request(looking.first)
        request: dict[str, Any] = {
            name: asked[name] for name in ("sample", "target", "layer") if name in asked
        }
        values = looking.values.get(looking.first, {})
        if {"method", "settings"} <= {parameter.name for parameter in parameters_of(tool.cls)}:
            settings = ", ".join(f"{name}={value}" for name, value in values.items())
            return {**request, "method": looking.first, "settings": settings}
        return {**request, "using": [looking.first]}

    # ---------------------------------------------------------------------------------------------------- drawing
    def markup(self) -> Markup:
        """Offer the checks, and draw the chosen one."""
        if not self.tools:
            return Markup("")
        return fill(
            '<div class="checks cap"><span>Check:</span>{buttons}</div>{body}',
            buttons=joined(self._button(tool) for tool in self.tools),
            body=self._body(self._tool) if self._tool is not None else "",
        )

    def _button(self, tool: Tool) -> Markup:
        return fill(
            '<button type="button" class="link" data-act="check" data-value="{id}" data-key="check {id}" '
            'aria-pressed="{on}" title="{doc}">{title}</button>',
            id=tool.id,
            on="true" if tool.id == self.looking.check else "false",
            doc=tool.doc,
            title=tool.title,
        )

    def _body(self, tool: Tool) -> Markup:
        outcome = self._results.found.get(tool.id)
        head = fill(
            '<div class="h3"><span>{title}</span>{close}</div>',
            title=tool.title,
            close=icon_button("close", "hide the check", "check", tool.id),
        )
        if self.looking.passing:
            rest = fill('<div class="cap">Of the sample in focus only.</div>')
        elif isinstance(outcome, xr.Dataset):
            rest = figures(outcome)
        else:
            rest = trouble(Figure("check", tool.title, outcome=outcome, analysis=tool.id), " check") or fill(
                '<div class="bone line-bone" role="status" aria-label="computing"></div>'
            )
        return fill('<div class="check">{head}{rest}</div>', head=head, rest=rest)


def figures(result: xr.Dataset) -> Markup:
    """Draw what a check found of one sample: numbers as numbers, what goes on in steps as lines, and its own words."""
    one = result.isel(sample=0)
    numbers = {str(n): v for n, v in one.data_vars.items() if not v.dims and v.dtype.kind in "fiu"}
    curves = {str(n): v for n, v in one.data_vars.items() if len(v.dims) == 1 and v.dtype.kind in "fiu"}
    return fill(
        '{chart}<div class="numbers">{numbers}</div><div class="cap">{words}</div>',
        chart=_chart(curves) if curves else "",
        numbers=joined(
            fill(
                "<span><b>{value}</b> {name}</span>",
                value=decimal(float(value)),
                name=plain(value.attrs.get("short_name") or name.replace("_", " "), 32),
            )
            for name, value in numbers.items()
        ),
        words=plain(result.attrs.get("caption", ""), 400),
    )


def _chart(curves: Mapping[str, xr.DataArray]) -> Markup:
    shown = list(curves.items())[: len(KINDS)]
    legend = joined(
        fill('<span class="{kind}"><i></i>{name}</span>', kind=kind, name=plain(name.replace("_", " "), 24))
        for kind, (name, _) in zip(KINDS, shown, strict=False)
    )
    values = shown[0][1]
    drawn = [Line(np.asarray(v.values, float), kind) for kind, (_, v) in zip(KINDS, shown, strict=False)]
    ends = [plain(_end(values, place), 24) for place in (0, -1)]
    whole = np.concatenate([np.asarray(v.values, float) for _, v in shown])
    low, high = (decimal(float(end(whole))) for end in (np.nanmin, np.nanmax))
    return fill(
        '<div class="legend cap">{legend}</div>{lines}<div class="ends cap"><span>{first}</span>'
        "<span>{low} to {high}</span><span>{last}</span></div>",
        legend=legend,
        low=low,
        high=high,
        lines=lines(drawn, f"{', '.join(name for name, _ in shown)}, from {low} to {high}", "curves"),
        first=ends[0],
        last=ends[1],
    )


def _end(values: xr.DataArray, place: int) -> str:
    """Name the first or the last step of a line."""
    coordinate = values.coords.get(values.dims[0])
    step = values.sizes[values.dims[0]] - 1 if place else 0
    word = str(values.dims[0])
    if coordinate is None:
        return f"{word} {step}"
    end = coordinate.values[place]
    return f"{word} {end:.3g}" if coordinate.dtype.kind == "f" else f"{end}"
