"""A model once more, with other weights of the same architecture: an earlier checkpoint, another training.

::

    earlier = nnlens.with_weights(model, "epoch-3.safetensors")
"""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from pathlib import Path

from nnlens.errors import ModelError
from nnlens.models.base import Model
from nnlens.models.loading import FRAMEWORKS, adapter
from nnlens.models.sniff import STATE_DICT_HINT, TRUST_HINT, sniff

REFILLED = {"torch": "torch", "keras": "Keras"}
"""Framework → how it is written, of those whose weights can be told from the network."""
CLASSES = {"torch": "TorchModel", "keras": "KerasModel"}
SAME = "Give weights of the same architecture; those of another one need a run of their own (nnlens capture)."


def with_weights(model: Model, weights: str | os.PathLike[str] | bytes) -> Model:
    """Return a copy of a model that has the weights of a file; the model itself stays as it is.

    No code of the file is run, whatever it holds: of a whole network, too, only the weights are taken.

    Parameters
    ----------
    model : Model
        A network of torch or Keras.
    weights : path or bytes
        A ``state_dict`` (``.pth``, ``.pt``, ``.safetensors``) for torch, ``.weights.h5``, ``.h5`` or ``.keras`` for
        Keras; or what such a file holds.

    Returns
    -------
    Model
        With the preprocessing of `model`, and ``notes`` on what was done on the way.

    Raises
    ------
    ModelError
        If the file carries code or is damaged, or its weights do not fit, naming those that differ.

    Examples
    --------
    >>> earlier = nnlens.with_weights(lens.model, "epoch-3.pth")  # doctest: +SKIP
    >>> lens.outside("cat.jpg", "gradcam", model=earlier)["attribution"]  # doctest: +SKIP
    """
    check_refillable(model.framework)
    opened: Model = getattr(model, "opened", model)  # of one that is opened when it is first used
    with tempfile.TemporaryDirectory() if isinstance(weights, bytes) else nullcontext("") as folder:
        path = Path(folder) / "weights" if isinstance(weights, bytes) else Path(weights).expanduser()
        if isinstance(weights, bytes):
            path.write_bytes(weights)
        return _refilled(opened, path)


def check_refillable(framework: str) -> None:
    """Refuse a network whose weights cannot be told from it.

    Raises
    ------
    ModelError
        If it is none of torch or Keras.
    """
    if framework not in REFILLED:
        raise ModelError(
            f"A network of {framework.upper()} cannot be given other weights.",
            "Open it in the framework that it was made with, torch or Keras.",
        )


def _refilled(model: Model, path: Path) -> Model:
    if not path.is_file():
        raise ModelError(f"There is no file {path.name!r}.", "Give a file of weights.")
    try:
        kind = sniff(path)
        if FRAMEWORKS[kind] != model.framework:
            theirs, own = (REFILLED.get(each, each.upper()) for each in (FRAMEWORKS[kind], model.framework))
            raise ModelError(f"{path.name} is a file of {theirs}, and the network is one of {own}.", SAME)
        its = adapter(model.framework)
        if not isinstance(model, getattr(its, CLASSES[model.framework])):
            raise ModelError(
                f"{model.name} is a model of its own kind, whose weights nnlens cannot set.", SAME
            )
        return its.refilled(model, path, kind)
    except ModelError as error:
        # to trust the file is no way here: the weights alone are wanted
        hint = STATE_DICT_HINT if error.hint == TRUST_HINT else error.hint
        raise ModelError(error.message, hint or SAME) from error
