"""Real images written into every lossless format, and wrapped in every object, come out the same; and so do their runs.

60,000 of MNIST and 10,000 of CIFAR-10. Of MNIST as PNG, where encoding and decoding take minutes, there are fewer:
NNLENS_TEST_PNG=60000 takes all.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

import nnlens
from nnlens.samples import Samples, load_samples

torch = pytest.importorskip("torch", reason="torch is an extra")
tf = pytest.importorskip("tensorflow", reason="TensorFlow is an extra")
keras = pytest.importorskip("keras", reason="Keras is an extra")
datasets = pytest.importorskip("datasets", reason="of the extra test")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.filterwarnings("ignore::nnlens.capturing.NearChanceWarning"),  # nobody trained the network
]
PNG = int(os.environ.get("NNLENS_TEST_PNG", 6000))


@dataclass
class Images:
    """Images (sample, y, x[, channel]) with labels, and a folder with them as PNG files where asked for."""

    name: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    folder: Path
    written: int = 0

    def paths(self, count: int) -> list[str]:
        """Write the first images as PNG, once, in a folder for each class; return where."""
        names = [f"png/{label}/{place:05}.png" for place, label in enumerate(self.labels[:count])]
        for label in np.unique(self.labels):
            (self.folder / "png" / str(label)).mkdir(parents=True, exist_ok=True)
        for place in range(self.written, count):
            Image.fromarray(self.pixels[place]).save(self.folder / names[place], compress_level=1)
        self.written = max(self.written, count)
        return names


@pytest.fixture(scope="module")
def mnist(test_data, tmp_path_factory):
    samples = load_samples(test_data / "mnist")
    return Images(
        "mnist", samples.images(slice(None))[..., 0], samples.labels, tmp_path_factory.mktemp("mnist")
    )


@pytest.fixture(scope="module")
def cifar(test_data, tmp_path_factory):
    data = np.fromfile(test_data / "cifar-10-batches-bin" / "test_batch.bin", np.uint8).reshape(-1, 3073)
    pixels = np.ascontiguousarray(data[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return Images("cifar", pixels, data[:, 0].astype(np.int64), tmp_path_factory.mktemp("cifar"))


def idx(images: Images, pack: Callable[[bytes], bytes], ending: str) -> Path:
    folder = images.folder / f"idx{ending}"
    folder.mkdir()
    for part, array in (("images-idx3", images.pixels), ("labels-idx1", images.labels.astype(np.uint8))):
        head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / f"train-{part}-ubyte{ending}").write_bytes(pack(head + array.tobytes()))
    return folder


def as_npz(images: Images) -> Path:
    np.savez_compressed(images.folder / "a.npz", x_train=images.pixels, y_train=images.labels)
    return images.folder / "a.npz"


def as_npy(images: Images) -> Path:
    np.save(images.folder / "a.npy", images.pixels)
    return images.folder / "a.npy"


def planes(images: Images) -> NDArray[np.uint8]:
    return images.pixels.transpose(0, 3, 1, 2).reshape(-1, 3072)


def as_cifar_binary(images: Images) -> Path:
    folder = images.folder / "binary"
    folder.mkdir()
    records = np.concatenate([images.labels.astype(np.uint8)[:, None], planes(images)], axis=1)
    for place, part in enumerate(np.split(records, 5), 1):
        part.tofile(folder / f"data_batch_{place}.bin")
    return folder


def as_cifar_python(images: Images) -> Path:
    folder = images.folder / "python"
    folder.mkdir()
    halves = zip(np.split(planes(images), 5), np.split(images.labels, 5), strict=True)
    for place, (part, labels) in enumerate(halves, 1):
        content = {b"data": part, b"labels": labels.tolist()}
        (folder / f"data_batch_{place}").write_bytes(pickle.dumps(content, protocol=2))
    return folder


def as_table(images: Images, count: int, ending: str) -> Path:
    table = pd.DataFrame({"path": images.paths(count), "label": images.labels[:count]})
    path = images.folder / f"table{ending}"
    table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    return path


def as_hugging_face(images: Images, count: int) -> Any:
    pictures = [{"bytes": (images.folder / path).read_bytes(), "path": None} for path in images.paths(count)]
    kinds = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=list("0123456789")))
    return datasets.Dataset.from_dict({"image": pictures, "label": images.labels[:count].tolist()}, kinds)


class Mapped(torch.utils.data.Dataset):
    """What torchvision's data sets give after ToTensor."""

    classes = list("0123456789")

    def __init__(self, images: Images):
        self.images = images

    def __len__(self):
        return len(self.images.pixels)

    def __getitem__(self, place):
        pixels = np.atleast_3d(self.images.pixels[place]).transpose(2, 0, 1)
        return torch.from_numpy(pixels.copy()).float().div(255), int(self.images.labels[place])


class Batches(keras.utils.PyDataset):
    def __init__(self, images: Images):
        super().__init__()
        self.images = images

    def __len__(self):
        return math.ceil(len(self.images.pixels) / 128)

    def __getitem__(self, place):
        part = slice(128 * place, 128 * (place + 1))
        return self.images.pixels[part] * np.float32(1 / 255), np.eye(10)[self.images.labels[part]]


