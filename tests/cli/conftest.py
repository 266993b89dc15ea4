"""A small run, and the command line inside this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nnlens.cli import main
from nnlens.testing import tiny_store


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    status: int
    out: str
    error: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def nnlens(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command in this process."""

    def run(*arguments: object) -> Answer:
        status = main([str(each) for each in arguments])
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_store(folder)
    return folder


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    """A run that a test may spoil."""
    return Path(shutil.copytree(finished_run, tmp_path / "tiny"))
