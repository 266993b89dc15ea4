"""The capture behind a page, begun before the interface is imported: both take seconds, and there are two cores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlens.errors import NNLensError
from nnlens.jobs import Job, shared_manager
from nnlens.models.loading import file_sha256
from nnlens.models.preprocess import Preprocess
from nnlens.store import open_store
from nnlens.store.results import cache_folder

ZOO = "zoo:"
DEMO = {"model": f"{ZOO}digits", "samples": "digits", "split": "all"}


@dataclass(frozen=True)
class Begun:
    """A capture that has been begun, or needs none.

    Attributes
    ----------
    path : Path
        The run.
    title : str
        The model and its samples.
    model : str
    architecture : str or None
    preprocess : Preprocess or None
        As in `nnlens.load_model`.
    job : Job or None
        None where the run is complete already.
    trust : bool
        Whether the model's file may run its code.
    """

    path: Path
    title: str
    model: str
    architecture: str | None
    preprocess: Preprocess | None
    job: Job | None
    trust: bool = False


def begin(
    model: str | Path,
    samples: str | Path,
    run: str | Path | None = None,
    *,
    architecture: str | None = None,
    preprocess: Preprocess | None = None,
    trust: bool = False,
    split: str = "train",
    limit: int | None = None,
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Begun:
    """Begin to capture in a process of its own, or go on where a capture of the same stopped.

    Parameters
    ----------
    model, architecture, preprocess, trust : optional
        As in `nnlens.load_model`.
    samples, split, limit, seed : optional
        As in `nnlens.load_samples`.
    run : str or Path, optional
        The run's folder; one in the user's cache folder when left out, which is used again for the same arguments.
    options : mapping, optional
        Others of `nnlens.capture`.
    """
    request = {
        "model": {
            "source": str(model),
            "architecture": architecture,
            "preprocess": preprocess.to_dict() if preprocess else None,
            **({"trust": True} if trust else {}),
        },
        "samples": {"source": str(samples), "split": split, "limit": limit, "seed": seed},
        "options": dict(options or {}),
    }
    path = Path(run) if run is not None else cache_folder() / "runs" / _folder(request)
    title = f"{Path(str(model)).name.removeprefix(ZOO)} × {Path(str(samples)).name}"
    job = None if _is_complete(path) else _start(request, path)
    return Begun(path, title, str(model), architecture, preprocess, job, trust)


def begin_demo() -> Begun:
    """Begin with 1,797 handwritten digits and the small network that comes along; captured on first use, in seconds."""
    return begin(DEMO["model"], DEMO["samples"], split=DEMO["split"])


def _start(request: Mapping[str, Any], path: Path) -> Job:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {**request["options"], "resume": (path / "commit.json").exists()}
    return shared_manager().submit_capture(request["model"], request["samples"], path, options)


def _folder(request: Mapping[str, Any]) -> str:
    """Name a run in the cache folder by what goes into it; the same file, changed, is another run."""
    source, samples = Path(request["model"]["source"]), Path(request["samples"]["source"])
    content = file_sha256(source) if source.is_file() else str(source)
    code = str(request["model"]["architecture"] or "").partition(":")[0]
    program = file_sha256(Path(code)) if Path(code).is_file() else code
    text = json.dumps([request, content, program], sort_keys=True, default=str)
    return f"{source.name.removeprefix(ZOO)}-{samples.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _is_complete(path: Path) -> bool:
    try:
        return open_store(path).complete
    except NNLensError:
        return False
