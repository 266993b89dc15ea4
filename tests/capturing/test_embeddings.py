"""Embeddings made elsewhere: every kind of source gives the same run, and what cannot become one says why."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import nnlens
from nnlens import capture_embeddings, open_store
from nnlens.capturing import BrokenFilesWarning, InvalidEmbeddingsWarning, capture
from nnlens.capturing.embedded import pbtxt
from nnlens.capturing.embedded.table import regrouped
from nnlens.errors import CaptureError, NNLensError, SamplesError, StoreError
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model, wait_until

COUNT, UNITS, SIDE = 60, 8, 5
SCRIPT = Path(__file__).with_name("embed_slowly.py")


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(COUNT, UNITS)).astype(np.float32)
    images = rng.integers(0, 256, (COUNT, SIDE, SIDE, 1), dtype=np.uint8)
    return vectors, np.arange(COUNT) % 3, images


def sprite(images):
    """The projector's square sheet, written with the rule of its documents rather than with ours."""
    side = int(np.ceil(np.sqrt(len(images))))
    sheet = np.zeros((side * SIDE, side * SIDE), np.uint8)
    for i, image in enumerate(images[..., 0]):
        y, x = (i // side) * SIDE, (i % side) * SIDE
        sheet[y : y + SIDE, x : x + SIDE] = image
    return Image.fromarray(sheet)


def write_npy(folder, vectors, labels, images):
    np.save(folder / "vectors.npy", vectors)
    return {"source": folder / "vectors.npy", "labels": labels, "images": images}


def write_npy_in_columns(folder, vectors, labels, images):
    np.save(folder / "vectors.npy", np.asfortranarray(vectors.astype(">f8")))
    np.save(folder / "labels.npy", labels[:, None])
    return {"source": folder / "vectors.npy", "labels": str(folder / "labels.npy"), "images": images}


def write_npz(folder, vectors, labels, images):
    np.savez(folder / "made.npz", embedding=vectors, labels=labels, images=images)
    return {"source": folder / "made.npz"}


def write_packed_npz(folder, vectors, labels, images):
    np.savez_compressed(
        folder / "made.npz", x=np.asfortranarray(vectors), y=labels.astype(np.uint8), images=images
    )
    return {"source": folder / "made.npz"}


def write_parquet(folder, vectors, labels, images):
    pd.DataFrame({"vector": list(vectors), "label": labels}).to_parquet(
        folder / "made.parquet", row_group_size=7
    )
    return {"source": folder / "made.parquet", "images": images}


def write_wide_parquet(folder, vectors, labels, images):
    columns = {
        f"dim_{unit}": vectors[:, unit] for unit in reversed(range(UNITS))
    }  # their names tell the order
    frame = pd.DataFrame(columns) if images is None else pd.DataFrame({**columns, "class": labels})
    frame.to_parquet(folder / "made.parquet", row_group_size=13)
    return {"source": folder / "made.parquet", "images": images}


def write_projector(folder, vectors, labels, images):
    vectors.astype("<f4").tofile(folder / "tensor.bytes")
    rows = ["name\tlabel", *(f"n{i}\t{label}" for i, label in enumerate(labels))]
    (folder / "metadata.tsv").write_text("\n".join(rows) + "\n")
    sprite(images).save(folder / "sprite.png")
    entry = {
        "tensorName": "faces",
        "tensorShape": [COUNT, UNITS],
        "tensorPath": "tensor.bytes",
        "metadataPath": "metadata.tsv",
        "sprite": {"imagePath": "sprite.png", "singleImageDim": [SIDE, SIDE]},
    }
    (folder / "config.json").write_text(json.dumps({"embeddings": [entry]}))
    return {"source": folder}


def write_tensorboard(folder, vectors, labels, images):
    (folder / "deep").mkdir()
    lines = ["\t".join(repr(float(value)) for value in row) for row in vectors]
    (folder / "deep" / "tensors.tsv").write_text("\n".join(lines) + "\n")
    (folder / "deep" / "metadata.tsv").write_text("\n".join(map(str, labels)))
    sprite(images).save(folder / "deep" / "sprite.png")
    (folder / "projector_config.pbtxt").write_text(
        'embeddings {\n  tensor_name: "a" # one\n  tensor_path: "deep/tensors.tsv"\n'
        "  metadata_path: 'deep/metadata.tsv'\n"
        f'  sprite: <image_path: "deep/spr" "ite.png", single_image_dim: [{SIDE}, {SIDE}]>\n}}\n'
    )
    return {"source": folder}


WRITERS = [
    write_npy,
    write_npy_in_columns,
    write_npz,
    write_packed_npz,
    write_parquet,
    write_wide_parquet,
    write_projector,
    write_tensorboard,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_every_source_gives_the_same_run(tmp_path, made, write):
    vectors, labels, images = made
    expected = capture_embeddings(vectors, tmp_path / "expected", labels=labels, images=images)
    folder = tmp_path / "source"
    folder.mkdir()
    arguments = write(folder, vectors, labels, images)
    store = capture_embeddings(arguments.pop("source"), tmp_path / "run", **arguments)
    assert store.fingerprint == expected.fingerprint
    assert np.array_equal(store.activation("embedding").values, vectors)
    assert np.array_equal(store.samples["label"].values, labels)
    assert np.array_equal(store.images(store.ids), images)
    assert np.array_equal(store.ids, np.arange(COUNT))
    assert store.class_names == ("0", "1", "2")
    assert store.complete
    assert store.verify().ok


def test_a_run_has_one_layer_and_nothing_of_a_network(tmp_path, made):
    store = capture_embeddings(made[0], tmp_path / "run", labels=made[1], name="faces")
    assert [layer.name for layer in store.layers] == ["embedding"]
    assert set(store.samples) == {"label"}
    assert not store.has_model
    assert store.edges == ()
    assert store.metadata["samples"]["name"] == "faces"
    assert "accuracy" not in store.metadata
    assert store.pooled("embedding").dims == ("sample", "channel")
    for asked in (
        lambda: store.images([0]),
        lambda: store.activation("@input"),
        lambda: store.activation("@logits"),
    ):
        with pytest.raises(StoreError, match="made of embeddings, without"):
            asked()


@settings(max_examples=30)
@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.uint16, np.bool_]),
        st.tuples(st.integers(1, 9), st.integers(1, 5)),
    )
)
def test_any_numbers_come_back_as_float32(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("runs") / "run"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", InvalidEmbeddingsWarning)
        store = capture_embeddings(values, path)
        expected = values.astype(np.float32)
    for found, row in zip(store.activation("embedding").values, expected, strict=True):
        assert np.array_equal(found, row) if np.isfinite(row).all() else np.isnan(found).all()


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(1, 9), st.integers(0, 20))
def test_blocks_are_regrouped_and_lose_nothing(lengths, size, skip):
    rows = np.arange(sum(lengths))[:, None]
    parts = np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(regrouped(parts, size, skip))
    assert [len(block) for block in blocks[:-1]] == [size] * len(blocks[:-1])
    assert np.array_equal(np.concatenate([rows[:0], *blocks]), rows[skip:])


