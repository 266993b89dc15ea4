"""The selected samples as files: the table, the pictures, the ids; all samples where nothing is selected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from nnlens.export.pictures import npz, zipped
from nnlens.export.table import as_csv, as_parquet
from nnlens.export.words import class_words, file_stem
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import Download
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.pictures import png

Writer = Callable[[pd.DataFrame], bytes]
MOST_PICTURES = 5_000
"""Pictures in one zip; a page waits for it, and a browser holds it in memory."""


def chosen_ids(session: Session) -> list[int]:
    """Return the ids of the selection, of all samples where nothing is selected."""
    mask = session.state.mask
    return [int(sample) for sample in (session.data.ids if mask is None else session.data.ids[mask])]


def _name(session: Session, what: str, ending: str) -> Callable[[], str]:
    def name() -> str:
        some = "" if session.state.mask is None else f"selection-{int(session.state.mask.sum())}"
        return f"{file_stem(session.data.name, what, some)}{ending}"

    return name


def id_downloads(session: Session) -> list[Download]:
    """Offer the ids: on the clipboard, one a line as --sample @file reads them, and as JSON with what chose them."""

    def as_json() -> bytes:
        origin = dict(session.state.selection.origin)
        told = {"run": session.data.name, "origin": origin, "ids": chosen_ids(session)}
        return json.dumps(told, indent=1).encode()

    def lines() -> str:
        return "\n".join(map(str, chosen_ids(session))) + "\n"

    return [
        Download("Copy the ids", _name(session, "ids", ".txt"), lines),
        Download("Ids, one a line", _name(session, "ids", ".txt"), lambda: lines().encode()),
        Download("Ids with their origin (JSON)", _name(session, "ids", ".json"), as_json),
    ]


def table_downloads(session: Session, frame: Callable[[], pd.DataFrame]) -> list[Download]:
    """Offer a table of all samples by position: the rows of the selection, and all rows."""

    def some() -> pd.DataFrame:
        mask = session.state.mask
        return frame() if mask is None else frame().iloc[np.flatnonzero(mask)]

    def offer(
        label: str, name: Callable[[], str] | str, write: Writer, rows: Callable[[], pd.DataFrame]
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


def picture_downloads(session: Session, walk: Walk) -> list[Download]:
    """Offer the pictures of the selection as one zip, the worst first, with their values and what is known of them."""
    label = f"Pictures as zip, at most {MOST_PICTURES:,}"
    return [
        Download(label, _name(session, "pictures", ".zip"), lambda: picture_zip(session, walk)),
        *id_downloads(session),
    ]


def picture_zip(session: Session, walk: Walk) -> bytes:
    """Put the pictures of the selection into a zip; a table in it says which is which."""
    data = session.data
    at = walk.worst(session.state.mask, MOST_PICTURES)
    ids = data.ids[at]
    images = data.images(ids.tolist())
    labels = class_words(data.label[at], data.class_names)
    table: dict[str, Any] = {"file": [f"{sample}.png" for sample in ids], "id": ids, "label": labels}
    if data.scored:
        table["prediction"] = class_words(data.prediction[at], data.class_names)
        table["loss"] = data.loss[at]
    values = {"image": images, "sample": ids, "label": data.label[at]}
    return zipped(
        [
            *((f"{sample}.png", png(image)) for sample, image in zip(ids, images, strict=True)),
            ("table.csv", as_csv(pd.DataFrame(table))),
            ("values.npz", npz(values)),
        ]
    )
