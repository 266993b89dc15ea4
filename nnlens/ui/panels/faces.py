"""How a result is shown when nothing knows its analysis: by a view that matches, else by its dimensions alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import panel as pn
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.registry import Registry
from nnlens.schema import Dims
from nnlens.ui.core.aside import aside
from nnlens.ui.core.session import Session
from nnlens.ui.look.fields import distinct
from nnlens.ui.look.grid import Grid
from nnlens.ui.look.live import Live
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.parts import FILL, class_mark, empty
from nnlens.ui.look.text import decimal, fill, joined, name, plain
from nnlens.ui.look.tiles import tiles
from nnlens.view import Page, View

VIEWS = "nnlens.views"
STRIP = 12
"""Samples of a rank that are shown."""
CELLS = 40
"""Classes on a side of a matrix, at most."""
ROWS = 100_000
"""Rows of a table, at most: nobody turns 2,000 pages, and a table of a million takes seconds to make."""
CLASS_DIMS = frozenset({"class_", "label_"})

Drawn = Markup | None


def view_for(registry: Registry, result: xr.Dataset) -> type[View] | None:
    """Return the view that fits a result best: variables by name with dims, then by dims alone; priority decides.

    Parameters
    ----------
    registry : Registry
    result : Dataset
    """
    classes = []
    for info in registry.list_plugins(VIEWS, load=True):
        try:
            found = registry.load(info.id, VIEWS) if info.error is None else None
        except NNLensError:
            found = None
        if found is not None and not issubclass(found, Page) and found.shows:
            classes.append((-found.priority, info.id, found))
    ordered = [cls for *_, cls in sorted(classes, key=lambda entry: entry[:2])]
    dims = {str(key): tuple(map(str, array.dims)) for key, array in result.data_vars.items()}
    by_name = [cls for cls in ordered if _named(cls.shows, dims)]
    by_dims = [cls for cls in ordered if {tuple(d) for d in cls.shows.values()} <= set(dims.values())]
    return next(iter(by_name or by_dims), None)


def _named(shows: Mapping[str, Dims], dims: Mapping[str, Dims]) -> bool:
    return all(dims.get(key) == tuple(wanted) for key, wanted in shows.items())


class Face:
    """Shows a result.

    Parameters
    ----------
    session : Session
    registry : Registry
        Where views are found.
    result : Dataset
    """

    def __init__(self, session: Session, registry: Registry, result: xr.Dataset) -> None:
        self.session, self.result = session, result
        self.view = pn.Column(**FILL, styles={"overflow": "auto", "height": "100%"})
        self._unregister: Callable[[], None] = lambda: None
        cls = view_for(registry, result)
        self._own = cls() if cls is not None else None
        if self._own is None:
            self._unregister = session.hub.register("face", lambda _: self._paint(), "focus")
        session.param.watch(session.guard(lambda _: self._paint()), "theme")
        self._paint()

    def close(self) -> None:
        """Follow the focus no longer."""
        self._unregister()

    def _paint(self) -> None:
        if self._own is not None:
            own, tokens = self._own, dict(TOKENS[self.session.theme])
            aside(self.session, lambda: own.element(self.result, tokens), self._put)
            return
        actions = {"focus": lambda sample, _: setattr(self.session.state, "focus", int(sample))}
        blocks = [(str(key), array, self._draw(array)) for key, array in self.result.data_vars.items()]
        shown = joined(_block(key, array, drawn) for key, array, drawn in blocks if drawn is not None)
        rest = [key for key, _, drawn in blocks if drawn is None]
        parts: list[Any] = (
            [Live(shown, actions, self.session.guard, css=["faces.css", "tiles.css"])] if shown else []
        )
        self.view[:] = [*parts, *map(table, self._alike(rest))]

    def _put(self, element: Any) -> None:
        self.view[:] = [pn.panel(element, sizing_mode="stretch_both", margin=8)]

    def _draw(self, array: xr.DataArray) -> Drawn:
        """Draw one variable by its dims; None where only a table can."""
        dims = tuple(map(str, array.dims))
        if dims == ():
            return fill('<div class="big">{value}</div>', value=_value(array.values))
        if dims == ("sample",):
            return self._column(array)
        if len(dims) == 1 and dims[0] in CLASS_DIMS:
            return self._bars(array.values)
        if len(dims) == 2 and set(dims) <= CLASS_DIMS | {"prediction_"}:
            return self._matrix(array.values)
        if dims == ("sample", "rank"):
            # whole numbers are ids of samples, others say something of each
            return self._of_focus(array, self._strip if array.dtype.kind in "iu" else self._numbers)
        if dims == ("sample", "class_"):
            return self._of_focus(array, self._bars)
        return None

    def _alike(self, names: list[str]) -> list[xr.Dataset]:
        """Put variables of the same dims together; of values beside a sample only those of the sample in focus.

        A table of different dims has a row for each of their combinations: 60,000 samples × 64 channels × 7 × 7 places.
        """
        groups: dict[tuple[str, ...], list[str]] = {}
        for each in names:
            groups.setdefault(tuple(map(str, self.result[each].dims)), []).append(each)
        focus = self.session.state.focus
        parts = []
        for dims, members in groups.items():
            part = self.result[members]
            if "sample" in dims[:-1]:
                part = part.isel(sample=np.flatnonzero(part["sample"].values == focus)[:1])
            parts.append(part)
        return parts

    def _column(self, array: xr.DataArray) -> Markup:
        """Say what one value a sample is good for: it colors the maps, it can be filtered and sorted by."""
        values = np.asarray(array.values)
        words = "colors the maps (Color by), filters and sorts"
        if values.dtype.kind not in "fiub":
            return fill('<div class="sec">{n} values</div>', n=f"{len(values):,}")
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        low, high = (
            (decimal(float(end)) for end in (finite.min(), finite.max())) if len(finite) else ("–", "–")
        )
        return fill(
            '<div class="sec">{n} values from {low} to {high}: {words}</div>',
            n=f"{len(values):,}",
            low=low,
            high=high,
            words=words,
        )

    def _bars(self, values: np.ndarray[Any, Any]) -> Markup:
        numbers = np.asarray(values, float)
        top = float(np.nanmax(np.abs(numbers))) if np.isfinite(numbers).any() else 1.0
        return joined(
            fill(
                '<div class="fbar"><span class="cut">{mark}</span><span class="track"><i '
                'style="width:{w}%"></i></span>'
                '<span class="num">{v}</span></div>',
                mark=class_mark(self.session, code),
                w=f"{100 * abs(value) / (top or 1):.1f}" if np.isfinite(value) else "0",
                v=_value(values[code]),
            )
            for code, value in enumerate(numbers[: 4 * CELLS])
        )

    def _numbers(self, values: np.ndarray[Any, Any]) -> Markup:
        shown = joined(fill("<span>{v}</span>", v=_value(value)) for value in values[:STRIP])
        return fill('<div class="ranked num">{shown}</div>', shown=shown)

    def _matrix(self, values: np.ndarray[Any, Any]) -> Markup:
        numbers = np.asarray(values, float)[:CELLS, :CELLS]
        top = float(np.nanmax(np.abs(numbers))) if np.isfinite(numbers).any() else 1.0
        named = [plain(self.session.data.class_name(c), 12) for c in range(max(numbers.shape))]
        head = joined(fill("<th>{c}</th>", c=named[c]) for c in range(numbers.shape[1]))
        rows = joined(
            fill(
                "<tr><th>{label}</th>{cells}</tr>",
                label=named[r],
                cells=joined(
                    fill('<td style="--a:{a}%">{v}</td>', a=f"{60 * abs(v) / (top or 1):.0f}", v=_value(v))
                    for v in row
                ),
            )
            for r, row in enumerate(numbers)
        )
        return fill('<table class="cells"><tr><th></th>{head}</tr>{rows}</table>', head=head, rows=rows)

    def _of_focus(self, array: xr.DataArray, draw: Callable[[np.ndarray[Any, Any]], Markup]) -> Markup:
        """Draw the row of the sample in focus."""
        focus = self.session.state.focus
        ids = array["sample"].values.tolist()
        if focus not in ids:
            return fill('<div class="sec">Click a sample to see its own.</div>')
        return draw(array.values[ids.index(focus)])

    def _strip(self, values: np.ndarray[Any, Any]) -> Markup:
        ids = [int(value) for value in values[:STRIP]]
        known = [sample for sample in ids if self.session.data.position(sample) is not None]
        return fill('<div class="tiles" data-walk>{tiles}</div>', tiles=tiles(self.session, known))


def _block(key: str, array: xr.DataArray, drawn: Markup) -> Markup:
    title = plain(array.attrs.get("long_name", key.replace("_", " ")))
    return fill(
        '<div class="block"><div class="h3"><span>{title}</span><span '
        'class="cap">{dims}</span></div>{drawn}</div>',
        title=title,
        dims=name(" × ".join(map(str, array.dims))) if array.dims else "",
        drawn=drawn,
    )


def _value(value: Any) -> str:
    number = np.asarray(value).item()
    if isinstance(number, float):
        return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e9 else decimal(number)
    return f"{number:,}" if isinstance(number, int) else plain(number, 80)


def first_rows(result: xr.Dataset) -> xr.Dataset:
    """Cut the first dimension so that the table has no more than `ROWS` rows, or one entry of that dimension."""
    dims = list(next(iter(result.data_vars.values())).dims)
    if not dims or math.prod(result.sizes.values()) <= ROWS:
        return result
    others = math.prod(length for dim, length in result.sizes.items() if dim != dims[0])
    return result.isel({dims[0]: slice(0, max(1, ROWS // others))})


def table(result: xr.Dataset) -> Any:
    """Return any result as a table, its dimensions as columns."""
    if "sample" in result.dims and not result.sizes["sample"]:
        return Live(
            fill('<div class="sec">Click a sample to see its own.</div>'), css=["faces.css", "tiles.css"]
        )
    frame = first_rows(result).to_dataframe().reset_index()
    frame.columns = list(distinct([(plain(column, 32), column) for column in frame.columns]))
    if not len(frame):
        return Live(empty("No rows", "The result is empty."), css="bottom.css")
    return Grid(frame, page_size=50, layout="fit_data_stretch", margin=8)
