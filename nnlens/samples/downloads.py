"""Fetching data sets that have a name, when somebody asks for it: checked, unpacked safely, and whole or not there."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nnlens.errors import SamplesError
from nnlens.samples import places
from nnlens.samples.named import find_named
from nnlens.samples.progress import Progress, Ticker
from nnlens.samples.remote import REMOTES, File, Remote
from nnlens.samples.unpacking import unpack

if TYPE_CHECKING:
    from requests import RequestException

UNFINISHED = ".nnlens-download-"
"""How the folders begin that downloads are made in."""
OLD = 24 * 3600
"""Seconds after which such a folder is what a killed download has left."""
CHUNK = 1 << 16
TIMEOUT = 30
"""Seconds that a server may be silent."""
SLACK = 2
"""A file may be so many times as large as expected; what is larger would only fill the disk."""


def ensure(name: str, split: str = "train", progress: Progress | None = None) -> None:
    """Fetch a data set, unless it is here already or has nothing to be fetched.

    Parameters
    ----------
    name : str
        As for `load_samples`; folders, files and data sets that come along are left as they are.
    split : str
        The split that must be here.
    progress : callable, optional
        Is called as ``progress(done, total, message)`` with bytes.

    Raises
    ------
    SamplesError
        If it cannot be fetched or is not what it should be; nothing of it is left then.
    """
    if name not in REMOTES or find_named(name, split) is not None or Path(name).is_dir():
        return  # a folder here of that name is what `load_samples` then reads
    remote, root = REMOTES[name], places.downloads()
    target = root / remote.folder
    if target.exists():
        raise SamplesError(
            f"The folder {remote.folder} is there already, and has no {split} split of {name}.",
            "Rename it or remove it; then it is fetched again.",
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        _check_space(root, remote, name)
        with _workshop(root) as folder:
            _move(_fetch(name, remote, folder, progress), target)
    except OSError as error:
        raise SamplesError(
            f"{name} cannot be stored: {error.strerror or 'the disk fails'}.",
            f"Choose another folder with {places.VARIABLE}.",
        ) from error


def _check_space(root: Path, remote: Remote, name: str) -> None:
    free = shutil.disk_usage(root).free
    if remote.space > free:
        raise SamplesError(
            f"{name} takes {remote.space / 1e9:,.1f} GB, and the disk has {free / 1e9:,.1f} GB.",
            f"Free some space, or choose another folder with {places.VARIABLE}.",
        )


@contextmanager
def _workshop(root: Path) -> Iterator[Path]:
    """Make a folder that is removed at the end, and remove those that killed downloads have left."""
    for left in root.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > OLD:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(name: str, remote: Remote, folder: Path, progress: Progress | None) -> Path:
    """Fetch all files, and return the folder that becomes that of the data set."""
    made = folder / "made"
    made.mkdir(mode=0o755)
    counter = _Counter(Ticker(progress, f"downloading {name} ({remote.size / 1e6:,.0f} MB)"), remote.size)
    for file in remote.files:
        counter.begin(file)
        _retrieve(name, file, folder if remote.archive else made, counter)
    if not remote.archive:
        return made
    unpack(folder / remote.files[0].name, made, remote.unpacked, Ticker(progress, f"unpacking {name}"))
    if not (made / remote.folder).is_dir():
        raise SamplesError(f"{remote.files[0].name} has no folder {remote.folder}.", "Try again later.")
    return made / remote.folder


def _retrieve(name: str, file: File, folder: Path, counter: _Counter) -> None:
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")  # else it tells of every file
    try:
        pooch.retrieve(file.url, file.checksum, fname=file.name, path=folder, downloader=counter.download)
    except RequestException as error:  # an OSError, so it must come before those of the disk
        raise _failure(name, file, error) from error
    except ValueError as error:
        raise SamplesError(
            f"{file.name} of {name} is not the file that it should be: its checksum differs.",
            "It may have been damaged on the way: try again later.",
        ) from error


def _failure(name: str, file: File, error: RequestException) -> SamplesError:
    """Say what went wrong on the way, by the name of the server only."""
    from requests import ConnectionError as NoConnection
    from requests import HTTPError, Timeout
    from requests.exceptions import SSLError

    host = urlsplit(file.url).hostname
    if isinstance(error, HTTPError) and error.response is not None:
        why = f"{host} answers {error.response.status_code} for {file.name}"
    elif isinstance(error, SSLError):
        why = f"the certificate of {host} cannot be verified"
    elif isinstance(error, Timeout):
        why = f"{host} does not answer"
    elif isinstance(error, NoConnection):
        why = f"there is no connection to {host}"
    else:
        why = f"the connection to {host} broke off"
    return SamplesError(
        f"{name} cannot be downloaded: {why}.",
        f"Try again later, or put its files into a folder and set {places.VARIABLE}.",
    )


def _move(made: Path, target: Path) -> None:
    """Give the folder its name, in one step; one that another process has made meanwhile stays."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


class _Counter:
    """Downloads files, and counts the bytes of all of them.

    Parameters
    ----------
    tick : Ticker
    total : int
        Bytes of all files.
    """

    def __init__(self, tick: Ticker, total: int) -> None:
        self._tick, self._total = tick, total
        self._done = self._end = 0

    def begin(self, file: File) -> None:
        """Begin with another file."""
        self._end = self._done + SLACK * file.size + CHUNK

    def download(self, url: str, path: str, _: object) -> None:
        """Download as pooch asks for it: its own way leaves the connection open where it fails.

        Raises
        ------
        ValueError
            If there is so much more than expected that it would only fill the disk.
        RequestException
            If the server fails.
        """
        import requests

        unpacked = {"Accept-Encoding": "identity"}  # a server's packing would change the checksum
        with (
            requests.get(url, stream=True, timeout=TIMEOUT, headers=unpacked) as response,
            Path(path).open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                self._done += len(chunk)
                if self._done > self._end:
                    raise ValueError("larger than expected")
                self._tick(min(self._done, self._total), self._total)
