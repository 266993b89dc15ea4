"""Make files that would run code, reach other files or fill the memory: ``python make_hostile.py FOLDER``.

What one of them runs leaves a file ``ran`` in FOLDER/models, samples or runs, where it lies beside ``evil.py``, which
does so when it is imported. In ``good`` are files of the same kinds, so that a program can open one of each at first.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import nnlens
import nnlens.models.keras
from nnlens.models.base import ModelReference
from nnlens.store.commit import digest, read_commit, write_commit
from nnlens.testing import tiny_images, tiny_model

EVIL = "open('ran', 'w').close()\ndef net(): pass\nclass Net: pass\n"
NET = """
from torch import nn
from nnlens import Preprocess
preprocess = Preprocess(8, order="grey")
def net(): return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 10))
"""
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script><image href="http://localhost/x"/></svg>'
PROGRAM = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(ran) (w) file closefile showpage\n"


class Calls:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


TRAPS = {
    "open": Calls(open, ("ran", "w")),
    "system": Calls(os.system, ("touch ran",)),
    "exec": Calls(exec, ("open('ran', 'w')",)),
    "import": Calls(__import__, ("evil",)),
}


def main(folder: Path) -> None:
    for name, make in (("good", good), ("models", models), ("samples", samples), ("runs", runs)):
        (folder / name).mkdir()
        os.chdir(folder / name)
        make()
        Path("ran").unlink(missing_ok=True)
        Path("evil.py").write_text(EVIL)


def good() -> None:
    Path("net.py").write_text(NET)
    torch_file("net.pth")
    keras_network().save("net.keras")
    save_old(keras_network(), "net.h5")
    images, labels = tiny_images(12)
    np.save("images.npy", images)
    np.savez("images.npz", images=images, labels=labels)
    pictures("folder/a", 2)
    Path("table.csv").write_text("path,label\nfolder/a/0.png,1\n")
    parquet("table.parquet", b"")
    cifar("cifar", pickle.dumps({"data": np.zeros((3, 3072), np.uint8), "labels": [0, 1, 2]}, 2))
    nnlens.capture(tiny_model(), nnlens.load_samples(tiny_images(60)), "run")


def models() -> None:
    import torch

    shutil.copy("../good/net.py", "net.py")
    for name, trap in TRAPS.items():
        Path(f"pickle {name}.pth").write_bytes(pickle.dumps(trap))
        torch.save({"state_dict": {}, "x": trap}, f"zip {name}.pth")
        torch.save({"x": trap}, f"old {name}.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), "module.pth")
    programs(torch)
    lambdas()
    rewritten(
        "module.keras",
        b'"module": "keras.layers", "class_name": "Flatten"',
        b'"module": "evil", "class_name": "Net"',
    )
    rewritten(
        "system.keras",
        b'"module": "keras.layers", "class_name": "Flatten"',
        b'"module": "os", "class_name": "system"',
    )
    rewritten(
        "builtins.keras",
        b'"module": "keras.layers", "class_name": "Flatten"',
        b'"module": "builtins", "class_name": "exec"',
    )
    rewritten("units.keras", b'"units": 10', b'"units": 10000000000')
    outside("outside.keras")
    bomb("bomb.pth")
    linked("linked.h5")
    Path("garbage.onnx").write_bytes(b"\x08\x07\x12\x04evil" + bytes(range(256)))
    Path("header.safetensors").write_bytes(
        struct.pack("<Q", 60) + b'{"__metadata__": {"x": "evil"}}'.ljust(60)
    )
    Path("evil.json").write_text(
        '{"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": {}}]}'
    )


def programs(torch: Any) -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(net, torch.zeros(1, 1, 8, 8)), "script.pt")
        torch.export.save(torch.export.export(net, (torch.zeros(1, 1, 8, 8),)), "program.pt2")


def torch_file(name: str) -> None:
    import torch

    scope: dict[str, Any] = {}
    exec(NET, scope)
    torch.save(scope["net"]().state_dict(), name)


def keras_network(*first: Any) -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential([keras.Input((8, 8, 1)), *first, layers.Flatten(), layers.Dense(10)])


def save_old(network: Any, name: str) -> None:
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    save_model_to_hdf5(network, name, include_optimizer=False)


def lambdas() -> None:
    import keras

    trap = keras.layers.Lambda(lambda x: (Path("ran").touch(), x)[1], output_shape=(8, 8, 1))
    keras_network(trap).save("lambda.keras")
    save_old(keras_network(trap), "lambda.h5")
    keras_network().save_weights("weights.weights.h5")


def rewritten(name: str, old: bytes, new: bytes) -> None:
    """A .keras with something else in its configuration."""
    with zipfile.ZipFile("../good/net.keras") as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    assert old in members["config.json"], members["config.json"]
    members["config.json"] = members["config.json"].replace(old, new)
    with zipfile.ZipFile(name, "w") as archive:
        for each, data in members.items():
            archive.writestr(each, data)


def outside(name: str) -> None:
    shutil.copy("../good/net.keras", name)
    with zipfile.ZipFile(name, "a") as archive:
        archive.writestr("../ran", "x")
        archive.writestr("assets/../../ran", "x")


def bomb(name: str) -> None:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/data/0", bytes(200 << 20))


def linked(name: str) -> None:
    """Weights that lie in another file."""
    import h5py

    with h5py.File("secret.h5", "w") as file:
        file["values"] = np.ones((64, 10), np.float32)
    shutil.copy("../good/net.h5", name)
    with h5py.File(name, "r+") as file:
        found: list[str] = []
        file.visit(lambda each: found.append(each) if each.endswith("kernel") else None)
        del file[found[0]]
        file[found[0]] = h5py.ExternalLink("secret.h5", "values")


def samples() -> None:
    for name, trap in TRAPS.items():
        np.save(f"{name}.npy", np.array([trap, 1], object), allow_pickle=True)
        np.savez(f"{name}.npz", images=np.array([trap, 1], object))
        cifar(f"cifar {name}", pickle.dumps({"data": trap, "labels": [0]}, 2))
    pictures("drawing/a", 1)
    Path("drawing/a/1.png").write_bytes(SVG)
    Path("drawing/a/2.jpg").write_bytes(PROGRAM)
    Path("drawing/a/3.eps").write_bytes(PROGRAM)
    Path("drawing/drawing.py").write_text(EVIL)  # what Hugging Face once ran as the script of a data set
    Path("table.csv").write_text("path,label\n/etc/passwd,1\n../models/zip open.pth,=1+1\n@evil,x\n")
    Path("evil.csv").write_text("path;split\n|touch ran;train\nhttp://localhost/x.png;train\n")
    parquet("table.parquet", pickle.dumps(TRAPS["open"]))
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", bytes(200 << 20))


def pictures(folder: str, count: int) -> None:
    Path(folder).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(f"{folder}/{number}.png")


def cifar(folder: str, data: bytes) -> None:
    Path(folder).mkdir()
    for number in range(1, 6):
        Path(folder, f"data_batch_{number}").write_bytes(data)


def parquet(name: str, pickled: bytes) -> None:
    """A table whose column says that its type is a pickled Python object."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickled}
    field = pa.field("path", pa.string(), metadata=told if pickled else None)
    pq.write_table(pa.table([pa.array(["folder/a/0.png"])], schema=pa.schema([field])), name)


def runs() -> None:
    model = tiny_model()
    model.reference = ModelReference("evil.pth", "evil.py:net", model.preprocess, "0" * 64)
    Path("evil.pth").write_bytes(pickle.dumps(TRAPS["open"]))
    for name in ("names a file", "pickles", "links", "results elsewhere"):
        nnlens.capture(model, nnlens.load_samples(tiny_images(60)), name)
    array = Path("pickles/data.zarr/samples/label")
    told = json.loads((array / "zarr.json").read_text())
    told["codecs"] = [{"name": "numcodecs.pickle", "configuration": {"id": "pickle"}}]
    (array / "zarr.json").write_text(json.dumps(told))
    (array / "c.0").write_bytes(pickle.dumps(TRAPS["open"]))
    commit = read_commit(Path("pickles"))
    assert commit is not None
    found = digest((array / "zarr.json").read_bytes())
    write_commit(
        Path("pickles"), replace(commit, metadata={**commit.metadata, "samples/label/zarr.json": found})
    )
    shutil.rmtree("links/data.zarr/samples/label")
    Path("links/data.zarr/samples/label").symlink_to("/etc")
    Path("results elsewhere/results").symlink_to("../../samples")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
