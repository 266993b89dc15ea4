"""Ways to open the explorer: a run, a folder of runs, a model with its samples, the digits that come along.

Each returns a *show* for `nnlens.ui.serving.server.serve`; `app` puts one onto the page of an app script.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlens.errors import NNLensError
from nnlens.lens import Lens
from nnlens.lens.checking import check_has_model
from nnlens.models.base import Model, ModelReference
from nnlens.models.later import LaterModel
from nnlens.models.loading import file_sha256, load_model
from nnlens.models.preprocess import Preprocess
from nnlens.store import Store, open_store
from nnlens.store.layout import run_name
from nnlens.ui.look.shell import configure
from nnlens.ui.serving.beginning import ZOO, Begun, begin_demo
from nnlens.ui.serving.capture_watch import CaptureWatch
from nnlens.ui.serving.limits import error_page
from nnlens.ui.serving.opening import CaptureShow
from nnlens.ui.serving.run_show import RunShow
from nnlens.ui.serving.runs import Runs, find_runs

if TYPE_CHECKING:
    from nnlens.ui.serving.server import (
        Show,  # importing it adds the address of pictures, which an app script has not
    )


def show_runs(
    path: str | Path,
    model: str | Path | None = None,
    architecture: str | None = None,
    preprocess: Preprocess | None = None,
    trust: bool = False,
) -> RunShow:
    """Show a run, or the runs in a folder.

    Parameters
    ----------
    path : str or Path
    model : str or Path, optional
        File of the network that the runs were captured with; attributions need it.
    architecture, preprocess, trust : optional
        As in `nnlens.load_model`.

    Raises
    ------
    StoreError
        If there is no run.
    ModelError
        If the model is not that of the first run.
    """
    found, folder = find_runs(Path(path)), Path(path)
    opened = lambda place: open_lens(place, model, architecture, preprocess, trust)  # noqa: E731
    runs = Runs(found, opened, folder=None if folder in found.values() else folder)
    runs.first()
    return RunShow(runs)


def show_capture(begun: Begun) -> Show:
    """Show a capture from its first samples on; a complete run as any other, with the best maps.

    Parameters
    ----------
    begun : Begun
    """

    def opened(place: Path = begun.path) -> Lens:
        return open_lens(place, begun.model, begun.architecture, begun.preprocess, begun.trust)

    if begun.job is None:
        return RunShow(Runs({run_name(begun.path): begun.path}, opened), True)
    return CaptureShow(begun.job, CaptureWatch(begun.job, begun.path), opened, begun.title)


def open_lens(
    path: Path,
    model: str | Path | None = None,
    architecture: str | None = None,
    preprocess: Preprocess | None = None,
    trust: bool = False,
) -> Lens:
    """Open a run with its model, which is not read before it is used where its file is known to be the run's own.

    Raises
    ------
    StoreError, ModelError
        If the run cannot be opened, or the model is another.
    """
    store = open_store(path)
    told = str(_reference(store).get("source", ""))
    if model is None and told.startswith(ZOO):
        model = told  # comes with nnlens: no stranger's file is followed
    if model is None:
        return Lens(store)
    check_has_model(store)
    return Lens(
        store,
        _same_file(store, str(model), architecture, preprocess, trust)
        or load_model(str(model), architecture, preprocess, trust),
    )


def _reference(store: Store) -> Mapping[str, Any]:
    found = store.metadata.get("model", {}).get("reference")
    return found if isinstance(found, Mapping) else {}


def _same_file(
    store: Store, source: str, architecture: str | None, preprocess: Preprocess | None, trust: bool
) -> Model | None:
    """Return a stand-in where the file is the one that the run was captured from, to be opened on first use."""
    reference = _reference(store)
    digest, path = str(reference.get("sha256", "")), Path(source).expanduser()
    same = (
        source == reference.get("source")
        if source.startswith(ZOO)
        else path.is_file() and file_sha256(path) == digest
    )
    stored = store.metadata.get("preprocess")
    if source.endswith(".py"):  # the weights that this code loads are not in it
        return None
    if not digest or not same or not stored or (preprocess and preprocess != Preprocess.from_dict(stored)):
        return None
    own = Preprocess.from_dict(stored)
    return LaterModel(
        store.metadata["model"], store.graph, own, ModelReference(source, architecture, own, digest, trust)
    )


_SHOWS: dict[tuple[str, ...], Show] = {}
_SHOWS_LOCK = threading.Lock()


def app(arguments: Sequence[str] = ()) -> None:
    """Put the explorer onto the page of an app script; without arguments, the digits.

    Parameters
    ----------
    arguments : sequence of str
        A run or a folder of runs, with ``--model`` and ``--architecture`` as of ``nnlens explore``.
    """
    configure()
    try:
        with _SHOWS_LOCK:  # a script runs anew for each visitor; what it shows stays
            key = tuple(arguments)
            if key not in _SHOWS:
                _SHOWS[key] = _asked(arguments)
        page = _SHOWS[key].page()
    except Exception as error:  # a script that raises is served as an empty page
        page = error_page(error)
    page.servable(title="nnlens")


def _asked(arguments: Sequence[str]) -> Show:
    parser = argparse.ArgumentParser("explorer.py", exit_on_error=False)
    parser.add_argument("run", nargs="?")
    parser.add_argument("--model")
    parser.add_argument("--architecture")
    try:
        found, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise NNLensError(
            f"The arguments cannot be read: {error}.", "Give a run, --model, --architecture."
        ) from None
    if unknown:
        raise NNLensError(f"Unknown arguments: {' '.join(unknown)}.", "Give a run, --model, --architecture.")
    return show_runs(found.run, found.model, found.architecture) if found.run else show_capture(begin_demo())
