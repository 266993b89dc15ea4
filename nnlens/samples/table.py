"""Tables of pictures: CSV, TSV or Parquet with a column of paths, and columns of labels and splits if any."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples
from nnlens.samples.naming import listed
from nnlens.samples.pictures import number, read_pictures
from nnlens.schema import UNLABELLED

PARQUET = b"PAR1"
SUFFIXES = frozenset({".csv", ".tsv"})
PATHS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "img",
    "img_path",
)
LABELS = ("label", "labels", "class", "class_name", "target", "category", "y")
SPLITS = ("split", "subset", "partition", "set", "fold")
WHOLE = re.compile(r"[+-]?\d+(\.0+)?")
"""A whole number, also as pandas writes a column of them in which some are missing."""


def read_table(path: Path, split: str, name: str) -> Samples:
    """Read the pictures that a table lists.

    Paths begin at the table's own folder. Labels are whole numbers, or names that are numbered in sorted order; an
    empty one, and −1, is unlabelled. Ids are the rows of the whole table.

    Parameters
    ----------
    path : Path
    split : str
        Picks rows where the table has a column of splits; else only what to call them.
    name : str
        Of the data set.

    Raises
    ------
    SamplesError
        If it is no such table, has no column of paths, or none of its files is a picture.
    """
    table = _read(path)
    columns = {column.strip().lower(): column for column in table.columns}
    paths, labels, splits = (_column(columns, names) for names in (PATHS, LABELS, SPLITS))
    if paths is None:
        raise SamplesError(
            f"{path.name} has no column of paths, only {listed(table.columns)}.",
            "Call it path; labels label, splits split.",
        )
    classes, numbers = (
        (None, [UNLABELLED] * len(table)) if labels is None else _labels(table[labels], path.name)
    )
    rows = list(range(len(table))) if splits is None else _rows(table[splits], split, path.name)
    return read_pictures(
        path.parent,
        [table[paths].iloc[row] for row in rows],
        [numbers[row] for row in rows],
        classes,
        ids=rows,
        split=split,
        name=name,
    )


def splits(path: Path) -> list[str]:
    """Return the splits that a table names, in sorted order; none where it has no column of them.

    Raises
    ------
    SamplesError
        If it cannot be read.
    """
    table = _read(path)
    column = _column({each.strip().lower(): each for each in table.columns}, SPLITS)
    return [] if column is None else sorted({str(value).strip().lower() for value in table[column]} - {""})


def _read(path: Path) -> pd.DataFrame:
    """Read a table as text, whatever it holds; nothing where a value is missing."""
    try:
        if path.suffix.lower() in SUFFIXES:
            table = pd.read_csv(
                path, sep=_separator(path), dtype=str, encoding="utf-8-sig", keep_default_na=False
            )
        else:
            table = pd.read_parquet(path).astype("string").fillna("").astype(object)
    except ImportError as error:
        raise SamplesError(
            "Reading Parquet needs pyarrow.", "pip install pyarrow, or save the table as CSV."
        ) from error
    except (
        ValueError,
        OSError,
        csv.Error,
        TypeError,
    ) as error:  # pandas' own errors and wrong UTF-8 are ValueErrors
        raise SamplesError(f"{path.name} cannot be read as a table.", "Save it as CSV in UTF-8.") from error
    if not len(table):
        raise SamplesError(f"{path.name} has no rows.", "Give a row for each picture.")
    table.columns = table.columns.map(str)
    return table


def _separator(path: Path) -> str:
    """Tell what separates the columns by the first line."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline(100_000)
    return max(",\t;", key=first.count)


def _column(columns: dict[str, str], names: Sequence[str]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def _labels(values: pd.Series, what: str) -> tuple[list[str] | None, list[int]]:
    """Return the names of the classes, unless they are numbers, and the labels."""
    texts = [str(value).strip() for value in values]
    if not all(WHOLE.fullmatch(text) for text in texts if text):
        return number(texts)
    labels = [int(float(text)) if text else UNLABELLED for text in texts]
    if min(labels) < UNLABELLED:
        raise SamplesError(
            f"A label of {min(labels)} in {what} is no class.", "Use −1 for unlabelled, 0 and up."
        )
    return None, labels


def _rows(values: pd.Series, split: str, what: str) -> list[int]:
    texts = [str(value).strip().lower() for value in values]
    rows = [row for row, text in enumerate(texts) if text == split.lower()]
    if not rows:
        raise SamplesError(f"{what} has no split {split!r}.", f"Its splits are {listed(sorted(set(texts)))}.")
    return rows
