"""Change good files at random and open them: ``python open_mutated.py FOLDER SEED COUNT FORMAT…``; prints JSON.

A file has bits flipped, bytes set, a piece cut out, a piece put in or said twice, or its end cut off. For each format
the answer tells how often it was opened and which error of nnlens came how often; what else was raised, or read from a
run as other numbers, with the number of the change; the longest time; and how much the memory grew. Before each change
its number is written to FOLDER/last, for a decoder written in C may end the process.
"""

from __future__ import annotations

import json
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnlens import load_model, load_samples, open_store
from nnlens.errors import NNLensError
from nnlens.testing import tiny_images, tiny_store

Opener = Callable[[], object]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes, mostly a few, near the beginning as often as elsewhere: most is told there."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        end = chance.choice((64, 512, len(changed))) if len(changed) > 512 else len(changed)
        place = chance.randrange(max(1, min(end, len(changed))))
        length = chance.choice((1, 2, 4, 8, 64))
        kind = chance.randrange(6)
        if not changed:
            break
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = chance.randbytes(length)
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        else:
            del changed[max(1, len(changed) - chance.randrange(1, len(changed) + 1)) :]
    return bytes(changed)


def pth() -> tuple[Path, Opener]:
    return torch_file("net.pth", _use_new_zipfile_serialization=True)


def old_pth() -> tuple[Path, Opener]:
    return torch_file("old.pth", _use_new_zipfile_serialization=False)


def torch_network() -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def torch_file(name: str, **how: Any) -> tuple[Path, Opener]:
    import torch

    torch.save(torch_network().state_dict(), name, **how)
    return Path(name), lambda: opened(name, torch_network)


def opened(name: str, build: Any = None) -> object:
    from nnlens import Preprocess

    return load_model(name, build, Preprocess(8, order="grey"))


def safetensors() -> tuple[Path, Opener]:
    from safetensors.torch import save_file

    save_file(torch_network().state_dict(), "net.safetensors")
    return Path("net.safetensors"), lambda: opened("net.safetensors", torch_network)


def keras_network() -> Any:
    import keras

    import nnlens.models.keras  # noqa: F401 - with it Keras comes quietly

    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])


def keras() -> tuple[Path, Opener]:
    keras_network().save("net.keras")
    return Path("net.keras"), lambda: opened("net.keras")


def h5() -> tuple[Path, Opener]:
    network = keras_network()
    from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5

    save_model_to_hdf5(network, "net.h5", include_optimizer=False)
    return Path("net.h5"), lambda: opened("net.h5")


def npy() -> tuple[Path, Opener]:
    np.save("images.npy", tiny_images(9)[0])
    return Path("images.npy"), lambda: seen("images.npy")


def npz() -> tuple[Path, Opener]:
    images, labels = tiny_images(9)
    np.savez_compressed("images.npz", images=images, labels=labels, class_names=np.array(["a", "b", "c"]))
    return Path("images.npz"), lambda: seen("images.npz")


def seen(name: str) -> object:
    samples = load_samples(name)
    return samples.fingerprint, samples.images(slice(None))


def idx() -> tuple[Path, Opener]:
    Path("idx").mkdir()
    images = tiny_images(9)[0]
    header = bytes((0, 0, 8, 3)) + np.array([9, 8, 8], ">u4").tobytes()
    Path("idx/train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    return Path("idx/train-images-idx3-ubyte"), lambda: seen("idx")


def picture(ending: str, **how: Any) -> tuple[Path, Opener]:
    folder = Path(f"pictures {ending}")
    folder.mkdir()
    for number, pixels in enumerate(tiny_images(2)[0]):
        Image.fromarray(np.kron(pixels[..., 0], np.ones((4, 4), np.uint8))).save(
            folder / f"{number}.{ending}", **how
        )
    return folder / f"1.{ending}", lambda: seen(str(folder))


def run_file(place: str) -> tuple[Path, Opener]:
    folder = f"run of {place.replace('/', ' ')}"
    tiny_store(folder)

    def read() -> bytes:
        store = open_store(folder)
        values = [store.samples[name].values for name in store.samples] + [store.activation("fc1").values]
        assert store.verify().ok
        return b"".join(repr(each.tolist()).encode() for each in values)

    return Path(folder, place), read


FORMATS: dict[str, Callable[[], tuple[Path, Opener]]] = {
    "pth": pth,
    "old pth": old_pth,
    "safetensors": safetensors,
    "keras": keras,
    "h5": h5,
    "npy": npy,
    "npz": npz,
    "idx": idx,
    **{
        ending: lambda ending=ending: picture(ending)
        for ending in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm")
    },
    "commit": lambda: run_file("commit.json"),
    "metadata": lambda: run_file("data.zarr/samples/label/zarr.json"),
    "root": lambda: run_file("data.zarr/zarr.json"),
    "shard": lambda: run_file("data.zarr/layers/L0002/activation/c.0.0"),
    "text shard": lambda: run_file("data.zarr/samples/split/c.0"),
}


def attack(name: str, seed: int, count: int) -> dict[str, Any]:
    """Open a file of a format after each of so many changes."""
    path, open_it = FORMATS[name]()
    good = path.read_bytes()
    truth = open_it()
    ended: Counter[str] = Counter()
    strange, longest, before = [], 0.0, peak()
    for number in range(count):
        chance = random.Random(f"{name} {seed} {number}")
        path.write_bytes(mutate(good, chance))
        Path("last").write_text(f"{name} {number}")
        began = time.monotonic()
        try:
            found = open_it()
            if isinstance(truth, bytes) and found != truth:
                strange.append(f"{number}: a run holds other numbers")
            ended["opened"] += 1
        except NNLensError as error:
            ended[type(error).__name__] += 1
            if "\n" in str(error) or str(Path.cwd()) in str(error):
                strange.append(f"{number}: {error}")
        except Exception as error:  # which is what is looked for
            strange.append(
                f"{number}: {type(error).__name__}: {error!s:.200} {traceback.format_exc()[-600:]}"
            )
        longest = max(longest, time.monotonic() - began)
    return {"ended": ended, "strange": strange, "longest": longest, "grown": peak() - before}


def peak() -> int:
    """Return the most memory that this process ever had, in bytes; 0 where nobody tells."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(folder: str, seed: str, count: str, *names: str) -> None:
    import os

    warnings.simplefilter("ignore")
    os.chdir(folder)
    print(json.dumps({name: attack(name, int(seed), int(count)) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
