"""The selected samples as files: the table, the pictures, the ids; all samples where nothing is selected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnlens.errors import ExportError
from nnlens.export.streaming import Rows, Writer, npz_writer, zip_pieces
from nnlens.export.table import as_csv, as_parquet
from nnlens.export.words import class_words, file_stem
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import Download, Pieces
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.pictures import png

Others = Callable[[], Sequence[int] | None]
Writes = Callable[[pd.DataFrame], bytes]
ROWS = {"Selection as CSV": "Table (CSV)", "Selection as Parquet": "Table (Parquet)"}
"""How what is offered of the table is called where only the selection leaves."""
BLOCK = 256
"""Pictures that are read at once."""


def _no_others() -> None:
    """Say that it is the selection that leaves, and no samples of a panel's own."""


def chosen_ids(session: Session, others: Others = _no_others) -> list[int]:
    """Return the ids of a panel's own samples, else of the selection, of all samples where nothing is selected."""
    mask, own = session.state.mask, others()
    if own is not None:
        return list(own)
    return [int(sample) for sample in (session.data.ids if mask is None else session.data.ids[mask])]


def _name(session: Session, what: str, ending: str, others: Others = _no_others) -> Callable[[], str]:
    def name() -> str:
        own = others()
        some = "" if session.state.mask is None else f"selection-{int(session.state.mask.sum())}"
        some = some if own is None else f"pinned-{len(own)}"
        return f"{file_stem(session.data.name, what, some)}{ending}"

    return name


def id_downloads(session: Session, others: Others = _no_others) -> list[Download]:
    """Offer the ids: on the clipboard, one a line as --sample @file reads them, and as JSON with what chose them."""

    def as_json() -> bytes:
        origin = dict(session.state.selection.origin) if others() is None else {"kind": "pinned"}
        told = {"run": session.data.name, "origin": origin, "ids": chosen_ids(session, others)}
        return json.dumps(told, indent=1).encode()

    def lines() -> str:
        return "\n".join(map(str, chosen_ids(session, others))) + "\n"

    return [
        Download("Copy the ids", _name(session, "ids", ".txt", others), lines),
        Download("Ids, one a line", _name(session, "ids", ".txt", others), lambda: lines().encode()),
        Download("Ids with their origin (JSON)", _name(session, "ids", ".json", others), as_json),
    ]


def table_downloads(session: Session, frame: Callable[[], pd.DataFrame]) -> list[Download]:
    """Offer a table of all samples by position: the rows of the selection, and all rows."""

    def some() -> pd.DataFrame:
        mask = session.state.mask
        return frame() if mask is None else frame().iloc[np.flatnonzero(mask)]

    def offer(
        label: str, name: Callable[[], str] | str, write: Writes, rows: Callable[[], pd.DataFrame]
    ) -> Download:
        return Download(label, name, lambda: write(rows()))

    whole = f"{file_stem(session.data.name, 'table')}"
    return [
        offer("Selection as CSV", _name(session, "table", ".csv"), as_csv, some),
        offer("Selection as Parquet", _name(session, "table", ".parquet"), as_parquet, some),
        offer("All samples as CSV", f"{whole}.csv", as_csv, frame),
        offer("All samples as Parquet", f"{whole}.parquet", as_parquet, frame),
        *id_downloads(session),
    ]


def ranking_downloads(name: Callable[[], str], frame: Callable[[], pd.DataFrame]) -> list[Download]:
    """Offer samples in an order of their own, as a table and as ids.

    Parameters
    ----------
    name : callable
        The stem of the files.
    frame : callable
        A row a sample, with its ``id``.
    """

    def ids() -> str:
        return "\n".join(map(str, frame()["id"])) + "\n"

    return [
        Download("Ranking as CSV", lambda: f"{name()}.csv", lambda: as_csv(frame())),
        Download("Ranking as Parquet", lambda: f"{name()}.parquet", lambda: as_parquet(frame())),
        Download("Copy the ids", lambda: f"{name()}.txt", ids),
    ]


def selection_downloads(session: Session, walk: Walk, frame: Callable[[], pd.DataFrame]) -> list[Download]:
    """Offer all that there is of the selection: its pictures, its rows of the table, its ids."""
    pictures = picture_downloads(session, walk)[:1] if session.data.pictured else []
    table = [each for each in table_downloads(session, frame) if each.label in ROWS]
    return [*pictures, *(replace(each, label=ROWS[each.label]) for each in table), *id_downloads(session)]


def picture_downloads(session: Session, walk: Walk, others: Others = _no_others) -> list[Download]:
    """Offer pictures as one zip, of the selection the worst first, with their values and what is known of them.

    Parameters
    ----------
    session : Session
    walk : Walk
    others : callable
        Gives the ids of samples of a panel's own, in their order; None where it shows the selection.
    """
    name = _name(session, "pictures", ".zip", others)
    return [
        Download("Pictures (zip)", name, lambda: picture_zip(session, walk, others)),
        *id_downloads(session, others),
    ]


def picture_zip(session: Session, walk: Walk, others: Others = _no_others) -> Pieces:
    """Put the pictures of the selection into a zip, a block at a time; a table in it says which is which."""
    if not session.data.pictured:
        raise ExportError("This run has no pictures.", "The table and the ids can be taken out.")
    own = others()
    at = walk.worst(session.state.mask) if own is None else session.data.positions(own)
    done = [0]
    made = zip_pieces(_files(session.data, at, lambda: _count(done)))
    return Pieces(made, lambda: done[0] / max(2 * len(at), 1))


def _count(done: list[int]) -> None:
    done[0] += 1


def _files(
    data: RunData, at: NDArray[np.intp], tick: Callable[[], Any]
) -> Iterator[tuple[str, bytes | Writer]]:
    """Yield the files of the zip; `tick` is called for each picture, once as a file and once as values."""
    for block, images in _blocks(data, at):
        for sample, image in zip(block, images, strict=True):
            tick()
            yield f"{sample}.png", png(image)
    ids = data.ids[at]
    labels = class_words(data.label[at], data.class_names)
    table: dict[str, Any] = {"file": [f"{sample}.png" for sample in ids], "id": ids, "label": labels}
    if data.scored:
        table["prediction"] = class_words(data.prediction[at], data.class_names)
        table["loss"] = data.loss[at]
    yield "table.csv", as_csv(pd.DataFrame(table))
    first = data.images(ids[:1].tolist())
    rows = Rows((len(ids), *first.shape[1:]), first.dtype, _told(data, at, tick))
    yield "values.npz", npz_writer({"image": rows, "sample": ids, "label": data.label[at]})


def _blocks(data: RunData, at: NDArray[np.intp]) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    for start in range(0, len(at), BLOCK):
        ids = data.ids[at[start : start + BLOCK]].tolist()
        yield ids, data.images(ids)


def _told(data: RunData, at: NDArray[np.intp], tick: Callable[[], Any]) -> Iterator[NDArray[np.uint8]]:
    for ids, images in _blocks(data, at):
        for _ in ids:
            tick()
        yield images
