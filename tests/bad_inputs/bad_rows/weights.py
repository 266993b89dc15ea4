"""Rows 1 to 18: files of models."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bad_rows.making import captured, opened, rewrite, saved
from bad_rows.row import Case, Row
from nnlens.errors import ModelError

PAGE = b"\n<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 49012345\n"


class Trap:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return open, ("trapped", "w")


def bytes_of(data: bytes) -> Case:
    saved()
    Path("weights.pth").write_bytes(data)
    return opened()


def cut(share: float = 0.6, **how: Any) -> Case:
    data = saved(**how)
    return bytes_of(data[: int(share * len(data))])


def cut_safetensors() -> Case:
    data = safetensors("weights.safetensors")
    Path("weights.safetensors").write_bytes(data[:-40])
    return opened("weights.safetensors")


def safetensors(name: str) -> bytes:
    from safetensors.torch import save_file

    from bad_rows.making import network

    save_file(network().state_dict(), name)
    return Path(name).read_bytes()


def keras_network() -> Any:
    import keras

    import nnlens.models.keras  # noqa: F401 - with it Keras comes quietly

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.Flatten(),
            layers.Dense(10, name="fc"),
        ]
    )


def keras_file(name: str = "net.keras") -> bytes:
    keras_network().save("net.keras")
    return Path("net.keras").rename(name).read_bytes()


def hdf5_file() -> bytes:
    keras_network()
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    save_model_to_hdf5(keras_network(), "net.h5", include_optimizer=False)
    return Path("net.h5").read_bytes()


def cut_keras() -> Case:
    data = keras_file()
    Path("net.keras").write_bytes(data[: len(data) // 2])
    return opened("net.keras", None)


def cut_hdf5() -> Case:
    data = hdf5_file()
    Path("net.h5").write_bytes(data[: len(data) // 2])
    return opened("net.h5", None)


def pickled(thing: Any, **how: Any) -> Case:
    """A file of torch.save that holds something else than weights."""
    import torch

    saved()
    torch.save(thing, "weights.pth", **how)
    return opened()


def module() -> Case:
    from bad_rows.making import network

    return pickled(network())


def prefixed(prefix: str) -> Case:
    saved(change=lambda state: {prefix + name: value for name, value in state.items()})
    return captured()


def lightning() -> Case:
    saved(change=lambda state: {"epoch": 3, "state_dict": {f"model.{name}": v for name, v in state.items()}})
    return captured()


def other_names() -> Case:
    saved(change=lambda state: {name.replace("3.", "fc."): value for name, value in state.items()})
    return opened()


def other_head() -> Case:
    saved()
    return opened(architecture="net.py:head")


def from_a_card() -> Case:
    """Rewrite the places of the tensors, for no card is needed to read what stands in the file."""
    saved()

    def move(members: dict[str, bytes]) -> None:
        name = next(each for each in members if each.endswith("data.pkl"))
        assert b"X\3\0\0\0cpu" in members[name]
        members[name] = members[name].replace(b"X\3\0\0\0cpu", b"X\6\0\0\0cuda:0")

    rewrite("weights.pth", move)
    return captured()


def bomb() -> Case:
    """A zip file that claims 64 MB for a few bytes, in its list of members."""
    saved()
    with zipfile.ZipFile("weights.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/data/0", b"few")
    data = bytearray(Path("weights.pth").read_bytes())
    place = data.rindex(b"PK\1\2")
    data[place + 24 : place + 28] = struct.pack("<I", 64 << 20)
    return bytes_of(bytes(data))


def exported() -> Case:
    import torch

    from bad_rows.making import network

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(network().eval(), (torch.zeros(1, 1, 8, 8),))
        torch.export.save(program, "program.pt2")
    return opened("program.pt2")


def script() -> Case:
    import torch

    from bad_rows.making import network

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network().eval(), torch.zeros(1, 1, 8, 8)), "script.pt")
    return opened("script.pt")


def misnamed() -> Case:
    safetensors("weights.pth")
    return captured()


def misnamed_keras() -> Case:
    keras_file("net.pth")
    return captured("net.pth", None)


def outside() -> Case:
    keras_file()
    with zipfile.ZipFile("net.keras", "a") as archive:
        archive.writestr("../outside", "x")
    return opened("net.keras", None)


def with_code() -> Case:
    import keras

    import nnlens.models.keras  # noqa: F401

    trap = keras.layers.Lambda(lambda x: (Path("trapped").touch(), x)[1], output_shape=(8, 8, 1))
    net = keras.Sequential([keras.Input((8, 8, 1)), trap, keras.layers.Flatten(), keras.layers.Dense(10)])
    Path("trapped").unlink(missing_ok=True)
    net.save("net.keras")
    return opened("net.keras", None)


def greedy() -> Case:
    keras_file()

    def ask(members: dict[str, bytes]) -> None:
        members["config.json"] = members["config.json"].replace(b'"units": 10', b'"units": 10000000000')

    rewrite("net.keras", ask)
    return opened("net.keras", None)


def of_type(dtype: str, architecture: str = "net.py:net") -> Case:
    import torch

    saved(change=lambda state: {name: value.to(getattr(torch, dtype)) for name, value in state.items()})

    def check(store: Any) -> None:
        assert {layer.name for layer in store.layers} >= {"0", "3"}
        assert store.activation("0").dtype == np.float32
        assert np.isfinite(store.activation("3").values).all()

    return captured(architecture=architecture, check=check)


DAMAGED = r"is cut off or damaged.*Fetch the file again"
CODE = r"could run code.*state_dict"
ROWS = [
    Row(1, "empty file", lambda: bytes_of(b""), r"weights\.pth is empty", ModelError),
    Row(2, "cut off, .pth", cut, DAMAGED, ModelError),
    Row(
        2,
        "cut off, .pth of old torch",
        lambda: cut(_use_new_zipfile_serialization=False),
        DAMAGED,
        ModelError,
    ),
    Row(2, "cut off, .safetensors", cut_safetensors, DAMAGED, ModelError),
    Row(2, "cut off, .keras", cut_keras, DAMAGED, ModelError),
    Row(2, "cut off, .h5", cut_hdf5, DAMAGED, ModelError),
    Row(3, "a web page in place of the file", lambda: bytes_of(PAGE), "web page", ModelError),
    Row(4, "a git-lfs pointer in place of the file", lambda: bytes_of(POINTER), "git lfs pull", ModelError),
    Row(5, "a pickle that would run code", lambda: bytes_of(pickle.dumps(Trap())), CODE, ModelError),
    Row(5, "a pickle that would run code, of torch.save", lambda: pickled({"x": Trap()}), CODE, ModelError),
    Row(5, "a Lambda layer in a .keras", with_code, "carries code in its layers", ModelError),
    Row(6, "a whole pickled module", module, CODE, ModelError),
    Row(
        7,
        "names that begin with `module.`",
        lambda: prefixed("module."),
        "prefix 'module.' was dropped",
        works="The prefix is dropped.",
    ),
    Row(
        8,
        "a checkpoint of Lightning",
        lightning,
        "taken from the entry 'state_dict'.*\n*.*'model.' was dropped",
        works="The weights are taken out of it.",
    ),
    Row(
        9,
        "other names of weights",
        other_names,
        r"lack 3\.weight, 3\.bias and have also fc\.weight",
        ModelError,
    ),
    Row(
        10,
        "a head of another size",
        other_head,
        "The file's head has 10 outputs, the architecture's 7",
        ModelError,
    ),
    Row(11, "saved on a graphics card", from_a_card, works="Opens on the processor."),
    Row(12, "a zip bomb", bomb, r"claims to unpack to 67,108,864", ModelError),
    Row(
        12,
        "a layer that asks for all memory",
        greedy,
        "layer of 10,000,000,000, but holds no weights",
        ModelError,
    ),
    Row(13, "an exported program, .pt2", exported, "exported torch program", ModelError),
    Row(14, "a TorchScript program", script, "TorchScript program", ModelError),
    Row(15, "safetensors that are called .pth", misnamed, works="The content tells what it is."),
    Row(15, "a Keras file that is called .pth", misnamed_keras, works="The content tells what it is."),
    Row(16, "a .keras with a member ../outside", outside, "points outside", ModelError),
    Row(17, "weights in float16", lambda: of_type("float16"), works="They become float32."),
    Row(
        18,
        "a network in bfloat16",
        lambda: of_type("bfloat16", "net.py:half"),
        works="It computes in float32.",
    ),
]
