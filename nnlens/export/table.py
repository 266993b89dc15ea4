"""The table of a run for other programs: one row a sample, as CSV or as Parquet."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnlens.errors import ExportError
from nnlens.export.columns import chosen, own_columns, result_columns
from nnlens.export.folder import write_whole
from nnlens.export.words import class_words, unformula
from nnlens.lens import Lens

CLASSES = ("label", "prediction")


def sample_table(
    lens: Lens, *, where: str | None = None, sample: Sequence[int] | None = None, results: bool = True
) -> pd.DataFrame:
    """Return a table with one row a sample, in the order of the run.

    Parameters
    ----------
    lens : Lens
    where : str, optional
        A filter, such as ``loss > 1 and label == 9``, over all columns that the table has.
    sample : sequence of int, optional
        Only these ids.
    results : bool
        Whether the numbers that stored results have of each sample are columns too.

    Returns
    -------
    DataFrame
        ``id``; ``label`` and ``prediction`` by name and, as ``label_class`` and ``prediction_class``, by number (−1
        where there is none); ``correct``, ``loss``, ``confidence``, ``split``, ``path`` as far as the run has them; and
        the results' columns.

    Raises
    ------
    FilterError
        If the filter cannot be read.
    StoreError
        If the run has no such sample.
    """
    columns = own_columns(lens)
    columns |= {
        name: values
        for name, values in (result_columns(lens) if results else {}).items()
        if name not in columns
    }
    at = chosen(lens, where, sample, columns)
    return pd.DataFrame(
        {
            name: value
            for column, values in columns.items()
            for name, value in _parts(column, values[at], lens.store.class_names).items()
        }
    )


def _parts(name: str, values: NDArray[Any], classes: Sequence[str]) -> Mapping[str, Any]:
    """Return the columns that one becomes: classes have a name and a number."""
    if name not in CLASSES:
        return {name: values}
    return {name: class_words(values, classes), f"{name}_class": values}


def as_csv(table: pd.DataFrame) -> bytes:
    """Write a table as CSV, UTF-8 with a header; a missing number is an empty cell.

    Where a text or a heading begins with a sign that makes a spreadsheet compute it (``=``, ``+``, ``-``, ``@``) an
    apostrophe stands before it. Numbers stay as they are.
    """
    safe = table.rename(columns=lambda name: unformula(str(name)))
    for place, kind in enumerate(table.dtypes):
        if not isinstance(kind, np.dtype) or kind.kind not in "fiub":
            texts = table.iloc[:, place].astype(object)
            safe.isetitem(place, [unformula(_text(value)) for value in texts])
    return str(safe.to_csv(index=False, lineterminator="\r\n")).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    """Write a table as Parquet, texts as they are.

    Raises
    ------
    ExportError
        If pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ExportError("Parquet needs pyarrow.", "pip install 'nnlens[parquet]', or write .csv.")
    plain = table.copy()
    for place, kind in enumerate(table.dtypes):
        if not isinstance(kind, np.dtype) or kind.kind not in "fiub":
            plain.isetitem(place, [_text(value) for value in table.iloc[:, place].astype(object)])
    buffer = io.BytesIO()
    plain.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _text(value: object) -> str:
    """Return a text that can be written: the bytes of a file name that are no UTF-8 as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()


WRITERS: Mapping[str, Callable[[pd.DataFrame], bytes]] = {".csv": as_csv, ".parquet": as_parquet}


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as its file's ending says; the file is there whole or not at all.

    Raises
    ------
    ExportError
        If the ending is none of ``.csv`` and ``.parquet``, or the file cannot be written.
    """
    path = Path(path)
    write_whole(path, _writer(path)(table))


def _writer(path: Path) -> Callable[[pd.DataFrame], bytes]:
    if path.suffix.lower() not in WRITERS:
        raise ExportError(f"{path.name} has no known ending.", f"Use {' or '.join(WRITERS)}.")
    return WRITERS[path.suffix.lower()]


def export_table(lens: Lens, path: str | Path, **choice: Any) -> int:
    """Write the table of a run, and return how many rows it has; `choice` as of `sample_table`.

    Raises
    ------
    ExportError
        If the ending is none of ``.csv`` and ``.parquet``, or the file cannot be written.
    FilterError
        If the filter cannot be read.
    StoreError
        If the run has no such sample.
    """
    _writer(Path(path))  # before the work, so that a typing error costs nothing
    table = sample_table(lens, **choice)
    write_table(table, path)
    return len(table)
