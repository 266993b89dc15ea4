"""Fixtures that all rooms share."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nnlens import Lens
    from nnlens.samples import Samples
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


class Shortcut(NamedTuple):
    """A run with a shortcut in it: some images of one class have a white square in the upper right corner.

    Attributes
    ----------
    store : Store
    samples : Samples
        The same images without the square.
    marked : ndarray
        The ids of those that have it.
    model : Model
        Trained on the images with the square.
    """

    store: Store
    samples: Samples
    marked: NDArray[np.int64]
    model: Any


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
        browser = play.chromium.launch(executable_path=path, args=list(FLAGS), timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture
def shortcut(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shortcut]:
    """Plant a white square into 2 % of the images of class 3, train a network on all of them, and capture both."""
    pytest.importorskip("torch", reason="torch is an extra")

    def made(samples: Samples, corner: int, epochs: int) -> Shortcut:
        from nnlens import capture
        from nnlens.samples import Samples

        images = np.array(samples.images(np.arange(len(samples))))
        threes = np.flatnonzero(samples.labels == 3)
        marked = np.random.default_rng(0).choice(threes, max(2, round(0.02 * len(threes))), replace=False)
        images[marked, :corner, -corner:] = 255
        planted = Samples(images, samples.labels, class_names=samples.class_names)
        model = _trained(planted, epochs)
        store = capture(model, planted, tmp_path_factory.mktemp("shortcut") / "run")
        return Shortcut(store, samples, marked, model)

    return made


def _trained(samples: Samples, epochs: int) -> Any:
    """Train a small convolutional network on grey images, the same each time."""
    import torch
    from torch import nn

    from nnlens import load_model
    from nnlens.models.preprocess import Preprocess

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    images = samples.images(np.arange(len(samples)))
    prepare = Preprocess(images.shape[1], order="grey")
    inputs, labels = torch.from_numpy(prepare(images)), torch.from_numpy(np.asarray(samples.labels))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(inputs)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[part]), labels[part]).backward()
            optimizer.step()
    return load_model(network.eval(), preprocess=prepare)
