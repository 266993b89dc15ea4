"""Small trained networks that come with nnlens, so that the first run needs nothing else.

Each is a torch architecture in `nnlens.models.torch.networks` and a file of weights here, made by the script beside it.
"""

from __future__ import annotations

import hashlib
import importlib
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from nnlens.errors import ModelError
from nnlens.models.base import ModelReference

if TYPE_CHECKING:
    from nnlens.models.base import Model
    from nnlens.models.preprocess import Preprocess

PREFIX = "zoo:"
NETWORKS = {
    "digits": "nnlens.models.torch.networks:digits",
    "fashion-mnist": "nnlens.models.torch.networks:fashion_mnist",
}
"""Name → architecture."""


def open_zoo(source: str, preprocess: Preprocess | None = None) -> Model:
    """Open a network by its name, such as ``"zoo:digits"``.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    name = source.removeprefix(PREFIX)
    if name not in NETWORKS:
        known = ", ".join(PREFIX + known for known in NETWORKS)
        raise ModelError(f"There is no network {source!r}.", f"There are {known}.")
    try:
        adapter = importlib.import_module("nnlens.models.torch")
    except ImportError as error:
        raise ModelError(f"{source} needs torch.", "Run: pip install 'nnlens[torch]'.") from error
    with as_file(files("nnlens.models.zoo").joinpath(f"{name}.safetensors")) as path:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        model = adapter.open_file(path, "safetensors", source, NETWORKS[name], preprocess, digest)
    model.reference = ModelReference(source, None, model.preprocess, digest)
    return model