# ------------------------------------------------------------------------------------------------ labels, ids, pictures
@pytest.mark.parametrize(
    ("given", "expected", "names"),
    [
        (["b", "a", "", "b"], [1, 0, -1, 1], ["a", "b"]),
        (["b", None, "a", "b"], [1, -1, 0, 1], ["a", "b"]),
        (np.array(["7", "3", "-1", ""]), [7, 3, -1, -1], [str(i) for i in range(8)]),
        ([2, 0, -1, 1], [2, 0, -1, 1], ["0", "1", "2"]),
        ([2.0, np.nan, 0.0, 1.0], [2, -1, 0, 1], ["0", "1", "2"]),
        ([True, False, True, True], [1, 0, 1, 1], ["0", "1"]),
        ([10**12, 5, -1, 10**12], [1, 0, -1, 1], ["5", str(10**12)]),
    ],
    ids=["names", "none", "numbers as text", "integers", "NaN", "truth values", "codes"],
)
def test_labels_may_be_numbers_or_names(tmp_path, given, expected, names):
    store = capture_embeddings(np.eye(4), tmp_path / "run", labels=given)
    assert store.samples["label"].values.tolist() == expected
    assert list(store.class_names) == names


def test_class_names_give_names_their_numbers(tmp_path):
    names = ["dog", "cat"]
    store = capture_embeddings(np.eye(2), tmp_path / "a", labels=["cat", "dog"], class_names=names)
    assert store.samples["label"].values.tolist() == [1, 0]
    digits = ["7", "3"]
    store = capture_embeddings(np.eye(2), tmp_path / "b", labels=["3", "7"], class_names=digits)
    assert store.samples["label"].values.tolist() == [1, 0]
    with pytest.raises(SamplesError, match="'bird', which is none of the class names"):
        capture_embeddings(np.eye(2), tmp_path / "c", labels=["cat", "bird"], class_names=names)


