"""Weights from outside of a run, in the architecture of its model: read, and kept, where the model is.

::

    weights = submit_weights(lens, Path("epoch-3.pth")).result()
    submit_explained(lens, picture, "saliency", weights=weights)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlens.errors import ModelError
from nnlens.jobs import Job, Task
from nnlens.lens.outside import in_thread, owner
from nnlens.lens.plan import model_words
from nnlens.models.base import Model
from nnlens.models.refilling import check_refillable, with_weights

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.store import Store

LARGEST_WEIGHTS = 256 << 20
"""Bytes of a file of weights that comes from a browser."""
LARGEST_HERE = 64_000_000
"""The same where the model lives in this process only: then the file is read here, beside everything else."""
CODE = (".py", ".pyc", ".ipynb")
KEPT = 2
"""Networks with other weights that a long-lived worker keeps; one that was left out is read again."""
DEADLINE = 60.0
_kept: OrderedDict[str, Model] = OrderedDict()


@dataclass(frozen=True)
class Weights:
    """Weights that fit the model of a run.

    Attributes
    ----------
    path : Path
        The file, which whoever gave it removes.
    notes : tuple of str
        What was done on the way.
    model : Model or None
        The network, where the model lives in this process only.
    """

    path: Path
    notes: tuple[str, ...] = ()
    model: Model | None = None

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.name

    @property
    def told(self) -> dict[str, str]:
        """Which ones, as plain data for another process."""
        return {"weights": str(self.path)}

    def opened(self, lens: Lens) -> Model:
        """Return the network in this process."""
        return self.model or with_weights(the_model(lens), self.path)


def the_model(lens: Lens) -> Model:
    """Return the model whose architecture takes the weights.

    Raises
    ------
    ModelError
        If there is none, or its weights cannot be told from it.
    """
    if lens.model is None:
        way = f"Give it: {model_words(lens.store)}." if lens.store.has_model else "It was made without one."
        raise ModelError("The run is open without its network, so there is nothing that takes weights.", way)
    check_refillable(lens.model.framework)
    return lens.model


def check_weights(lens: Lens, name: str, size: int) -> None:
    """Refuse a file before anything of it is read.

    Parameters
    ----------
    lens : Lens
    name : str
        Of the file; its ending says what it is.
    size : int
        Bytes.

    Raises
    ------
    ModelError
        If it is code, empty or too large, or the run has no model that takes weights.
    """
    if name.lower().endswith(CODE):
        raise ModelError(
            "Python is never run from the page.",
            "Drop the weights alone, or give the code to nnlens capture: --architecture file.py:callable.",
        )
    model = the_model(lens)
    if size <= 0:
        raise ModelError("The file is empty.", "Give a file of weights.")
    most = LARGEST_HERE if model.reference is None else LARGEST_WEIGHTS
    if size > most:
        raise ModelError(
            f"The weights have {size / 1e6:,.0f} MB.",
            f"Give a file of at most {most / 1e6:.0f} MB, or capture a run of its own (nnlens capture).",
        )


def check_same(store: Store, model: Model) -> Model:
    """Return a model that has the architecture of a run.

    Parameters
    ----------
    store : Store
        The run.
    model : Model

    Returns
    -------
    Model
        The one that was given.

    Raises
    ------
    ModelError
        If it has another.
    """
    own = {(layer.name, layer.shape) for layer in store.graph}
    if {(layer.name, layer.shape) for layer in model.layers} != own:
        raise ModelError(
            f"{model.name} has other layers than the network of the run {store.name!r}.",
            "Make it with nnlens.with_weights(lens.model, FILE), or capture a run of its own.",
        )
    return model


def submit_weights(lens: Lens, path: Path) -> Job:
    """Have a file of weights put into a second network of the run's architecture, by the process that has the model.

    Parameters
    ----------
    lens : Lens
    path : Path
        Another one for each file: what was made of it is found by that.

    Returns
    -------
    Job
        Its result is a `Weights`.

    Raises
    ------
    ModelError
        If the file is empty or too large, or the run has no model that takes weights.
    """
    check_weights(lens, path.name, path.stat().st_size)
    model, title = the_model(lens), f"Weights of {path.name}"
    if model.reference is None:

        def fill(_: object) -> Weights:
            with lens.runner.lock:  # while it computes it is not quite as it was
                own = with_weights(model, path)
            return Weights(path, own.notes, own)

        return in_thread(str(path), title, fill)
    arguments = {"model": model.reference.to_dict(), "weights": str(path)}
    task = Task(
        str(path),
        title,
        "nnlens.lens.tasks:weights",
        arguments,
        lambda told: Weights(path, tuple(told["notes"])),
        deadline=DEADLINE,
    )
    return lens.jobs.ask(owner(arguments["model"]), task)


def forget(lens: Lens, weights: Weights) -> None:
    """Have the process that holds the model give back the memory of weights; none is started for that.

    Parameters
    ----------
    lens : Lens
    weights : Weights
        Whose file was removed.
    """
    if lens.model is None or lens.model.reference is None:
        return
    task = Task(f"forget {weights.path}", "Weights", "nnlens.lens.tasks:forget", {})
    lens.jobs.tell(owner(lens.model.reference.to_dict()), task)


# ------------------------------------------------------------------------------------------------------- in the worker
def kept(arguments: Mapping[str, Any], model: Model) -> Model:
    """Return the model, or its architecture with the weights that a request names."""
    path = arguments.get("weights")
    if path is None:
        return model
    prune(KEPT if path in _kept else KEPT - 1)
    if path not in _kept:
        _kept[path] = with_weights(model, path)
    _kept.move_to_end(path)
    return _kept[path]


def prune(most: int = KEPT) -> None:
    """Let go of networks whose weights were removed, and of more than so many."""
    for path in [path for path in _kept if not Path(path).is_file()]:
        del _kept[path]
    while len(_kept) > most:
        _kept.popitem(last=False)
