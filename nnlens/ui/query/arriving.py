"""A file of weights on its way from the browser: piece by piece into a folder of this page, never into memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from nnlens.errors import ModelError
from nnlens.jobs.process import PREFIX
from nnlens.ui.look.text import plain

PIECE = 2 << 20
"""Bytes of one message: a moment's work for the page."""
WEIGHTS = (".safetensors", ".pth", ".pt", ".h5", ".hdf5", ".keras", ".ckpt", ".bin")
ENDINGS = (*WEIGHTS, ".onnx", ".pt2", ".pkl", ".pickle", ".py")
"""By which a browser tells weights from pictures; what follows them is sent to be refused in words of its own."""
LONGEST = 60
"""Signs of a name, so that no file system finds it too long."""


class Arriving:
    """Takes one file after the other; a new one takes the place of one that is not complete.

    Parameters
    ----------
    check : callable
        Gets the name and the size before anything is read, and raises what is wrong with them.
    taken : callable
        Gets the path of a file that is complete; it belongs to whoever is called.
    moved : callable
        Called when there is more of a file, or it is given up; gets whether it has just begun.
    """

    def __init__(
        self,
        check: Callable[[str, int], Any],
        taken: Callable[[Path], Any],
        moved: Callable[[bool], Any] = lambda _: None,
    ) -> None:
        self._check, self._taken, self._moved = check, taken, moved
        self._folder: Path | None = None
        self._places = self._size = self._got = 0
        self._count: int | None = None
        self._path: Path | None = None

    @property
    def coming(self) -> str:
        """The file on its way and how much of it is there, in words; empty where none is."""
        return "" if self._path is None else f"{self._path.name} · {100 * self._got // self._size} %"

    def begin(self, name: object, size: object, count: object) -> int:
        """Make room for a file; returns the byte from which on it is wanted.

        Parameters
        ----------
        name, size : object
            What the browser says of it.
        count : object
            Which one it is, by the browser's own count: several may be on their way.

        Raises
        ------
        ModelError
            If it is refused; a file before it goes on to arrive.
        """
        told = str(name)[-LONGEST:]  # its ending says what it is
        if not _whole(size) or not _whole(count):
            raise _broken()
        self._check(told, size)
        self._give_up()
        self._path = self._room(told)
        self._count, self._size, self._got = count, size, 0
        self._moved(True)
        return 0

    def add(self, at: object, piece: bytes, count: object) -> int | None:
        """Take the next piece; returns the byte from which on the rest is wanted, None where there is no rest.

        Parameters
        ----------
        at : object
            The byte that it begins with.
        piece : bytes
        count : object
            Which file it is of.

        Raises
        ------
        ModelError
            If it is not the next one, or more than was said.
        """
        if self._path is None or not _whole(count) or count != self._count:
            return None  # of a file that was refused, or replaced by another
        if at != self._got or not piece or len(piece) > PIECE or self._got + len(piece) > self._size:
            self._give_up()
            raise _broken()
        try:
            with self._path.open("ab") as file:
                file.write(piece)
        except OSError as error:
            self._give_up()
            raise _full(error) from error
        self._got += len(piece)
        if self._got < self._size:
            self._moved(False)
            return self._got
        path, self._path = self._path, None
        self._taken(path)
        return None

    def _room(self, told: str) -> Path:
        """Make an empty file in a place of its own: what is made of a file is known by its path."""
        self._places += 1
        try:
            path = self._place() / str(self._places) / _file_name(told)
            path.parent.mkdir()
            path.touch()
        except OSError as error:
            raise _full(error) from error
        return path

    def _place(self) -> Path:
        """Return the folder, which goes with this process, or with the next one where it was killed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def _give_up(self) -> None:
        if self._path is not None:
            remove(self._path)
            self._path = None
            self._moved(False)

    def close(self) -> None:
        """Remove all that came."""
        self._path = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _file_name(told: str) -> str:
    """Make a name of a browser's fit for a file: it is shown in messages, so it stays as it is as far as may be."""
    name = plain(told, LONGEST).replace("/", "∕")
    return name if name.strip(".") else "weights"


def remove(path: Path) -> None:
    """Remove a file that came, with the place that was made for it."""
    shutil.rmtree(path.parent, ignore_errors=True)


def _whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _broken() -> ModelError:
    return ModelError("The file did not arrive whole.", "Try it again.")


def _full(error: OSError) -> ModelError:
    return ModelError(
        f"The file cannot be kept: {error.strerror}.", "Make room in the folder for temporary files."
    )
