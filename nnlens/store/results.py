"""Results of analyses: small zarr groups beside the run, never changed once they are there.

No lock is needed, so several explorers may work on one run: a result is written under another name, synced and renamed,
and where two compute the same the second throws its own away.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from nnlens.errors import StoreDamagedError, StoreError
from nnlens.store.commit import sync_paths
from nnlens.store.layout import METADATA, RESULTS
from nnlens.store.sealed import SEAL, check_result, is_sound, load_result, write_result

LEFTOVER_SECONDS = 24 * 3600
"""What a killed process left unfinished is removed after so long."""
TEMPORARY = ".tmp"

log = logging.getLogger("nnlens.store")


@dataclass(frozen=True)
class ResultInfo:
    """A result, without its values.

    Attributes
    ----------
    analysis : str
        ``dist:name`` of the analysis.
    key : str
    attrs : mapping
        Attributes of the dataset: parameters, layer, title, seconds and what else was noted.
    bytes : int
        On disk.
    files : int
        Chunks and metadata.
    created : datetime
        In UTC.
    """

    analysis: str
    key: str
    attrs: Mapping[str, Any]
    bytes: int
    files: int
    created: datetime


class Results:
    """The results of one run.

    Parameters
    ----------
    folder : Path
        Of the run.
    fingerprint : str
        Of the run: names its place in the user's cache folder, which is used where the run cannot be written to.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._beside = folder / RESULTS
        self._cache = cache_folder() / "results" / fingerprint

    def get(self, analysis: str, key: str) -> xr.Dataset | None:
        """Load a result; of one that is large the values come when they are asked for.

        Parameters
        ----------
        analysis : str
            ``dist:name``.
        key : str

        Returns
        -------
        Dataset or None
            None where there is none or it is damaged; the latter is logged, naming it.
        """
        for root in (self._beside, self._cache):
            folder = self._place(root, analysis, key)
            if folder.is_dir():
                try:
                    return load_result(folder)
                except StoreDamagedError as error:
                    log.warning("The result %s of %s is left out: %s", key, analysis, error.message)
        return None

    def has(self, analysis: str, key: str) -> bool:
        """Whether there is a result, sound or not, without reading it."""
        return any(self._place(root, analysis, key).is_dir() for root in (self._beside, self._cache))

    def put(self, analysis: str, key: str, dataset: xr.Dataset) -> None:
        """Keep a result; where the same is there already nothing changes.

        Parameters
        ----------
        analysis : str
            ``dist:name``.
        key : str
        dataset : Dataset

        Raises
        ------
        StoreError
            If neither the run nor the cache folder can be written to, or the run is taken away meanwhile.
        """
        try:
            self._put(self._beside, analysis, key, dataset)
        except (
            FileNotFoundError
        ) as error:  # nobody would look in the cache for the results of a run that is gone
            raise StoreError(
                f"The result of {analysis} could not be kept: the folder of its run is gone.",
                "Restore the run, or capture it again.",
            ) from error
        except OSError:
            try:
                self._put(self._cache, analysis, key, dataset)
            except OSError as error:
                raise StoreError(
                    f"The result of {analysis} could not be kept: {error.strerror or error}.",
                    "Free some space, or set XDG_CACHE_HOME to a folder that can be written to.",
                ) from error

    def scratch(self) -> Path | None:
        """Return a folder for what is being made, swept like results that were not finished; None without any."""
        for root in (self._beside, self._cache):
            try:
                _refuse_links(root, root / TEMPORARY)
                (root / TEMPORARY).mkdir(parents=True, exist_ok=True)
            except OSError:
                continue
            if os.access(root / TEMPORARY, os.W_OK):
                return root / TEMPORARY
        return None

    def delete(self, analysis: str, key: str) -> bool:
        """Delete a result; return whether there was one."""
        places = (self._place(root, analysis, key) for root in (self._beside, self._cache))
        return sum(_remove(place) for place in places) > 0

    def changed(self) -> Hashable:
        """Tell what differs once a result was kept or deleted: when each folder of results last changed."""
        return tuple(_changed(root) for root in (self._beside, self._cache))

    def list(self) -> list[ResultInfo]:
        """List all results, oldest first; damaged ones too, with what of their attributes can be read."""
        found = {
            (info.analysis, info.key): info for root in (self._cache, self._beside) for info in _infos(root)
        }
        return sorted(found.values(), key=lambda info: info.created)

    def problem(self, analysis: str, key: str) -> str | None:
        """Read a result and say what is wrong with it, None when all is well."""
        for root in (self._beside, self._cache):
            folder = self._place(root, analysis, key)
            if folder.is_dir():
                try:
                    check_result(folder)
                except StoreDamagedError as error:
                    return f"{RESULTS}/{folder.parent.name}/{error.message}"
        return None

    def _put(self, root: Path, analysis: str, key: str, dataset: xr.Dataset) -> None:
        place = self._place(root, analysis, key)
        temporary = root / TEMPORARY / f"{uuid.uuid4().hex}.zarr"
        _refuse_links(root, place.parent, temporary.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        _sweep(temporary.parent)
        try:
            write_result(temporary, dataset)
            if place.is_dir() and not is_sound(place):
                _remove(place)
            try:
                temporary.rename(place)
            except OSError:
                if not place.is_dir():
                    raise
            sync_paths([place.parent, root])
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @staticmethod
    def _place(root: Path, analysis: str, key: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
            raise StoreError(f"{key!r} is no key of a result.")
        return root / _folder_name(analysis) / f"{key}.zarr"


def _infos(root: Path) -> Iterator[ResultInfo]:
    for folder in root.glob("*/*.zarr"):
        if folder.parent.name == TEMPORARY:
            continue
        try:
            attrs = json.loads((folder / METADATA).read_bytes())["attributes"]
            attrs.pop(SEAL, None)
        except (OSError, ValueError, KeyError):
            attrs = {}
        files = [path for path in folder.rglob("*") if path.is_file()]
        created = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        size = sum(path.stat().st_size for path in files)
        yield ResultInfo(_analysis_name(folder.parent.name), folder.stem, attrs, size, len(files), created)


def _folder_name(analysis: str) -> str:
    """Return a legal folder name from which the analysis' name can be had back."""
    return re.sub(r"[^A-Za-z0-9_:-]", lambda match: f"%{ord(match[0]):x};", analysis)


def _analysis_name(folder: str) -> str:
    return re.sub(r"%([0-9a-f]+);", lambda match: chr(int(match[1], 16)), folder)


def _refuse_links(*folders: Path) -> None:
    """Raise where a folder is a link: a run from a stranger must not lead what is written or swept up elsewhere."""
    for folder in folders:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), folder.name)


def _changed(root: Path) -> tuple[Hashable, ...]:
    """Return when a folder of results and each of its analyses last changed; nothing where it is not there.

    Not the latest of these: beside a time in the future, which another machine's clock may give, none would count.
    """
    try:
        with os.scandir(root) as entries:
            inside = [(entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name != TEMPORARY]
        return (root.stat().st_mtime_ns, *sorted(inside))
    except OSError:
        return ()


def _remove(place: Path) -> bool:
    """Take a result away in one step, then delete its files."""
    aside = place.parent.parent / TEMPORARY / f"{uuid.uuid4().hex}.zarr"
    try:
        _refuse_links(place.parent.parent, place.parent, aside.parent)
        aside.parent.mkdir(exist_ok=True)
        place.rename(aside)
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _sweep(folder: Path) -> None:
    old = time.time() - LEFTOVER_SECONDS
    for entry in folder.iterdir():
        if entry.stat().st_mtime < old:
            shutil.rmtree(entry, ignore_errors=True)


def cache_folder() -> Path:
    """Return the user's cache folder for nnlens."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "nnlens"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "nnlens"
