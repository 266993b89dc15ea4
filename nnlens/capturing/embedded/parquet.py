"""Vectors in a Parquet file: a column of lists, or a column for each unit; read in batches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.table import IDS, LABELS, VECTORS, Block, checked_shape, no_column, regrouped
from nnlens.errors import SamplesError
from nnlens.samples.naming import listed

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERED = re.compile(r"(\D*)(\d{1,7})")
"""A unit's own column: 0, dim_0, emb0."""
BATCH = 4096


class ParquetTable:
    """The vectors of a Parquet file, with its other columns.

    Parameters
    ----------
    path : Path
    array : str, optional
        Name of the column of lists; told by its type when left out.

    Raises
    ------
    SamplesError
        If the file is damaged, or if it is not clear which of its columns are the vectors.
    """

    kind = "parquet"

    def __init__(self, path: Path, array: str | None = None) -> None:
        self.name = path.name
        self._path = path
        with self._opened() as file:
            self._rows = int(file.metadata.num_rows)
            schema = file.schema_arrow
            self._keys = self._pick(schema, array)
            if not self._rows:
                raise SamplesError(f"{self.name} has no rows.", "Give a row for each sample.")
            self.shape = checked_shape((self._rows, self._units(file)), np.dtype(np.float32), self.name)
            self.columns = tuple(
                field.name for field in schema if field.name not in self._keys and _is_column(field.type)
            )

    def blocks(self, start: int, size: int) -> Iterator[Block]:
        """Yield vectors; a row without one is NaN."""
        with self._opened() as file:
            group, skip = 0, start
            while group < file.num_row_groups and skip >= file.metadata.row_group(group).num_rows:
                skip -= file.metadata.row_group(group).num_rows
                group += 1
            groups = range(group, file.num_row_groups)
            batches = file.iter_batches(min(size, BATCH), groups, list(self._keys), use_threads=False)
            yield from regrouped((self._vectors(batch) for batch in batches), size, skip)

    def column(self, name: str) -> NDArray[Any]:
        """Read another column, dims (sample,); nothing where a value is missing."""
        if name not in self.columns:
            raise no_column(self, name)
        with self._opened() as file:
            import pyarrow as pa

            found = file.read([name]).column(name)
            if pa.types.is_dictionary(found.type):
                found = found.cast(found.type.value_type)
            return np.asarray(found.to_numpy())

    def pictures(self) -> NDArray[np.uint8] | None:
        """Return nothing: pictures beside a table are files, which its column of paths names."""
        return None

    def _pick(self, schema: pa.Schema, array: str | None) -> tuple[str, ...]:
        lists = [field.name for field in schema if _is_list(field.type)]
        if array is not None:
            if array not in lists:
                raise SamplesError(
                    f"{self.name} has no column of lists {array[:60]!r}.", f"It has {listed(lists)}."
                )
            return (array,)
        found = [name for name in lists if name.lower() in VECTORS] or lists
        numbered = self._numbered(schema)
        if len(found) + len(numbered) == 1:
            return (found[0],) if found else numbered[0]
        if found or numbered:
            several = [*found, *(f"{names[0]} to {names[-1]}" for names in numbered)]
            raise SamplesError(
                f"{self.name} has {listed(several)}, and it is not clear which are the embeddings.",
                "Name the column of lists: array=… (--array).",
            )
        raise SamplesError(
            f"{self.name} has no column of lists of numbers, only {listed(schema.names)}.",
            "Save the embeddings as lists in a column embedding, or as columns dim_0, dim_1, ….",
        )

    def _numbered(self, schema: pa.Schema) -> list[tuple[str, ...]]:
        """Find columns whose names count the units from 0 or 1, in this order, and that hold numbers."""
        found: dict[str, dict[int, str]] = {}
        for field in schema:
            match = NUMBERED.fullmatch(field.name)
            if match and _is_number(field.type) and field.name.lower() not in {*LABELS, *IDS}:
                found.setdefault(match[1], {})[int(match[2])] = field.name
        return [
            tuple(names[place] for place in sorted(names))
            for names in found.values()
            if sorted(names) in (list(range(len(names))), list(range(1, len(names) + 1)))
        ]

    def _units(self, file: Any) -> int:
        """Tell how many units the vectors have."""
        import pyarrow.compute as pc

        if len(self._keys) > 1:
            return len(self._keys)
        kind = file.schema_arrow.field(self._keys[0]).type
        if not _is_list(kind):
            return 1
        for batch in file.iter_batches(BATCH, columns=list(self._keys), use_threads=False):
            lengths = pc.list_value_length(batch.column(0)).drop_null()
            if len(lengths):
                return int(lengths[0].as_py())
        return 0

    def _vectors(self, batch: pa.RecordBatch) -> Block:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        found = [columns[name] for name in self._keys]
        if not _is_list(found[0].type):
            return np.column_stack([np.asarray(column.to_numpy(zero_copy_only=False)) for column in found])
        return self._lists(found[0])

    def _lists(self, column: pa.Array) -> Block:
        import pyarrow.compute as pc

        lengths = pc.list_value_length(column).drop_null().to_numpy(zero_copy_only=False)
        units = self.shape[1]
        if len(lengths) and (lengths != units).any():
            other = int(lengths[lengths != units][0])
            raise SamplesError(
                f"The embeddings in {self.name} differ in length: {units} and {other}.",
                "Give all samples the same units.",
            )
        numbers = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
        there = column.is_valid().to_numpy(zero_copy_only=False)
        if there.all():
            return numbers.reshape(-1, units)
        values = np.full((len(column), units), np.nan, np.result_type(numbers.dtype, np.float32))
        values[there] = numbers.reshape(-1, units)
        return values

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise SamplesError(
                "Reading Parquet needs pyarrow.", "pip install pyarrow, or save the embeddings as .npz."
            ) from error
        try:
            with pq.ParquetFile(self._path) as file:
                yield file
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise SamplesError(
                f"{self.name} cannot be read as Parquet.", "It may be damaged: save it again."
            ) from error


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists) and _is_number(kind.value_type)


def _is_column(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(text) or _is_number(kind)
