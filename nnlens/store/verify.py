"""Decode everything that a run holds, and name what cannot be."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nnlens.errors import StoreDamagedError
from nnlens.store.checking import read_metadata
from nnlens.store.commit import Commit
from nnlens.store.layout import DATA
from nnlens.store.shards import ShardedArray

if TYPE_CHECKING:
    from nnlens.store.results import Results

CHECKERS = ThreadPoolExecutor(thread_name_prefix="nnlens-verify")
"""Decoding lets go of the interpreter, so it gains from every core."""


@dataclass
class Report:
    """What verifying a run found.

    Attributes
    ----------
    problems : list of str
        One line each, naming the file; empty when all is well.
    chunks : int
        Chunks of the run and of results that were decoded.
    bytes : int
        Size of the files that were read.
    """

    problems: list[str] = field(default_factory=list)
    chunks: int = 0
    bytes: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems


def verify_run(folder: Path, commit: Commit, results: Results) -> Report:
    """Check every ``zarr.json``, decode every committed chunk, and load every result.

    Parameters
    ----------
    folder : Path
        Of the run.
    commit : Commit
    results : Results

    Returns
    -------
    Report
    """
    report = Report()
    arrays = [_check_metadata(folder, commit, key, report) for key in sorted(commit.metadata)]
    for array in arrays:
        if array is not None:
            _check_array(folder, array, report)
    for info in results.list():
        problem = results.problem(info.analysis, info.key)
        report.bytes += info.bytes
        report.chunks += info.files
        if problem:
            report.problems.append(problem)
    return report


def _check_metadata(folder: Path, commit: Commit, key: str, report: Report) -> ShardedArray | None:
    try:
        metadata = read_metadata(folder / DATA, key, commit.metadata)
        report.bytes += len(metadata)
        is_array = json.loads(metadata)["node_type"] == "array"
        return ShardedArray(folder, str(PurePosixPath(key).parent), commit) if is_array else None
    except StoreDamagedError as error:
        report.problems.append(error.message)
        return None


def _check_array(folder: Path, array: ShardedArray, report: Report) -> None:
    numbers = range(-(-array.shape[0] // array.layout.shard))
    for number, found in zip(numbers, CHECKERS.map(partial(_check_shard, array), numbers), strict=True):
        if isinstance(found, str):
            report.problems.append(found)
        else:
            report.chunks += found
            report.bytes += (folder / DATA / array.layout.shard_key(number)).stat().st_size


def _check_shard(array: ShardedArray, number: int) -> int | str:
    try:
        return array.check(number)
    except StoreDamagedError as error:
        return error.message
