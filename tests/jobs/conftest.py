from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnlens.jobs import JobManager, Task


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers find the tasks of the tests."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "work"))


@pytest.fixture
def manager() -> Iterator[JobManager]:
    jobs = JobManager()
    yield jobs
    jobs.close()


@pytest.fixture
def task() -> Callable[..., Task]:
    """Make a task of a function in `misbehaving`."""

    def make(
        function: str, key: str | None = None, *, keep: Any = None, deadline: Any = None, estimate: Any = None,
        **arguments: Any,
    ) -> Task:  # fmt: skip
        title = function.replace("_", " ")
        place = f"misbehaving:{function}"
        return Task(key or function, title, place, arguments, dict, keep, deadline, estimate)

    return make