def test_ids_and_paths_stand_in_columns(tmp_path, made):
    frame = pd.DataFrame({"id": np.arange(COUNT)[::-1] * 3, "path": [f"p/{i}.png" for i in range(COUNT)]})
    frame["embedding"] = list(made[0])
    frame.to_parquet(tmp_path / "made.parquet")
    store = capture_embeddings(tmp_path / "made.parquet", tmp_path / "run")
    assert np.array_equal(store.ids, frame["id"])
    assert store.samples["path"].values.tolist() == frame["path"].tolist()
    assert store.metadata["samples"]["name"] == "made"
    assert (store.samples["label"] == -1).all()


def write_pictures(folder, images, classes=("a", "b")):
    for i, image in enumerate(images):
        path = folder / classes[i % len(classes)] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_a_folder_of_pictures_is_paired_by_order_and_labels_the_rest(tmp_path, made):
    vectors, _, images = made
    paths = write_pictures(tmp_path / "photos", images)
    store = capture_embeddings(vectors, tmp_path / "run", images=tmp_path / "photos")
    order = [int(Path(path).stem) for path in paths]
    assert np.array_equal(store.images(store.ids), images[order])
    assert [store.class_names[label] for label in store.samples["label"].values] == [
        path[0] for path in paths
    ]
    assert store.samples["path"].values.tolist() == paths


def test_a_folder_of_pictures_is_paired_by_path(tmp_path, made):
    vectors, labels, images = made
    write_pictures(tmp_path / "photos", images)
    paths = [f"{'ab'[i % 2]}/{i:03}.png" if i % 3 else f"{i:03}.png" for i in range(COUNT)]
    pd.DataFrame({"v": list(vectors), "label": labels, "file": paths}).to_parquet(tmp_path / "made.parquet")
    store = capture_embeddings(tmp_path / "made.parquet", tmp_path / "run", images=str(tmp_path / "photos"))
    assert np.array_equal(store.images(store.ids), images)
    assert np.array_equal(store.samples["label"].values, labels)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "a/../../secret.png", "nowhere.png"])
def test_a_path_that_leads_out_of_the_folder_finds_nothing(tmp_path, made, path):
    write_pictures(tmp_path / "photos", made[2])
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "secret.png")
    paths = [path, *(f"{i:03}.png" for i in range(1, COUNT))]
    pd.DataFrame({"v": list(made[0]), "path": paths}).to_parquet(tmp_path / "made.parquet")
    with pytest.raises(SamplesError, match="1 of 60 paths are no picture in the folder"):
        capture_embeddings(tmp_path / "made.parquet", tmp_path / "run", images=tmp_path / "photos")
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_no_picture_has_a_place_and_is_told(tmp_path, made):
    vectors, _, images = made
    paths = write_pictures(tmp_path / "photos", images)
    (tmp_path / "photos" / paths[4]).write_bytes(b"<html>")
    with pytest.warns(BrokenFilesWarning, match="1 samples have no picture: "):
        store = capture_embeddings(vectors, tmp_path / "run", images=tmp_path / "photos")
    assert store.committed == COUNT
    assert not store.images([4]).any()
    assert store.images([5]).any()
    assert np.array_equal(store.activation("embedding").values, vectors)


