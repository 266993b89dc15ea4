"""Pinned samples side by side: a column each, a row for each thing that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED
from nnlens.ui.core.record import Record, facts, read
from nnlens.ui.core.session import Session
from nnlens.ui.look.parts import class_mark, class_name, icon, picture, pin_button, prediction_mark
from nnlens.ui.look.text import count, decimal, exact, fill, joined, name, plain, share

BARS = 5
"""Classes of each sample, the most probable first."""


def compared(session: Session, samples: Sequence[int]) -> Markup:
    """Return a table with a column a sample; rows in which all agree recede.

    Parameters
    ----------
    session : Session
    samples : sequence of int
        Ids.
    """
    found = [record for record in (read(session, sample) for sample in samples) if record is not None]
    rows = [(title, [cell(record) for record in found]) for title, cell in _rows(session, found)]
    return fill(
        '<table class="compare"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>',
        heads=joined(_head(session, record) for record in found),
        rows=joined(_row(title, cells) for title, cells in rows),
    )


def _head(session: Session, found: Record) -> Markup:
    return fill(
        '<th scope="col" class="{on}"><span class="line"><button type="button" class="what" data-act="focus" '
        'data-value="{id}" data-key="card{id}">{image}<b>{words}</b></button>{pin}</span></th>',
        on="on" if found.sample == session.state.focus else "",
        id=found.sample,
        words=count(found.sample),
        image=picture(session, found.sample, session.form_url(found.sample, "full"), classes=session.photo),
        pin=pin_button(found.sample, pinned=True),
    )


def _row(title: str, cells: Sequence[Markup | str]) -> Markup:
    same = len(cells) > 1 and len(set(map(str, cells))) == 1
    return fill(
        '<tr class="{same}"><th scope="row" class="cap cut" title="{title}">{title}</th>{cells}</tr>',
        same="same" if same else "",
        title=title,
        cells=joined(fill('<td><div class="cut">{cell}</div></td>', cell=cell) for cell in cells),
    )


Cell = Callable[[Record], Markup | str]


def _rows(session: Session, found: Sequence[Record]) -> list[tuple[str, Cell]]:
    """List what is known: first what the network made of it, then texts, then columns that results brought."""
    rows: list[tuple[str, Cell]] = [("label", lambda each: _class(session, each.label))]
    if session.data.scored:
        rows += [
            ("prediction", lambda each: _prediction(session, each)),
            ("loss", lambda each: exact(each.loss)),
            ("rank by loss", lambda each: "–" if each.rank is None else count(each.rank)),
        ]
    if any(each.probability is not None for each in found):
        rows += [
            ("margin", lambda each: share(each.margin) if each.margin == each.margin else "–"),
            ("most probable", lambda each: _bars(session, each)),
        ]
    texts = dict.fromkeys(key for each in found for key in facts(session, each))
    rows += [(key, _text(session, key)) for key in texts]
    return rows + [(plain(key), _column(values)) for key, values in session.data.extras.items()]


def _text(session: Session, key: str) -> Cell:
    return lambda each: plain(facts(session, each)[key], 64)


def _column(values: NDArray[Any]) -> Cell:
    return lambda each: _value(values[each.position])


def _class(session: Session, code: int) -> Markup:
    return class_mark(session, code, 18) if code != UNLABELLED else name("none")


def _prediction(session: Session, found: Record) -> Markup:
    wrong = fill(' <span class="wrong">{icon} wrong</span>', icon=icon("close"))
    return fill(
        "{mark}{wrong}",
        mark=prediction_mark(session, found.prediction, 18),
        wrong=wrong if found.correct is False else "",
    )


def _bars(session: Session, found: Record) -> Markup:
    if found.probability is None:
        return Markup("–")
    chances = found.probability
    return joined(
        fill(
            '<div class="chance" style="--w:{width}%"><span class="cut">{name}</span><span class="num">{share}</span>'
            "</div>",
            width=f"{100 * chances[code]:.1f}",
            name=class_name(session, code, 18),
            share=share(float(chances[code])),
        )
        for code in found.best[:BARS]
    )


def _value(value: Any) -> str:
    plain_value = np.asarray(value).item()
    if isinstance(plain_value, bool) or not isinstance(plain_value, int | float):
        return plain(plain_value, 64)
    return count(plain_value) if isinstance(plain_value, int) else decimal(plain_value)
