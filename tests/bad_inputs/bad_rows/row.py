"""A row of the table: a bad input, how it is made, how a program and a person meet it, and what they are told."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from nnlens.cli import main
from nnlens.errors import NNLensError

Texts = list[str]


@dataclass(frozen=True)
class Case:
    """A bad input, made in the current folder.

    Attributes
    ----------
    program : callable
        What a program does; returns what it is told where that is neither an error nor a warning.
    words : sequence of str
        What a person types after ``nnlens``; nothing where the command line has no such case.
    check : callable
        Asserts what must be true afterwards where the input works.
    state : callable
        What must be the same before and after, besides the files.
    during : callable
        A context in which program and command run, such as a full disk.
    """

    program: Callable[[], Texts | None]
    words: tuple[str, ...] = ()
    check: Callable[[], None] = lambda: None
    state: Callable[[], object] = lambda: None
    during: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    number : int
        In the list of bad inputs.
    what : str
        The input in a few words; number and words together name a row.
    make : callable
        Makes it in the current folder, which is empty.
    says : str
        Pattern of what is said; empty where nothing needs to be.
    error : type or None
        None where the input works.
    works : str
        What is done with it where it works.
    status : int
        Of the command.
    writes : bool
        Whether a part of the work is kept although it ends with an error.
    slow : bool
        Over ten seconds.
    """

    number: int
    what: str
    make: Callable[[], Case]
    says: str = ""
    error: type[NNLensError] | None = None
    works: str = ""
    status: int = -1
    writes: bool = False
    slow: bool = False

    @property
    def name(self) -> str:
        return f"{self.number} {self.what}"

    @property
    def expected_status(self) -> int:
        return self.status if self.status >= 0 else int(self.error is not None)


@dataclass
class Met:
    """How an input was met.

    Attributes
    ----------
    said : str
        All that was said: the error, or notes and warnings.
    error : NNLensError or None
    status : int
    strange : list of str
        Warnings that are not nnlens' own.
    before, after : dict
        Files and other state.
    """

    said: str
    error: NNLensError | None
    status: int
    strange: Texts
    before: dict[str, object]
    after: dict[str, object]

    @property
    def new(self) -> set[str]:
        return {name.split("/")[0] for name in set(self.after) - set(self.before)}

    @property
    def changed(self) -> set[str]:
        return {name for name, value in self.before.items() if self.after.get(name) != value}


def meet_in_program(row: Row, folder: Path) -> Met:
    """Make the input in an empty folder and let a program meet it."""
    with chdir(folder), _recorded() as told:
        case = row.make()
        told.clear()
        error, said = None, []
        before = _state(case)
        with case.during():
            try:
                said = case.program() or []
            except NNLensError as caught:
                error = caught
        after = _state(case)
        if error is None:
            case.check()
    own, strange = _sorted(told)
    return Met(str(error) if error else "\n".join([*said, *own]), error, 0, strange, before, after)


def meet_at_terminal(row: Row, folder: Path, printed: Callable[[], str]) -> Met | None:
    """Make the input and let the command line meet it; None where it has no such case.

    Parameters
    ----------
    printed : callable
        Returns what was printed since it was last asked.
    """
    with chdir(folder), _recorded():
        case = row.make()
        if not case.words:
            return None
        before = _state(case)
        printed()
        with case.during():
            status = main(list(case.words))
        said = printed()
        after = _state(case)
        if row.error is None:
            case.check()
    return Met(said, None, status, [], before, after)


def _state(case: Case) -> dict[str, object]:
    files = {
        path.as_posix(): sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(Path().rglob("*"))
        if "__pycache__" not in path.parts
    }
    return {
        **files,
        "/folder": str(Path.cwd()),
        "/modules found in": list(sys.path),
        "/own": case.state(),
    }


@contextlib.contextmanager
def _recorded() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield told


def _sorted(told: list[warnings.WarningMessage]) -> tuple[Texts, Texts]:
    own = [str(each.message) for each in told if each.category.__module__.startswith("nnlens")]
    strange = [str(each.message) for each in told if not each.category.__module__.startswith("nnlens")]
    return own, strange
