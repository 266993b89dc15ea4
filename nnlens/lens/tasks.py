"""What workers are asked to do, by name: compute an analysis, capture a run. Plain data in, plain data out."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlens.errors import JobError
from nnlens.jobs.wire import write_dataset
from nnlens.lens import Lens
from nnlens.lens.explaining import explain
from nnlens.lens.outside import look
from nnlens.lens.requesting import from_dict
from nnlens.lens.running import is_kept
from nnlens.lens.weights import kept, prune
from nnlens.models.base import Model, ModelReference
from nnlens.models.later import LaterModel
from nnlens.models.preprocess import Preprocess
from nnlens.registry import Registry
from nnlens.store import Store, open_store

if TYPE_CHECKING:
    from nnlens.capturing import CaptureProgress
    from nnlens.jobs.worker import PipeReport

LENSES = 4
"""Runs that a long-lived worker keeps open."""
_lenses: OrderedDict[str, Lens] = OrderedDict()
_models: dict[str, Model] = {}


def analysis(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:
    """Compute a request.

    Parameters
    ----------
    arguments : mapping
        ``run`` (path), ``rows`` (committed samples that the request is about), ``model`` (reference or None),
        ``stand_in`` (whether the plan names the model though nothing is left for it to do),
        ``registry`` (recipe), ``request``, and the ``key`` that it had where it came from.
    report : PipeReport

    Returns
    -------
    dict
        ``key`` of the result; ``file`` where it is not kept beside the run; ``stopped``.

    Raises
    ------
    JobError
        If this process would compute something else than was asked for.
    """
    lens = open_lens(arguments)
    plan = lens.plan(from_dict(lens.store, lens.registry, arguments["request"]))
    if plan.key != arguments["key"]:
        raise JobError(
            f"{plan.info.name} was changed since this process was started.",
            "Start it again, so that both are the same.",
        )
    result = lens.runner.run(plan, report)
    answer: dict[str, Any] = {"key": result.attrs["key"], "stopped": bool(result.attrs.get("stopped", False))}
    if not is_kept(plan):
        path = report.folder / f"{plan.key}.npz"
        write_dataset(path, result)
        answer["file"] = str(path)
    return answer


def outside(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:  # noqa: ARG001 - it takes a moment
    """Look at a picture from outside of a run.

    Parameters
    ----------
    arguments : mapping
        ``model`` (reference), ``layer``, and ``picture``, the bytes of its file as base64; perhaps ``weights``, the
        path of other ones.
    report : PipeReport

    Returns
    -------
    dict
        Of `nnlens.lens.outside.Outside`.
    """
    content = base64.b64decode(arguments["picture"])
    model = kept(arguments, open_model(arguments["model"]))
    return look(model, content, arguments["layer"]).to_dict()


def weights(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:  # noqa: ARG001 - nothing to tell
    """Put weights into a second network of a model's architecture.

    Parameters
    ----------
    arguments : mapping
        ``model`` (reference), ``weights`` (path).
    report : PipeReport

    Returns
    -------
    dict
        ``notes``.
    """
    return {"notes": kept(arguments, open_model(arguments["model"])).notes}


def forget(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:  # noqa: ARG001 - nothing to tell
    """Let go of networks whose weights were removed."""
    prune()
    return {}


def explained(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:
    """Explain a picture from outside of a run.

    Parameters
    ----------
    arguments : mapping
        As of `analysis`, without ``key``; and ``picture``, the bytes of its file as base64; perhaps ``weights``, the
        path of other ones.
    report : PipeReport

    Returns
    -------
    dict
        ``file`` of the result, which nobody keeps.
    """
    lens, asked = open_lens(arguments), dict(arguments["request"])
    given = {name: asked[name] for name in ("layer", "channel", "target", "seed")} | asked["parameters"]
    content = base64.b64decode(arguments["picture"])
    other = kept(arguments, open_model(arguments["model"])) if "weights" in arguments else None
    result = explain(lens, content, asked["analysis"], given, report, other)
    path = report.folder / f"{result.attrs['key']}.npz"
    write_dataset(path, result)
    return {"file": str(path)}


def capture(arguments: Mapping[str, Any], report: PipeReport) -> dict[str, Any]:
    """Capture a run from references; a stop keeps what is committed.

    Parameters
    ----------
    arguments : mapping
        As `nnlens.capturing.capture_from_references` takes them.
    report : PipeReport

    Returns
    -------
    dict
        ``path`` of the run; ``stopped``.
    """
    from nnlens.capturing import capture_from_references

    def progress(state: CaptureProgress) -> None:
        words = "" if state.accuracy is None else f"accuracy {state.accuracy:.3f}"
        report.progress(state.done, state.total, words)
        if report.stopping:
            raise KeyboardInterrupt

    try:
        capture_from_references(dict(arguments), progress)
    except KeyboardInterrupt:
        return {"path": arguments["path"], "stopped": True}
    return {"path": arguments["path"], "stopped": False}


def open_lens(arguments: Mapping[str, Any]) -> Lens:
    """Return the Lens that a request is about, kept from request to request in a long-lived worker."""
    names = ("run", "rows", "fingerprint", "model", "stand_in", "registry")
    key = json.dumps([arguments[name] for name in names], sort_keys=True)
    if key not in _lenses:
        store = open_rows(arguments["run"], arguments["rows"])
        if store.fingerprint != arguments["fingerprint"]:
            raise JobError(f"The run {store.name!r} was replaced by another.", "Open it again.")
        registry = Registry.from_recipe(arguments["registry"])
        _lenses[key] = Lens(store, _model(store, arguments), registry)
        while len(_lenses) > LENSES:
            _lenses.popitem(last=False)
    _lenses.move_to_end(key)
    return _lenses[key]


def _model(store: Store, arguments: Mapping[str, Any]) -> Model | None:
    """Open the model; only what a run tells of it where it is named in the plan and has nothing left to do."""
    if arguments["model"] is not None:
        return open_model(arguments["model"])
    if not arguments["stand_in"]:
        return None
    told = Preprocess.from_dict(store.metadata["preprocess"])
    return LaterModel(store.metadata["model"], store.graph, told, ModelReference("", None, told, ""))


def open_rows(path: str, rows: int) -> Store:
    """Open a run as it was when it had so many samples; a capture may have gone on since."""
    store = open_store(path)
    if store.committed < rows:
        raise JobError(f"The run {store.name!r} lost samples since it was opened.", "Open it again.")
    return store if store.committed == rows else Store(Path(path), replace(store.commit, rows=rows))


def open_model(reference: Mapping[str, Any]) -> Model:
    """Open a model, once a worker."""
    from nnlens.models import reopen_model

    key = json.dumps(reference, sort_keys=True)
    if key not in _models:
        _models[key] = reopen_model(ModelReference.from_dict(reference))
    return _models[key]