def test_samples_give_pictures_labels_and_ids(tmp_path, made):
    vectors, labels, images = made
    samples = Samples(images, labels, ids=np.arange(COUNT) + 7, class_names=["x", "y", "z"])
    store = capture_embeddings(vectors, tmp_path / "run", images=samples)
    assert store.class_names == ("x", "y", "z")
    assert np.array_equal(store.ids, samples.ids)
    again = capture_embeddings(vectors, tmp_path / "again", images=samples, labels=labels)
    assert again.class_names == ("x", "y", "z")  # the same labels, so the same classes
    other = capture_embeddings(vectors, tmp_path / "other", images=samples, labels=2 - labels)
    assert other.class_names == ("0", "1", "2")


def test_large_pictures_become_thumbnails(tmp_path):
    images = [np.full((90, 120, 3), 200, np.uint8), np.full((80, 80, 3), 100, np.uint8)]
    for i, image in enumerate(images):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "photos" / f"{i}.png")
    store = capture_embeddings(np.eye(2), tmp_path / "run", images=tmp_path / "photos")
    assert store.images([0, 1]).shape == (2, 64, 64, 3)


# ----------------------------------------------------------------------------------------------------- hostile and odd
def test_vectors_that_are_not_finite_are_counted_and_kept_as_nan(tmp_path):
    values = np.ones((6, 3))
    values[1, 0], values[3, 2], values[4, 1] = np.nan, np.inf, 1e300
    values[5] = 1e30
    with pytest.warns(InvalidEmbeddingsWarning, match="3 of 6 embeddings are not finite as float32"):
        store = capture_embeddings(values, tmp_path / "run")
    found = store.activation("embedding").values
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, True, True, False]
    assert (found[5] == np.float32(1e30)).all()
    assert store.metadata["invalid"] == 3


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("kind", ["npy", "npz", "labels", "bare"])
def test_nothing_pickled_is_read(tmp_path, made, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    source, labels = tmp_path / f"made.{kind}", None
    if kind == "npy":
        with source.open("wb") as file:
            np.save(file, np.array([[Bomb()]], object), allow_pickle=True)
    elif kind == "npz":
        with zipfile.ZipFile(source, "w") as archive, archive.open("embedding.npy", "w") as member:
            np.lib.format.write_array(member, np.array([[Bomb()]], object), allow_pickle=True)
    elif kind == "labels":
        source, labels = tmp_path / "made.npy", str(tmp_path / "labels.npy")
        np.save(source, made[0])
        np.save(labels, np.array([Bomb()] * COUNT, object), allow_pickle=True)
    else:
        source.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SamplesError, match=r"pickled Python objects|no known kind"):
        capture_embeddings(source, tmp_path / "run", labels=labels)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "run").exists()


LONG = "x" * 10_000


def config(folder, **changes):
    np.zeros((4, 2), "<f4").tofile(folder / "t.bytes")
    entry = {"tensorName": "a", "tensorShape": [4, 2], "tensorPath": "t.bytes", **changes}
    (folder / "config.json").write_text(json.dumps({"embeddings": [entry]}))
    return folder


def secret(folder, link=False):
    outside = folder.parent / "outside.bytes"
    np.zeros((4, 2), "<f4").tofile(outside)
    if link:
        (folder / "link.bytes").symlink_to(outside)
    return folder


SPRITE = {"imagePath": "s.png", "singleImageDim": [3, 3]}


