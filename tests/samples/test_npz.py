import io
import struct
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlens.errors import SamplesError
from nnlens.samples import load_samples, npz

IMAGES = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
LABELS = np.array([0, 2, 1, 1, 0, 2])


def saved(**named):
    file = io.BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def loaded(path, data, split="train"):
    path.write_bytes(data)
    return load_samples(path, split)


def refused(path, data, what, split="train"):
    with pytest.raises(SamplesError, match=what) as caught:
        loaded(path, data, split)
    told = str(caught.value)
    assert caught.value.hint
    assert "\n" not in told
    assert str(path.parent) not in told.replace(str(path), "")
    return told


@given(
    images=arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=7)),
    kind=st.sampled_from(["u1", "<i8", ">i4", "?"]),
    column=st.booleans(),
    packed=st.booleans(),
)
def test_every_pair_comes_back(tmp_path_factory, images, kind, column, packed):
    path = tmp_path_factory.mktemp("npz") / "set.zip"
    labels = np.arange(len(images)) % 2
    stored = labels.astype(kind)[:, None] if column else labels.astype(kind)
    with path.open("wb") as file:
        (np.savez_compressed if packed else np.savez)(file, x=images, y=stored)
    samples = load_samples(path)
    np.testing.assert_array_equal(samples.images(slice(None))[..., 0], images)
    np.testing.assert_array_equal(samples.labels, labels)
    assert samples.name == "set"


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("x", "y"),
        ("images", "labels"),
        ("data", "target"),
        ("X", "Y"),
        ("image", "label"),
        ("arr_0", "arr_1"),
    ],
)
def test_names_that_many_use_are_known(tmp_path, images, labels):
    samples = loaded(
        tmp_path / "a.npz", saved(**{images: IMAGES, labels: LABELS, "mean": np.zeros(3)}), "mine"
    )
    np.testing.assert_array_equal(samples.images(slice(None))[..., 0], IMAGES)
    np.testing.assert_array_equal(samples.labels, LABELS)
    assert samples.split == "mine"


@pytest.mark.parametrize(
    "form", ["x_{} y_{}", "X_{} Y_{}", "images_{} labels_{}", "{}_images {}_labels", "{}_x {}_y"]
)
def test_a_split_picks_its_own(tmp_path, form):
    named = {}
    for place, split in enumerate(["train", "test", "val"]):
        images, labels = form.format(split, split).split()
        named |= {images: IMAGES[place : place + 2], labels: LABELS[place : place + 2]}
    for place, split in enumerate(["train", "test", "val"]):
        samples = loaded(tmp_path / "a.npz", saved(**named), split)
        np.testing.assert_array_equal(samples.images(slice(None))[..., 0], IMAGES[place : place + 2])
        np.testing.assert_array_equal(samples.labels, LABELS[place : place + 2])
        np.testing.assert_array_equal(samples.ids, [0, 1])
    told = refused(tmp_path / "a.npz", saved(**named), "no split 'all'", "all")
    assert "'test', 'train', 'val'" in told


def test_labels_may_be_missing_and_classes_be_named(tmp_path):
    assert set(loaded(tmp_path / "a.npz", saved(x=IMAGES)).labels) == {-1}
    samples = loaded(tmp_path / "a.npz", saved(x=IMAGES, y=LABELS, class_names=np.array(["<b>", "", "c"])))
    assert samples.class_names == ("<b>", "", "c")


