"""Two or three numbers a sample, from an array, or a .npy, .npz, .csv, .tsv or .parquet file; nothing is unpickled."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.opening import open_table
from nnlens.capturing.embedded.table import IDS, LABELS, first_of
from nnlens.errors import SamplesError
from nnlens.samples.naming import listed
from nnlens.samples.table import PARQUET

if TYPE_CHECKING:
    import pandas as pd

AXES = ("x", "y", "z")
TEXTS = {".csv": ",", ".tsv": "\t"}
LARGEST_TEXT = 512 << 20
"""Bytes of a text file: ten million rows."""
MOST_ROWS = 20_000_000
LONGEST_LIST = 64
"""Numbers of a list in a row: more than any coordinates have, so that what is wrong is still told by its width."""
MOST_COLUMNS = 1_000
"""Columns of a table: a line of eight million commas would be as many columns, which take gigabytes."""
KINDS = "Give an array, or a .npy, .npz, .csv, .tsv or .parquet file."
BLOCK = 65_536


@dataclass(frozen=True)
class Coordinates:
    """What was read.

    Attributes
    ----------
    values : ndarray, dims (sample, component), float64
    ids : ndarray, dims (sample,), or None
        As they stand there, of any type; None where rows go by their order.
    name : str
        What messages call it.
    """

    values: NDArray[np.float64]
    ids: NDArray[Any] | None
    name: str


def read_coordinates(source: Any, ids: Any = None, most: int = MOST_ROWS) -> Coordinates:
    """Read coordinates, whatever they are in.

    Parameters
    ----------
    source : array, dims (sample, component), str or path
        In a table the columns ``x``, ``y`` and ``z``, else its only two or three columns of numbers.
    ids : array of int, or str, optional
        One a row, or the name of the column that holds them; told by its name when left out.
    most : int
        Rows that there may be, such as the samples of a run; of more nothing but their number is read.

    Raises
    ------
    SamplesError
        If there is no such file, it cannot be read, it claims too much, or it is not clear what in it are the
        coordinates.
    """
    by_name = ids if isinstance(ids, str) else None
    found = _read(source, by_name, most)
    return found if ids is None or by_name else Coordinates(found.values, np.asarray(ids), found.name)


def _read(source: Any, ids: str | None, most: int) -> Coordinates:
    if isinstance(source, str | os.PathLike):
        path = Path(os.path.expanduser(os.fspath(source)))  # noqa: PTH111 - Path's raises where there is no such home
        try:
            if path.suffix.lower() in TEXTS and path.is_file():
                return _from_frame(_text(path, most), path.name, ids)
            if path.is_file() and _begins(path, PARQUET):
                return _from_frame(_parquet(path, most), path.name, ids)
            if path.is_dir():
                raise SamplesError(f"{path.name} is a folder.", KINDS)
        except OSError as error:
            raise SamplesError(
                f"{path.name} cannot be read: {error.strerror}.", "Check its permissions."
            ) from error
    table = open_table(source)
    column = ids or first_of(table.columns, IDS)
    check_width(table.shape[1], table.name)  # before anything is read
    _check_rows(table.shape[0], most, table.name)
    values = np.concatenate([np.asarray(block, np.float64) for block in table.blocks(0, BLOCK)])
    return Coordinates(values, table.column(column) if column else None, table.name)


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _check_rows(rows: int, most: int, name: str) -> None:
    """Refuse more rows than there can be, before they are read."""
    if rows > most:
        raise SamplesError(
            f"{name} has {rows:,} rows where at most {most:,} fit.",
            "Give one row for each sample of the run.",
        )


def _text(path: Path, most: int) -> pd.DataFrame:
    import pandas as pd

    if path.stat().st_size > LARGEST_TEXT:
        raise SamplesError(
            f"{path.name} has {path.stat().st_size / 1e6:,.0f} MB.", "Save it as .npy or .parquet."
        )
    separator = TEXTS[path.suffix.lower()]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file, delimiter=separator), [])
        _check_columns(len(first), path.name)
        header = None if first and all(map(_is_number, first)) else 0
        frame = pd.read_csv(path, sep=separator, header=header, encoding="utf-8-sig", index_col=False)
    except (ValueError, csv.Error) as error:  # pandas' own errors are ValueErrors; so is a text in no UTF-8
        raise SamplesError(f"{path.name} is no table: {str(error).splitlines()[0][:120]}", KINDS) from error
    _check_rows(len(frame), most, path.name)
    return frame.rename(columns=str)


def _check_columns(columns: int, name: str) -> None:
    if columns > MOST_COLUMNS:
        raise SamplesError(
            f"{name} has {columns:,} columns.", "Save the coordinates alone, as x and y, with a column id."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet(path: Path, most: int) -> pd.DataFrame:
    """Read the columns that may be of use; what a small file claims is compared with what there can be first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_rows(file.metadata.num_rows, most, path.name)
            _check_columns(file.metadata.num_columns, path.name)
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
            wide = _wide(file)
            wanted = [
                field.name
                for field in file.schema_arrow
                if field.name not in wide and _may_matter(field.type)
            ]
            if wide and not wanted:
                check_width(max(wide.values()), path.name)
        # a text that stands in a million rows is packed once, and stays once in memory
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            return file.read(wanted, use_threads=False).to_pandas()
    except (pa.ArrowException, pa.ArrowInvalid, OSError) as error:
        raise SamplesError(f"{path.name} is damaged: {str(error)[:120]}", KINDS) from error


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _may_matter(kind: Any) -> bool:
    """Whether a column may be coordinates, or ids, or what is told by its name to be none."""
    import pyarrow as pa

    types = pa.types
    holders = (types.is_dictionary, types.is_list, types.is_large_list, types.is_fixed_size_list)
    kind = kind.value_type if any(holds(kind) for holds in holders) else kind
    return _is_text(kind) or bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _wide(file: Any) -> dict[str, int]:
    """Find columns of lists that are no coordinates, with their length; repeated numbers pack a million to one."""
    found: dict[str, int] = {}
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            width = column.num_values // max(group.num_rows, 1)
            if width > LONGEST_LIST:
                path = column.path_in_schema
                found |= {name: width for name in file.schema_arrow.names if path.startswith(f"{name}.")}
    return found


