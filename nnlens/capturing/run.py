"""The way from a model and samples to a run: checks, plan, computing and writing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nnlens.capturing.alarm import warn_of_preprocess
from nnlens.capturing.caution import warn_of_files, warn_of_outcome
from nnlens.capturing.contents import (
    choose_batch_size,
    commit_rows,
    layer_layouts,
    run_attributes,
    run_fingerprint,
    sample_layouts,
    stored_layers,
)
from nnlens.capturing.loop import CaptureLoop, Progress
from nnlens.capturing.plan import CaptureEstimate, estimate_capture, size_text
from nnlens.capturing.probing import find_forms
from nnlens.capturing.writing import OverlappedWriter, WritingError
from nnlens.errors import CaptureError
from nnlens.models.base import Model, ModelReference
from nnlens.samples.base import Samples
from nnlens.store.commit import Commit, read_commit
from nnlens.store.layout import ArrayLayout
from nnlens.store.opening import open_store
from nnlens.store.reader import Store
from nnlens.store.writer import StoreWriter, check_no_strangers

SPARE = 1.1
"""Free space that must be there, for every byte that is to be written."""


def capture(
    model: Model,
    samples: Samples,
    path: str | Path,
    *,
    layers: Sequence[str] | None = None,
    keep: Sequence[str] | str | None = None,
    budget: int | str = "2GB",
    batch_size: int | None = None,
    commit_size: int | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Store:
    """Run samples through a network and store what every layer made of them.

    Parameters
    ----------
    model : Model
        From `load_model`.
    samples : Samples
        From `load_samples`.
    path : str or Path
        Folder of the new run.
    layers : sequence of str, optional
        Layers to capture; all that can be when left out.
    keep : sequence of str or "all", optional
        Spatial layers to store in full; as many as fit the budget when left out.
    budget : int or str
        Bytes for activations in full, such as ``"4GB"``.
    batch_size : int, optional
        Samples in one forward pass; 32 to 128 when left out, by the size of the network's input.
    commit_size : int, optional
        Samples that are stored together, rounded down to a power of two; chosen from their bytes when left out.
    resume : bool
        Go on where an interrupted capture stopped. A complete run is returned as it is.
    progress : callable, optional
        Called with a `CaptureProgress` several times a second.

    Returns
    -------
    Store

    Raises
    ------
    CaptureError
        If there is a run already, or not enough space, or the disk fails; what was committed stays.
    StoreLockedError
        If another process writes the run.
    KeyboardInterrupt
        With a message that says how many samples are safe.
    """
    check_kinds(model, samples, path)
    folder = Path(path)
    found = existing_run(folder, resume)
    check_inputs(model, samples)
    samples = samples.for_outputs(model.class_count)
    estimate = estimate_capture(model, samples, layers, keep, budget)
    check_space(
        folder, estimate.bytes, found, "Free some space, or keep less with a smaller budget or keep=[]."
    )
    stored = stored_layers(estimate)
    size = batch_size or (found and found.metadata.get("batch_size")) or choose_batch_size(model)
    layouts = found.layouts() if found else plan_layouts(model, samples, estimate, commit_size)
    attributes = run_attributes(model, samples, estimate, stored, size)
    with StoreWriter(folder, layouts, attributes, run_fingerprint(model, samples, stored), resume) as writer:
        fill(writer, CaptureLoop(model, samples, estimate, stored, size, progress), layouts)
    store = open_store(folder)
    begun_complete = found is not None and found.complete
    told = not begun_complete and warn_of_preprocess(model, samples, store)
    warn_of_outcome(store, near_chance=not told)
    warn_of_files(samples)
    return store


def plan_layouts(
    model: Model, samples: Samples, estimate: CaptureEstimate, commit_size: int | None
) -> list[ArrayLayout]:
    """Return all arrays of the run to be, cut as suits their bytes and laid out as the model has them."""
    stored = stored_layers(estimate)
    forms = find_forms(model, samples, stored)
    shard = commit_rows(estimate, model, commit_size)
    layouts = sample_layouts(samples, model.class_count, estimate.image_shape, shard)
    return layouts + layer_layouts(estimate, stored, shard, forms)


class Loop(Protocol):
    """What makes the batches of a run."""

    def run(self, commit: Commit, writer: OverlappedWriter) -> None:
        """Go on after a commit, to the end."""


def fill(writer: StoreWriter, loop: Loop, layouts: Sequence[ArrayLayout]) -> None:
    """Compute and write all that is not committed; whatever stops this, say how much is safe."""
    try:
        with OverlappedWriter(writer, layouts) as overlapped:
            loop.run(writer.commit, overlapped)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Capture was interrupted. {safe_text(writer.commit)}") from None
    except WritingError as error:
        raise CaptureError(f"The run could not be written: {error}.", safe_text(writer.commit)) from error


def existing_run(folder: Path, resume: bool) -> Store | None:
    """Return the run that lies in the folder and is to be resumed, None where there is none.

    Raises
    ------
    CaptureError
        If there is one that is not to be resumed.
    StoreError
        If the folder holds other things.
    """
    if folder.is_file():
        raise CaptureError(f"{str(folder)!r} is a file.", "Give a folder that is empty or does not exist.")
    commit = read_commit(folder) if folder.is_dir() else None
    if commit is None:
        if folder.is_dir():
            check_no_strangers(folder)
        return None
    if not resume:
        raise CaptureError(
            f"{str(folder)!r} holds a run already, with {commit.rows:,} of {commit.total:,} samples.",
            "Go on with it by resume=True (--resume), or capture into another folder.",
        )
    return open_store(folder)


def check_kinds(model: object, samples: object, path: object) -> None:
    """Refuse what is no model, no samples or no path, such as the names that they are opened by.

    Raises
    ------
    CaptureError
        Saying what opens them.
    """
    if not isinstance(model, Model):
        raise CaptureError(f"A {type(model).__name__} is no model.", "Open it with load_model.")
    if not isinstance(samples, Samples):
        raise CaptureError(f"A {type(samples).__name__} is no samples.", "Open them with load_samples.")
    if not isinstance(path, str | Path):
        raise CaptureError(f"A {type(path).__name__} is no path.", "Give the folder of the new run.")


def check_inputs(model: Model, samples: Samples) -> None:
    """Refuse what cannot become a run.

    Raises
    ------
    CaptureError
        If there are no samples, or ids occur twice, or the model has no outputs.
    """
    if not len(samples):
        raise CaptureError("There are no samples to capture.", "Give at least one.")
    if len(np.unique(samples.ids)) != len(samples):
        raise CaptureError("Two samples have the same id.", "Give each its own.")
    if model.class_count < 1:
        raise CaptureError(f"The model {model.name!r} has no outputs.", "Give an image classifier.")


def check_space(folder: Path, size: int, found: Store | None, hint: str) -> None:
    """Refuse to begin what the disk has no room for: so many bytes, less what a run has that is gone on with.

    Raises
    ------
    CaptureError
        Naming what is needed and what there is.
    """
    left = 1.0 if found is None else 1 - found.committed / found.total
    needed = SPARE * size * left
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise CaptureError(
            f"The run needs {size_text(needed)} and the disk has {size_text(free)}.",
            hint,
        )


def safe_text(commit: Commit) -> str:
    """Say how much of an unfinished run is safe and how to go on."""
    return f"{commit.rows:,} of {commit.total:,} samples are safe; go on with resume=True (--resume)."


def capture_from_references(request: Mapping[str, Any], progress: Progress | None = None) -> Store:
    """Capture in another process, where model and samples are opened from what their references say.

    Parameters
    ----------
    request : mapping
        ``model`` (`ModelReference` as plain data), ``samples`` (the arguments of `load_samples`), ``path``, and
        ``options`` for `capture`.
    progress : callable, optional
        As in `capture`.

    Returns
    -------
    Store
    """
    from nnlens.models.loading import reopen_model
    from nnlens.samples import load_samples

    model = reopen_model(ModelReference.from_dict(request["model"]))
    samples = load_samples(**request["samples"])
    return capture(model, samples, request["path"], progress=progress, **request.get("options", {}))