def as_tensorflow(images: Images) -> Any:
    return tf.data.Dataset.from_tensor_slices((images.pixels, images.labels)).batch(256)


def as_generator(images: Images) -> Any:
    return zip(images.pixels, images.labels, strict=True), len(images.pixels)


WHOLE: dict[str, Callable[[Images], Any]] = {
    "npz": as_npz,
    "npy": as_npy,
    "map data set": Mapped,
    "DataLoader": lambda images: torch.utils.data.DataLoader(Mapped(images), batch_size=64),
    "PyDataset": Batches,
    "tf.data": as_tensorflow,
    "generator": as_generator,
}
MNIST = {
    "idx": lambda images: idx(images, bytes, ""),
    "idx.gz": lambda images: idx(images, lambda data: gzip.compress(data, 1), ".gz"),
    **WHOLE,
}
CIFAR = {"CIFAR binary": as_cifar_binary, "CIFAR python": as_cifar_python, **WHOLE}
PICTURES: dict[str, Callable[[Images, int], Any]] = {
    "CSV": lambda images, count: as_table(images, count, ".csv"),
    "Parquet": lambda images, count: as_table(images, count, ".parquet"),
    "Hugging Face": as_hugging_face,
}


@pytest.fixture(scope="module")
def network():
    """A network of three layers for either kind of image."""

    def made(images: Images) -> Any:
        torch.manual_seed(0)
        channels = 1 if images.pixels.ndim == 3 else 3
        side = images.pixels.shape[1] // 4
        module = torch.nn.Sequential(
            torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(channels * side * side, 10)
        )
        preprocess = nnlens.Preprocess(4 * side, order="grey" if channels == 1 else "RGB")
        return nnlens.load_model(module.eval(), preprocess=preprocess)

    return made


@pytest.fixture(scope="module")
def runs(network, tmp_path_factory):
    """Capture samples, and return all that the run holds of them; of plain arrays only once."""
    known: dict[tuple[str, int, bool], dict[str, NDArray[Any]]] = {}

    def captured(images: Images, samples: Samples) -> dict[str, NDArray[Any]]:
        store = nnlens.capture(
            network(images), samples, tmp_path_factory.mktemp("runs") / "run", batch_size=500
        )
        assert store.complete
        held = {str(name): values.values for name, values in store.samples.items() if name != "path"}
        return held | {"id": store.ids, "pooled": store.pooled("0").values}

    def both(images: Images, samples: Samples, count: int, labelled: bool):
        key = (images.name, count, labelled)
        if key not in known:
            labels = images.labels[:count] if labelled else None
            plain = Samples(images.pixels[:count], labels, class_names=samples.class_names)
            known[key] = captured(images, plain)
        return captured(images, samples), known[key]

    return both


def check(runs, images: Images, samples: Samples, count: int, labelled: bool = True) -> None:
    pixels = images.pixels[:count]
    np.testing.assert_array_equal(samples.ids, np.arange(count))
    np.testing.assert_array_equal(samples.labels, images.labels[:count] if labelled else np.full(count, -1))
    np.testing.assert_array_equal(
        samples.images(slice(None)), pixels if pixels.ndim == 4 else pixels[..., None]
    )
    run, plain = runs(images, samples, count, labelled)
    assert set(run) == set(plain) >= {"id", "label", "prediction", "loss", "logit", "split", "image"}
    for name, values in plain.items():
        np.testing.assert_array_equal(run[name], values, name)


@pytest.mark.parametrize("form", MNIST)
def test_60_000_of_mnist(form, mnist, runs):
    check(runs, mnist, load_samples(MNIST[form](mnist)), 60_000, labelled=form != "npy")


@pytest.mark.parametrize("form", CIFAR)
def test_10_000_of_cifar(form, cifar, runs):
    check(runs, cifar, load_samples(CIFAR[form](cifar)), 10_000, labelled=form != "npy")


@pytest.mark.parametrize("form", PICTURES)
def test_mnist_as_png(form, mnist, runs):
    check(runs, mnist, load_samples(PICTURES[form](mnist, PNG)), PNG)


@pytest.mark.parametrize("form", PICTURES)
def test_cifar_as_png(form, cifar, runs):
    check(runs, cifar, load_samples(PICTURES[form](cifar, 10_000)), 10_000)


@pytest.mark.parametrize(("name", "count"), [("mnist", PNG), ("cifar", 10_000)])
def test_folders_of_png(name, count, runs, request):
    """A folder is in the order of its sorted paths: by class, then as the images were."""
    images = request.getfixturevalue(name)
    images.paths(count)
    order = np.argsort(images.labels[:count], kind="stable")
    sorted_ = Images(f"{name} sorted", images.pixels[order], images.labels[order], images.folder)
    check(runs, sorted_, load_samples(images.folder / "png"), count)


def test_png_holds_what_it_was_given(mnist):
    """Pillow alone reads back what the test has written, so that the test compares with the truth."""
    place = 17
    path = mnist.folder / mnist.paths(place + 1)[place]
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        np.testing.assert_array_equal(np.asarray(picture), mnist.pixels[place])
