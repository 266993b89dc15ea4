"""`load_model`: one door to all frameworks, which are imported only when one is needed."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlens.errors import ModelError
from nnlens.models.base import Model, ModelReference
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import sniff
from nnlens.models.zoo import PREFIX, open_zoo

if TYPE_CHECKING:
    from types import ModuleType

ADAPTERS = {"torch": "nnlens.models.torch", "keras": "nnlens.models.keras", "onnx": "nnlens.models.onnx"}
"""Framework → package that speaks the Model protocol for it: `open_file` and `wrap`."""
FRAMEWORKS = {
    "torch": "torch",
    "safetensors": "torch",
    "torchscript": "torch",
    "exported": "torch",
    "pickle": "torch",
    "keras": "keras",
    "hdf5": "keras",
    "onnx": "onnx",
}
"""Kind of file → framework."""
BASES = {"keras": ("keras.src.models.model", "Model"), "torch": ("torch.nn.modules.module", "Module")}
"""Framework → module and name of the class that its networks derive from. Keras comes first: on torch its networks are
modules too."""
EXTRAS = {"torch": "nnlens[torch]", "keras": "nnlens[tensorflow]", "onnx": "nnlens[onnx]"}


def load_model(
    source: str | os.PathLike[str] | object,
    architecture: str | Callable[[], Any] | None = None,
    preprocess: Preprocess | None = None,
    trust: bool = False,
) -> Model:
    """Open a trained image classifier.

    Parameters
    ----------
    source : str, path, torch.nn.Module or keras.Model
        A file (``.pth``, ``.pt``, ``.safetensors``, ``.keras``, ``.h5``, ``.onnx``; told by content), a live network,
        or ``"zoo:digits"`` and ``"zoo:fashion-mnist"``, which come with nnlens. A ``.py`` file with a function
        ``get_model_and_input(image)`` is run.
    architecture : str or callable, optional
        For weights alone: ``"file.py:callable"`` or ``"package.module:callable"``, perhaps with arguments that are
        literals, ``"file.py:Net(width=32)"``. This code is run.
    preprocess : Preprocess, optional
        How images become inputs. Where it is left out it is taken from the attribute `preprocess` of the architecture,
        or for Keras from the input's shape with values scaled to 0–1.
    trust : bool
        Let a file that is a program of torch (TorchScript, ``.pt2``, a pickled network) run its code. Only for files
        of people whom you would let use your computer.

    Returns
    -------
    Model
        With ``notes`` on what was done on the way.

    Raises
    ------
    ModelError
        If the file is not what it should be, or does not fit. Without `trust` a file that carries code is refused and
        never run.
    """
    if not isinstance(source, str | os.PathLike):
        return adapter(_framework_of(source)).wrap(source, preprocess)
    name = os.fspath(source)
    if name.startswith(PREFIX):
        return open_zoo(name, preprocess)
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelError(
            f"There is no file {name!r}.", "Give a file of weights, or zoo:digits to try nnlens."
        )
    digest = file_sha256(path)
    if path.suffix == ".py":
        return _open_code(path, name, architecture, preprocess, digest)
    kind = sniff(path, trust)
    opened = partial(adapter(FRAMEWORKS[kind]).open_file, path, kind, name, architecture, preprocess, digest)
    return opened(trust=True) if trust and FRAMEWORKS[kind] == "torch" else opened()


def _open_code(
    path: Path, name: str, architecture: object, preprocess: Preprocess | None, digest: str
) -> Model:
    """Run a Python file that gives its network itself: naming it here is to ask for that."""
    if architecture is not None:
        raise ModelError(
            f"{name} is code, and an architecture is given as well.",
            "Give the file of weights, and this as the architecture; or this alone.",
        )
    return adapter("torch").open_code(path, name, preprocess, digest)


def reopen_model(reference: ModelReference) -> Model:
    """Open the model that a reference names, in another process.

    Raises
    ------
    ModelError
        If it cannot be opened, or the file has changed since.
    """
    model = load_model(reference.source, reference.architecture, reference.preprocess, reference.trust)
    if reference.sha256 and model.reference is not None and model.reference.sha256 != reference.sha256:
        raise ModelError(f"{reference.source} has changed since it was opened.", "Open it again.")
    return model


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file: neither .pth nor safetensors carries a checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _framework_of(source: object) -> str:
    """Tell the framework of a live network by the names of its base classes, without importing one."""
    bases = [(cls.__module__, cls.__name__) for cls in type(source).__mro__]
    for framework, (module, name) in BASES.items():
        if any(base == name and place.startswith(module) for place, base in bases):
            return framework
    raise ModelError(
        f"A {type(source).__name__} is no network that nnlens knows.",
        "Give a torch.nn.Module, a keras.Model or a file.",
    )


def adapter(framework: str) -> ModuleType:
    """Return the package that speaks the Model protocol for a framework.

    Raises
    ------
    ModelError
        If the framework is not installed.
    """
    try:
        return importlib.import_module(ADAPTERS[framework])
    except ImportError as error:
        raise ModelError(
            f"This needs {framework}, which cannot be imported: {error}.",
            f"Run: pip install '{EXTRAS[framework]}'.",
        ) from error
