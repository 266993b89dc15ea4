"""Fixtures that all rooms share."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from nnlens import Lens
    from nnlens.store import Store

ROOT = Path(__file__).resolve().parent.parent
LONG = ("slow", "browser", "data")
"""Marks of tests that take long."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries ask for the number of their threads, once, when they are loaded."""
for _name in THREADS:
    # on cores that processes share, threads that wait for each other spin: a small network takes fifty times as long
    os.environ.setdefault(_name, "1")

settings.register_profile("house", deadline=None)  # on shared cores the time of one example says nothing
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: of the processes that share the work, none then waits for the last one."""
    long = Counter(item.path for item in items for name in LONG if item.get_closest_marker(name))
    items.sort(key=lambda item: -long[item.path])


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's own cache folder out of the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Let programs that tests start obey Ctrl-C, which whoever is started in a shell's background ignores."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tiny_store(tmp_path: Path) -> Store:
    """A run of 60 samples in three classes, of the test's own: layers conv, relu1 (spatial), fc1, relu2, fc2 (flat)."""
    from nnlens.testing import tiny_store

    return tiny_store(tmp_path / "run")


@pytest.fixture
def tiny_lens(tiny_store: Store) -> Lens:
    """The tiny run with its network."""
    from nnlens import Lens
    from nnlens.testing import tiny_model

    return Lens(tiny_store, tiny_model())


@pytest.fixture(scope="session")
def tiny_torch_model() -> Any:
    """A torch network for eight by eight grey pixels and three classes, in evaluation mode, with fixed weights."""
    torch = pytest.importorskip("torch", reason="torch is an extra")
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 12),
        torch.nn.ReLU(),
        torch.nn.Linear(12, 3),
    ).eval()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets and models: NNLENS_TEST_DATA, else shared/data beside the checkout."""
    folder = Path(os.environ.get("NNLENS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data is not here: set NNLENS_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, without a window; Playwright allows one to a process."""
    from playwright.sync_api import sync_playwright

    from nnlens.testing.browser import FLAGS

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        words = "these tests drive Chromium, and none is installed"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