def with_sprite(folder, columns, rows, count=4):
    Image.new("L", (3 * columns, 3 * rows)).save(folder / "s.png")
    np.zeros((count, 2), "<f4").tofile(folder / "t.bytes")
    entry = {"tensorName": "a", "tensorShape": [count, 2], "tensorPath": "t.bytes", "sprite": SPRITE}
    (folder / "config.json").write_text(json.dumps({"embeddings": [entry]}))
    return folder


def with_metadata(folder, text):
    (folder / "m.tsv").write_text(text)
    return config(folder, metadataPath="m.tsv")


def with_tensors(folder, text, shape=()):
    config(folder, tensorPath="t.tsv", tensorShape=list(shape))
    (folder / "t.tsv").write_text(text)
    return folder


def two(folder):
    config(folder)
    data = json.loads((folder / "config.json").read_text())
    data["embeddings"].append({**data["embeddings"][0], "tensorName": LONG})
    (folder / "config.json").write_text(json.dumps(data))
    return folder


def text_config(folder, text):
    (folder / "projector_config.pbtxt").write_text(text)
    return folder


def npz(folder, **arrays):
    np.savez(folder / "made.npz", **arrays)
    return folder / "made.npz"


def parquet(folder, **columns):
    pd.DataFrame(columns).to_parquet(folder / "made.parquet")
    return folder / "made.parquet"


