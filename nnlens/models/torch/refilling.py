"""A torch network once more, with the weights of a file that may be a stranger's."""

from __future__ import annotations

from pathlib import Path

from nnlens.errors import ModelError
from nnlens.models.sniff import Kind
from nnlens.models.torch.drawing import copied
from nnlens.models.torch.model import TorchModel
from nnlens.models.torch.weights import fill, read_weights


def refilled(model: TorchModel, path: Path, kind: Kind) -> TorchModel:
    """Return a copy of a model with the weights of a file.

    Parameters
    ----------
    model : TorchModel
        The model, which stays as it is.
    path : Path
        The file, which is not trusted.
    kind : Kind
        What `sniff` told of it.

    Returns
    -------
    TorchModel
        With the preprocessing of `model`, called after the file.

    Raises
    ------
    ModelError
        If the file carries more than weights, or they do not fit; without a hint where the architecture is another.
    """
    weights, notes = read_weights(path, kind)
    module = copied(model.module)
    try:
        notes += fill(module, weights)
    except ModelError as error:  # how to change the architecture is no help: it is the open one's
        raise ModelError(error.message) from error
    return model.over(module, path.stem, notes)
