"""Rows 52 to 59: runs on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nnlens
from bad_rows.making import captured, saved
from bad_rows.networks import trap
from bad_rows.row import Case, Row, Texts
from nnlens.errors import CaptureError, StoreDamagedError, StoreError, StoreLockedError
from nnlens.store import layout, writer
from nnlens.store.lock import WriterLock
from nnlens.testing import tiny_images, tiny_model, tiny_store

HOSTILE = ["..", "a\\b", "zarr.json", "n" * 300, "<img src=x>"]
PART = 32


def read(path: str = "run") -> None:
    store = nnlens.open_store(path)
    for name in store.samples:
        store.samples[name].load()
    for layer in store.layers:
        store.activation(layer.name).load()


def damaged(damage: Callable[[Path], object], file: str) -> Case:
    tiny_store("run")
    damage(Path("run", file))
    return Case(read, ("verify", "run"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def hostile_layers() -> Case:
    """Layers of a live network may have any name."""
    model, own = tiny_model(), [layer.name for layer in tiny_model().layers]
    names = dict(zip(HOSTILE, own, strict=True))
    model.layers = tuple(replace(layer, name=name) for name, layer in zip(HOSTILE, model.layers, strict=True))
    model.hidden_layer = HOSTILE[3]
    fast = model.activations

    def activations(inputs: Any, layers: Any, pooled: Any = (), exact: bool = True) -> dict[str, Any]:
        told = {name: names.get(name, name) for name in (*layers, *pooled)}
        found = fast(inputs, [told[name] for name in layers], [told[name] for name in pooled], exact)
        return {name: found[told[name]] for name in told}

    model.activations = activations  # type: ignore[method-assign]
    Path("runs").mkdir()
    nnlens.capture(model, nnlens.load_samples(tiny_images()), "runs/tiny", keep="all")

    def check() -> None:
        store = nnlens.open_store("runs/tiny")
        assert [layer.name for layer in store.layers] == HOSTILE
        assert store.verify().ok
        assert [path.name for path in Path("runs").iterdir()] == ["tiny"]

    return Case(lambda: read("runs/tiny"), ("info", "runs/tiny"), check)


def of_another_model() -> Case:
    """A run of the digits' own network, which another is to go on with."""
    captured("zoo:digits", None).program()
    saved()

    def program() -> None:
        model = nnlens.load_model("weights.pth", "net.py:net")
        nnlens.capture(model, nnlens.load_samples("digits", limit=12), "run", resume=True, keep="all")

    words = ("capture", "weights.pth", "digits", "run", "--limit", "12", "--keep", "all", "--resume")
    return Case(program, (*words, "--architecture", "net.py:net"))


def there_already() -> Case:
    captured("zoo:digits", None).program()
    return captured("zoo:digits", None)


def other_files() -> Case:
    Path("run").mkdir()
    Path("run/letter.txt").write_text("dear")
    return captured("zoo:digits", None)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let the disk be full at the fiftieth of 125 files, in the middle of a batch of eight."""
    left = iter(range(50))
    real = writer.write_file

    def write(path: Path, parts: Any) -> None:
        if next(left, None) is None:
            path.write_bytes(b"".join(parts)[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, parts)

    with patch.object(writer, "write_file", write), patch.object(layout, "SHARD_ROWS", 64):
        yield


def disk_fills() -> Case:
    def program() -> Texts:
        model, samples = nnlens.load_model("zoo:digits"), nnlens.load_samples("digits", limit=1000)
        nnlens.capture(model, samples, "run", layers=["fc1"])
        return []

    words = ("capture", "zoo:digits", "digits", "run", "--limit", "1000", "--layers", "fc1")
    return Case(program, words, during=full_disk)


@contextmanager
def other_writer() -> Iterator[None]:
    with WriterLock(Path("run")):
        yield


def written_twice() -> Case:
    captured("zoo:digits", None).program()
    case = captured("zoo:digits", None, options=("--resume",))

    def program() -> None:
        nnlens.capture(
            nnlens.load_model("zoo:digits"),
            nnlens.load_samples("digits", limit=12),
            "run",
            resume=True,
            keep="all",
        )

    return Case(program, case.words, during=other_writer)


def read_while_written() -> Case:
    """A run of which two of four batches are committed, by a writer that still holds it."""
    from nnlens.store.commit import read_commit, write_commit

    nnlens.capture(
        tiny_model(), nnlens.load_samples(tiny_images(4 * PART)), "run", commit_size=PART, keep="all"
    )
    write_commit(Path("run"), replace(read_commit(Path("run")), rows=2 * PART))  # type: ignore[type-var]

    def program() -> Texts:
        read()
        return [f"{nnlens.open_store('run').committed} of {4 * PART} samples"]

    return Case(program, ("info", "run"), during=other_writer)


CHUNK = "data.zarr/samples/label/c.0"
ROWS = [
    Row(
        52,
        "layers named `..`, `a\\b`, `zarr.json`, markup, or with 300 letters",
        hostile_layers,
        works="They are names only; the folder of a layer is a number.",
    ),
    Row(
        52,
        "layers of torch named so",
        lambda: trap("Named"),
        works="They are names only; the folder of a layer is a number.",
    ),
    Row(
        53,
        "a flipped bit",
        lambda: damaged(flip, CHUNK),
        r"samples/label/c\.0 is damaged",
        StoreDamagedError,
        status=3,
    ),
    Row(
        53,
        "an edited zarr.json",
        lambda: damaged(flip, "data.zarr/samples/label/zarr.json"),
        r"zarr\.json was changed",
        StoreDamagedError,
        status=3,
    ),
    Row(
        53,
        "an edited commit.json",
        lambda: damaged(flip, "commit.json"),
        r"commit\.json.*is damaged",
        StoreDamagedError,
        status=3,
    ),
    Row(
        54,
        "a deleted chunk",
        lambda: damaged(Path.unlink, CHUNK),
        r"samples/label/c\.0 is missing",
        StoreDamagedError,
        status=3,
    ),
    Row(
        54,
        "a deleted commit.json",
        lambda: damaged(Path.unlink, "commit.json"),
        r"has no commit\.json",
        StoreDamagedError,
        status=3,
    ),
    Row(55, "another model goes on with a run", of_another_model, "came from another model", StoreError),
    Row(
        55,
        "a run that is there already",
        there_already,
        r"holds a run already, with 12 of 12 .*--resume",
        CaptureError,
    ),
    Row(55, "a folder with other files", other_files, "is not empty and holds no run", StoreError),
    Row(
        56,
        "the disk is full at 40 %",
        disk_fills,
        r"No space left on device.*384 of 1,000 samples are safe.*--resume",
        CaptureError,
        writes=True,
    ),
    Row(58, "a second writer", written_twice, "Another process is writing the run 'run'", StoreLockedError),
    Row(
        59,
        "a reader while it is written",
        read_while_written,
        "64 of 128 samples",
        works="It sees what is committed.",
    ),
]