def raw(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def cut(folder):
    np.save(folder / "made.npy", np.ones((9, 9)))
    return raw(folder, "made.npy", (folder / "made.npy").read_bytes()[:-1])


def cut_parquet(folder):
    return raw(folder, "cut.parquet", parquet(folder, v=[[1.0, 2.0]]).read_bytes()[:-20] + b"PAR1")


def damaged_npz(folder):
    path = npz(folder, embedding=np.ones((50, 50)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    return path


HOSTILE = {
    "config leads out": (lambda f: config(f, tensorPath="../outside.bytes"), "lies outside of the folder"),
    "config is absolute": (lambda f: config(f, tensorPath="/etc/passwd"), "lies outside of the folder"),
    "config is a URL": (
        lambda f: config(f, tensorPath="https://host.example/t.bytes"),
        "lies outside of the folder",
    ),
    "metadata leads out": (lambda f: config(f, metadataPath="../m.tsv"), "lies outside of the folder"),
    "link leads out": (
        lambda f: config(secret(f, True), tensorPath="link.bytes"),
        "lies outside of the folder",
    ),
    "config with a zero": (lambda f: config(f, tensorPath="t\0.bytes"), "not there"),
    "config with a long name": (lambda f: config(f, tensorPath=LONG), "not there"),
    "config names nothing": (lambda f: config(f, tensorPath=""), "has no tensorPath"),
    "config without shape": (lambda f: config(f, tensorShape=[]), "does not say how many samples"),
    "config of another size": (
        lambda f: config(f, tensorShape=[10**9, 10**9]),
        "has 32 bytes where tensorShape",
    ),
    "config of negative size": (lambda f: config(f, tensorShape=[-4, -2]), "does not say how many samples"),
    "config is none": (lambda f: raw(f, "config.json", b"{}").parent, "is no configuration"),
    "config too deep": (lambda f: raw(f, "config.json", b"[" * 99_999).parent, "is no configuration"),
    "config is text": (lambda f: raw(f, "config.json", b"\xff\xfe").parent, "is no configuration"),
    "config is empty": (lambda f: raw(f, "config.json", b'{"embeddings": []}').parent, "names no tensor"),
    "several tensors": (two, "it is not clear which to take"),
    "text config open": (lambda f: text_config(f, "embeddings {"), "is no configuration"),
    "text config deep": (lambda f: text_config(f, "a{" * 999 + "}" * 999), "is no configuration"),
    "text config odd": (lambda f: text_config(f, "embeddings: 3"), "is no configuration"),
    "sprite of 10 × 5": (lambda f: with_sprite(f, 10, 5, 50), "8×8"),
    "sprite too small": (lambda f: with_sprite(f, 1, 1), "in a grid of 2×2"),
    "sprite is lost": (lambda f: config(f, sprite=SPRITE), "not there"),
    "sprite without size": (
        lambda f: config(with_sprite(f, 2, 2), sprite={"imagePath": "s.png"}),
        "how large a picture",
    ),
    "metadata too long": (
        lambda f: with_metadata(f, "a\nb\nc\nd\ne\n"),
        "has 5 lines where 4 samples need 4",
    ),
    "metadata with a header": (lambda f: with_metadata(f, "x\ty\n" * 4), "and the header need 5"),
    "tensors are words": (lambda f: with_tensors(f, "a\tb\n"), "not every line holds 2 numbers"),
    "tensors are ragged": (lambda f: with_tensors(f, "1\t2\n3\n"), "not every line holds 2 numbers"),
    "tensors not as told": (lambda f: with_tensors(f, "1\t2\n", (3, 2)), "has 1 lines of 2 numbers"),
    "tensors are empty": (lambda f: with_tensors(f, ""), "is empty"),
    "folder of nothing": (lambda f: f, "has no configuration"),
    "no such file": (lambda f: f / "nowhere.npy", "There is no file or folder"),
    "long name": (lambda f: f / LONG, "cannot be read|There is no file"),
    "empty file": (lambda f: raw(f, "made.npy", b""), "no known kind, as it is empty"),
    "web page": (lambda f: raw(f, "made.npy", b"<html>not found</html>"), "no known kind"),
    "npy is cut off": (cut, "has 719 bytes|where its header says"),
    "npy of absurd size": (
        lambda f: raw(
            f,
            "a.npy",
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 9), }".ljust(117)
            + b"\n",
        ),
        "where its header says",
    ),
    "npz is damaged": (damaged_npz, "is damaged or no .npz file"),
    "npz of nothing": (npz, "has no array"),
    "npz of words": (lambda f: npz(f, embedding=np.array([["a"]])), "has no array"),
    "npz of several": (
        lambda f: npz(f, train=np.eye(3), test=np.eye(3)),
        "'train', 'test', and it is not clear",
    ),
    "npz of two names": (lambda f: npz(f, embedding=np.eye(3), features=np.eye(3)), "it is not clear"),
    "npz with a long name": (lambda f: npz(f, **{LONG: np.eye(3), "z": np.eye(3)}), "it is not clear"),
    "npz without rows": (lambda f: npz(f, embedding=np.ones((0, 3))), "is empty"),
    "parquet is damaged": (cut_parquet, "cannot be read as Parquet"),
    "parquet without vectors": (lambda f: parquet(f, a=["x"]), "no column of lists of numbers"),
    "parquet of several": (lambda f: parquet(f, a=[[1.0]], b=[[1.0]]), "it is not clear"),
    "parquet without rows": (lambda f: parquet(f, **{"0": np.ones(0), "1": np.ones(0)}), "has no rows"),
    "parquet is ragged": (lambda f: parquet(f, v=[[1.0, 2.0], [1.0]]), "differ in length: 2 and 1"),
    "parquet of empty lists": (
        lambda f: parquet(f, v=pd.Series([np.ones(0)])),
        "is empty",
    ),
    "one axis": (lambda f: np.ones(5), "has 1 axes"),
    "three axes": (lambda f: np.ones((5, 5, 5)), "has 3 axes"),
    "no rows": (lambda f: np.ones((0, 5)), "is empty"),
    "no units": (lambda f: np.ones((5, 0)), "is empty"),
    "complex": (lambda f: np.ones((5, 5), complex), "holds complex128"),
    "dates": (lambda f: np.zeros((5, 5), "M8[s]"), r"holds datetime64\[s\]"),
    "ragged lists": (lambda f: [[1, 2], [3]], "cannot be made an array"),
    "an object": (lambda f: object(), "has 0 axes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_embedding_is_refused_in_words_and_changes_nothing(tmp_path, case):
    folder = tmp_path / "source"
    folder.mkdir()
    make, words = HOSTILE[case]
    source = make(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SamplesError, match=words) as caught:
        capture_embeddings(source, tmp_path / "run")
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value) or case in (
        "no such file",
        "long name",
    )  # the user gave that one
    assert sorted(tmp_path.rglob("*")) == before


UNFIT = {
    "labels too few": ({"labels": [0, 1]}, "4 embeddings need 4 labels, not 2"),
    "labels one-hot": ({"labels": np.eye(4)}, r"argmax\(axis=1\)"),
    "labels fractions": ({"labels": [0.5, 1, 1, 1]}, "fractions"),
    "labels infinite": ({"labels": [np.inf, 1, 1, 1]}, "fractions"),
    "labels below": ({"labels": [-2, 0, 0, 0]}, "A label of -2"),
    "labels beyond": (
        {"labels": [9, 0, 0, 0], "class_names": ["a"]},
        "a label 9 in labels but only 1 class names",
    ),
    "labels nowhere": ({"labels": "kind"}, "no column 'kind'"),
    "labels a long name": ({"labels": LONG}, "no column|cannot be read"),
    "labels complex": ({"labels": np.ones(4, complex)}, "complex128"),
    "ids twice": ({"ids": [1, 1, 2, 3]}, "the same id"),
    "ids below": ({"ids": [-1, 1, 2, 3]}, "0 or more"),
    "ids texts": ({"ids": ["a", "b", "c", "d"]}, "0 or more"),
    "images too few": ({"images": np.zeros((3, 2, 2), np.uint8)}, "3 pictures for 4 embeddings"),
    "images of floats": ({"images": np.zeros((4, 2, 2))}, "uint8"),
    "images nowhere": ({"images": "no such set"}, "no data set or folder"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_does_not_fit_is_refused(tmp_path, case):
    arguments, words = UNFIT[case]
    with pytest.raises(SamplesError, match=words) as caught:
        capture_embeddings(np.eye(4), tmp_path / "run", **arguments)
    assert len(str(caught.value)) < 400
    assert not (tmp_path / "run").exists()


def test_more_names_than_classes_can_have_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlens.capturing.embedded.labels.MOST_CLASSES", 3)
    with pytest.raises(SamplesError, match="4 different values for 4 samples, which are no classes"):
        capture_embeddings(np.eye(4), tmp_path / "run", labels=list("abcd"))
    assert capture_embeddings(np.eye(4), tmp_path / "run", labels=list("abca")).class_names == ("a", "b", "c")


def test_one_column_one_sample_and_hostile_names_will_do(tmp_path):
    store = capture_embeddings([[1.0]], tmp_path / "run", labels=[LONG], name="<img src=x>\n" + LONG)
    assert store.class_names == (LONG,)
    assert store.activation("embedding").values.tolist() == [[1.0]]
    many = capture_embeddings(np.eye(3), tmp_path / "many", labels=["<b>", "‮abc", ""])
    assert set(many.class_names) == {"<b>", "‮abc"}


def test_an_array_is_named_where_there_are_several(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, first=np.eye(3), second=2 * np.eye(3))
    store = capture_embeddings(path, tmp_path / "run", array="second")
    assert store.activation("embedding").values.max() == 2
    with pytest.raises(SamplesError, match="has no array 'third'"):
        capture_embeddings(path, tmp_path / "other", array="third")


def test_a_missing_vector_is_nan(tmp_path):
    pd.DataFrame({"v": [[1.0, 2.0], None, [3.0, None]]}).to_parquet(tmp_path / "made.parquet")
    with pytest.warns(InvalidEmbeddingsWarning, match="2 of 3"):
        store = capture_embeddings(tmp_path / "made.parquet", tmp_path / "run")
    assert np.isnan(store.activation("embedding").values).all(axis=1).tolist() == [False, True, True]


# ------------------------------------------------------------------------------------------------------- the protocol
def test_a_run_is_not_written_over_and_not_mixed(tmp_path, made):
    path = tmp_path / "run"
    capture_embeddings(made[0], path)
    with pytest.raises(CaptureError, match="holds a run already"):
        capture_embeddings(made[0], path)
    assert capture_embeddings(made[0], path, resume=True).complete
    with pytest.raises(StoreError, match="came from another"):
        capture_embeddings(made[0] + 1, path, resume=True)
    with pytest.raises(StoreError, match="came from another"):
        capture(tiny_model(), Samples(*tiny_images(COUNT)), path, resume=True)
    assert np.array_equal(open_store(path).activation("embedding").values, made[0])


def test_a_disk_without_room_is_told_before_anything_is_read(tmp_path, made, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    monkeypatch.setattr("nnlens.capturing.embeddings.gather", pytest.fail)
    with pytest.raises(CaptureError, match="the disk has 100 B"):
        capture_embeddings(made[0], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def contents(store):
    members = store.zarr().members(max_depth=None)
    return {path: array[: store.committed] for path, array in members if hasattr(array, "shape")}


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet", "projector"])
def test_a_killed_process_loses_no_committed_sample_and_goes_on(tmp_path, kind):
    count, units = 9000, 3
    vectors = np.random.default_rng(0).normal(size=(count, units)).astype(np.float32)
    source = tmp_path / f"made.{kind}"
    if kind == "npy":
        np.save(source, vectors)
    elif kind == "npz":
        np.savez_compressed(source, embedding=vectors)
    elif kind == "parquet":
        pd.DataFrame({"v": list(vectors)}).to_parquet(source, row_group_size=1000)
    else:
        source.mkdir()
        np.savetxt(source / "t.tsv", vectors, delimiter="\t", fmt="%.9g")
        (source / "projector_config.pbtxt").write_text('embeddings { tensor_path: "t.tsv" }')
    whole = capture_embeddings(source, tmp_path / "whole")
    assert whole.commit.shard < count  # else there is no moment to be killed at
    path = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(source), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    store = wait_until(lambda: (store := open_store(path)).committed and store, what="the first commit")
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGKILL
    assert 0 < store.committed < count
    assert store.verify().ok
    assert np.array_equal(store.activation("embedding").values, vectors[: store.committed])
    again = capture_embeddings(source, path, resume=True)
    assert again.complete
    found, expected = contents(again), contents(whole)
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet"])
def test_a_large_source_is_never_whole_in_memory(tmp_path, kind):
    values = np.random.default_rng(0).normal(size=(20_000, 512)).astype(np.float32)  # 41 MB
    source = tmp_path / f"made.{kind}"
    if kind == "npy":
        np.save(source, values)
    elif kind == "npz":
        np.savez(source, embedding=values)
    else:
        pd.DataFrame({"v": list(values)}).to_parquet(source, row_group_size=1000)
    size = values.nbytes
    del values
    tracemalloc.start()
    try:
        capture_embeddings(source, tmp_path / "run")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size, f"{peak / 1e6:.0f} MB"


# ----------------------------------------------------------------------------------------------------------- the rest
def test_text_of_protocol_buffers_is_read_as_it_is_written():
    text = 'a: 1 a: 2 # no\nb { c: "x\\"\\n\\101" "y" } b < c: [1, \'2\'] >; d {}'
    assert pbtxt.parse(text) == {"a": ["1", "2"], "b": [{"c": ['x"\nAy']}, {"c": ["1", "2"]}], "d": [{}]}


@given(st.text(alphabet='a:{}[]<>"\\ 1#\n,', max_size=30))
def test_text_of_protocol_buffers_never_fails_otherwise(text):
    with suppress(ValueError):
        pbtxt.parse(text)


def test_a_model_is_refused_for_a_run_without_one(tmp_path, made):
    capture_embeddings(made[0], tmp_path / "run")
    with pytest.raises(NNLensError, match="made of embeddings and has no model"):
        nnlens.Lens(tmp_path / "run", model=tiny_model())