def test_another_process_can_open_it_again(tmp_path):
    (tmp_path / "a.npz").write_bytes(saved(x_train=IMAGES, x_test=IMAGES[:4], y_test=LABELS[:4]))
    samples = load_samples(str(tmp_path / "a.npz"), "test", 3)
    assert samples.reference == {"source": str(tmp_path / "a.npz"), "split": "test", "limit": 3}
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ({"x": IMAGES, "y": np.eye(6, dtype=int)}, r"'y' in a\.npz is one-hot.*argmax"),
        ({"x": IMAGES, "y": np.eye(6, dtype=np.float32)}, "one-hot.*argmax"),
        ({"x": IMAGES, "y": np.ones((6, 3))}, "no list of labels"),
        ({"x": IMAGES, "y": np.ones((6, 3, 2), int)}, "3 axes"),
        ({"x": IMAGES, "y": LABELS * 1.0}, "float64 .*int64"),
        ({"x": IMAGES, "y": np.array(list("abcabc"))}, "str32.*np.unique"),
        ({"x": IMAGES, "y": LABELS[:5]}, "6 images as 'x' but 5 labels as 'y'"),
        ({"x": IMAGES, "y": LABELS - 2}, "-2 is no class"),
        ({"x": IMAGES, "y": LABELS, "class_names": np.array(["a"])}, "only 1 class names"),
        ({"x": IMAGES / 255, "y": LABELS}, r"'x' in a\.npz holds float64.*255 \* images"),
        ({"x": np.zeros((4, 3, 9, 9), np.uint8)}, "transpose"),
        ({"x": IMAGES, "images": IMAGES}, "'x', 'images', and it is not clear"),
        ({"x": IMAGES, "y": LABELS, "labels": LABELS}, "'y', 'labels', and it is not clear"),
        ({"weights": IMAGES, "line\nbreak" * 99: IMAGES}, "no images that are named so"),
        ({}, "named so, only nothing"),
        ({"x": np.array([IMAGES, None], object)}, "pickled Python objects"),
        ({"x": IMAGES, "y": np.array([None], object)}, "pickled Python objects"),
        ({"x_test": IMAGES}, "no split 'train'.*'test'"),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(tmp_path, named, what):
    refused(tmp_path / "a.npz", saved(**named), what)


class Trap:
    def __reduce__(self):
        return (sys.exit, ("ran",))


def test_pickled_arrays_are_not_run(tmp_path):
    for named in ({"x": np.array([Trap()], object)}, {"x": IMAGES, "y": np.array([Trap()] * 6, object)}):
        refused(tmp_path / "a.npz", saved(**named), "pickled Python objects, which could run code")


def zipped(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def header_only(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def claiming(size):
    """An archive whose directory says that its only member unpacks to so many bytes."""
    data = bytearray(saved(x=IMAGES))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped({"x.npy": header_only((2**50, 9, 9))}), "bytes where its header says"),
        (claiming(2**32 - 2), "more than its packed bytes can hold"),
        (zipped({"x.npy": header_only((9, 9, 9)) + bytes(728)}), "bytes where its header says"),
        (zipped({"x.npy": b"no array"}), "does not begin"),
        (zipped({"x.npy": saved(x=IMAGES)}, zipfile.ZIP_LZMA), "packed or encrypted"),
        (zipped({"../x.npy": b"", "readme.txt": b""}), "no images that are named so"),
        (b"PK\x03\x04 and no more", "damaged or no .npz file"),
    ],
)
def test_what_lies_about_itself_is_refused_before_it_is_unpacked(tmp_path, data, what):
    refused(tmp_path / "a.npz", data, what)


def test_a_member_may_not_unpack_to_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "LARGEST", 1000)
    data = zipped({"x.npy": header_only((100, 10, 10)) + bytes(10_000)})
    refused(tmp_path / "a.npz", data, "claims to unpack to")


def test_a_flipped_bit_is_noticed(tmp_path):
    data = bytearray(saved(x=IMAGES))
    data[data.index(IMAGES.tobytes()) + 50] ^= 1
    refused(tmp_path / "a.npz", bytes(data), "damaged")


@settings(max_examples=200)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.none() | st.integers(4, 10_000))
def test_a_damaged_file_is_named_or_read_as_it_was(tmp_path_factory, place, byte, cut):
    whole = saved(x=IMAGES, y=LABELS)
    data = bytearray(whole)
    data[4 + place % (len(data) - 4)] = byte
    path = tmp_path_factory.mktemp("npz") / "a"
    try:
        samples = loaded(path, bytes(data[:cut]))
    except SamplesError as error:
        assert str(path.parent) not in str(error).replace(str(path), "")
    else:
        np.testing.assert_array_equal(samples.images(slice(None))[..., 0], IMAGES)