def _from_frame(frame: pd.DataFrame, name: str, ids: str | None) -> Coordinates:
    """Find the coordinates and the ids among the columns of a table."""
    columns = list(map(str, frame.columns))
    if ids is not None and ids not in columns:
        raise SamplesError(f"{name} has no column {ids[:60]!r}.", f"It has {listed(columns)}.")
    column = ids or first_of(columns, IDS)
    chosen = _axes(frame.drop(columns=[column] if column else []), name)
    return Coordinates(chosen, None if column is None else frame[column].to_numpy(), name)


def _axes(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    numbers = frame.select_dtypes("number")
    named = [first_of(map(str, frame.columns), [axis]) for axis in AXES]
    found: Sequence[str] = [axis for axis in named if axis is not None]
    if None in named[:2]:
        found = [each for each in map(str, numbers.columns) if each.lower() not in LABELS]
    lists = [
        each for each in frame.columns if len(frame) and isinstance(frame[each].iloc[0], list | np.ndarray)
    ]
    if len(found) not in (2, 3) and len(lists) == 1:
        return _stacked(frame[lists[0]], name)
    if len(found) not in (2, 3):
        words = listed(found) if found else "none"
        raise SamplesError(
            f"It is not clear which columns of {name} are coordinates: those of numbers are {words}.",
            "Call them x and y, and z for a map that can be turned.",
        )
    strange = [each for each in found if each not in numbers.columns]
    if strange:
        raise SamplesError(f"The column {strange[0][:60]} of {name} holds texts.", "Coordinates are numbers.")
    return frame[list(found)].to_numpy(np.float64, na_value=np.nan)


def _stacked(column: Any, name: str) -> NDArray[np.float64]:
    try:
        stacked = np.stack([np.asarray(row, np.float64).reshape(-1) for row in column])
    except (TypeError, ValueError) as error:
        raise SamplesError(f"The rows of {name} are not equally long lists of numbers.", KINDS) from error
    check_width(stacked.shape[1], name)
    return stacked


def check_width(width: int, name: str) -> None:
    """Refuse what are no coordinates.

    Raises
    ------
    SamplesError
        If there are not two or three numbers a sample.
    """
    if width not in (2, 3):
        raise SamplesError(
            f"{name} has {width} numbers a sample.",
            "Give two, or three for a map that can be turned; more are embeddings: nnlens capture-embeddings.",
        )
