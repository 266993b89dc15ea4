"""A Keras network once more, with the weights of a file that may be a stranger's."""

from __future__ import annotations

from pathlib import Path

from nnlens.errors import ModelError
from nnlens.models.keras.configuration import check_code
from nnlens.models.keras.drawing import copied
from nnlens.models.keras.files import checked_config, fill_from
from nnlens.models.keras.model import KerasModel
from nnlens.models.keras.new_weights import ORDER_HINT
from nnlens.models.sniff import Kind


def refilled(model: KerasModel, path: Path, kind: Kind) -> KerasModel:
    """Return a copy of a model with the weights of a file; of a whole network nothing else is taken.

    Parameters
    ----------
    model : KerasModel
        The model, which stays as it is.
    path : Path
        The file, which is not trusted.
    kind : Kind
        What `sniff` told of it.

    Returns
    -------
    KerasModel
        With the preprocessing of `model`, called after the file.

    Raises
    ------
    ModelError
        If the file carries code or leads to other files, or the weights do not fit; without a hint where the
        architecture is another.
    """
    config, _ = checked_config(path, kind, whole=False)
    check_code(config, path.name)
    network = copied(model.model, model.model.get_weights())
    try:
        fill_from(network, path, kind)
    except ModelError as error:
        raise ModelError(error.message, error.hint if error.hint != ORDER_HINT else "") from error
    return KerasModel(network, model.preprocess, path.name.partition(".")[0])
