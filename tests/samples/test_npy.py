import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlens.errors import SamplesError
from nnlens.samples import load_samples

PICTURES = np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)


def npy_bytes(array, order="C", shape=None, descr=None):
    """Version 1.0 of the format, as its description says."""
    descr, shape = descr or array.dtype.str, shape or array.shape
    header = f"{{'descr': {descr!r}, 'fortran_order': {order == 'F'}, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.tobytes(order)


def refused(path, data, what):
    path.write_bytes(data)
    with pytest.raises(SamplesError, match=what) as caught:
        load_samples(path)
    told = str(caught.value)
    assert caught.value.hint
    assert "\n" not in told
    assert str(path.parent) not in told.replace(str(path), "")
    assert path.read_bytes() == data
    return told


@given(
    images=arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=7)),
    rgb=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_every_array_comes_back(tmp_path_factory, images, rgb, order):
    images = np.stack([images, images, images[::-1]], -1) if rgb else images
    path = tmp_path_factory.mktemp("npy") / "pictures"
    path.write_bytes(npy_bytes(images, order))
    samples = load_samples(path, "mine")
    np.testing.assert_array_equal(samples.images(slice(None)), images if rgb else images[..., None])
    assert (samples.name, samples.split, set(samples.labels)) == ("pictures", "mine", {-1})


def test_what_numpy_saves_is_read_and_another_process_can_open_it_again(tmp_path):
    np.save(tmp_path / "pictures.npy", PICTURES)
    samples = load_samples(str(tmp_path / "pictures.npy"), limit=3)
    np.testing.assert_array_equal(samples.images(slice(None)), PICTURES[:3])
    assert samples.reference == {"source": str(tmp_path / "pictures.npy"), "split": "train", "limit": 3}
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint


def test_the_file_is_mapped_and_not_read(tmp_path):
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        file.write(npy_bytes(np.zeros((0, 1, 1), np.uint8), shape=(64, 2**15, 2**15)))
        file.truncate(file.tell() + 2**36)  # without blocks on disk
    samples = load_samples(path, limit=2)
    assert samples.images(slice(1))[0, :9, :9].max() == 0


@pytest.mark.parametrize("cut", [0, 3, 6, 7, 9, 20, 70, 127, 128, 200, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path, cut):
    refused(tmp_path / "pictures.npy", npy_bytes(PICTURES)[:cut], r"pictures\.npy")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (npy_bytes(PICTURES) + b"\0", r"489 bytes where its header says 488|bytes where its header says"),
        (npy_bytes(PICTURES, shape=(2**60, 5, 6, 3)), "bytes where its header says"),
        (npy_bytes(PICTURES, shape=(-4, -5, 6, 3)), "claims the shape"),
        (npy_bytes(PICTURES, descr="|O"), "pickled Python objects"),
        (npy_bytes(PICTURES, shape="__import__('os')"), "does not begin"),
        (npy_bytes(PICTURES, shape="(" * 5000), "does not begin"),
        (npy_bytes(PICTURES, shape="-" * 5000 + "1"), "does not begin"),
        (b"\x93NUMPY\x09\x00" + npy_bytes(PICTURES)[8:], "does not begin"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "does not begin"),
        (b"", "is empty"),
        (b"version https: git-lfs", "no known kind"),
        (b"<!DOCTYPE html>", "no known kind"),
    ],
)
def test_what_is_no_npy_file_is_named(tmp_path, data, what):
    refused(tmp_path / "pictures.npy", data, what)


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros((4, 3, 9, 9), np.uint8), r"\(sample, channel, y, x\).*transpose\(0, 2, 3, 1\)"),
        (np.zeros((9, 9, 3, 4), np.uint8), r"\(y, x, channel, sample\).*transpose\(3, 0, 1, 2\)"),
        (np.zeros((9, 9, 3), np.uint8), r"one picture .*images\[None\]"),
        (np.zeros((9, 81), np.uint8), r"flat rows.*reshape"),
        (np.zeros(9, np.uint8), "1 axes"),
        (np.zeros((4, 9, 9, 4), np.uint8), r"4 channels.*images\[\.\.\., :3\]"),
        (np.zeros((4, 9, 9, 7), np.uint8), "7 channels.*RGB"),
        (np.zeros((0, 9, 9), np.uint8), "no images"),
        (np.zeros((4, 9, 9), np.float32), r"float32.*255 \* images"),
        (np.zeros((4, 9, 9), np.int64), r"int64.*0 to 255"),
        (np.zeros((4, 9, 9), bool), r"bool.*\* 255"),
        (np.zeros((4, 9, 9), [("a", "u1")]), "records"),
        (np.zeros((4, 9, 9), "U3"), "str96"),
    ],
)
def test_other_arrays_are_named_with_what_to_do(tmp_path, array, what):
    np.save(tmp_path / "x.npy", array)
    refused(tmp_path / "x.npy", (tmp_path / "x.npy").read_bytes(), what)


@pytest.mark.parametrize("move", [(0, 3, 1, 2), (1, 2, 3, 0)])
def test_what_to_do_about_the_axes_mends_them(tmp_path, move):
    moved = PICTURES.transpose(move)
    np.save(tmp_path / "x.npy", moved)
    told = refused(tmp_path / "x.npy", (tmp_path / "x.npy").read_bytes(), "transpose")
    axes = tuple(map(int, told.partition("transpose(")[2].partition(")")[0].split(", ")))
    np.testing.assert_array_equal(moved.transpose(axes), PICTURES)


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_named(tmp_path_factory, place, byte):
    data = bytearray(npy_bytes(PICTURES))
    data[place % 128] = byte
    path = tmp_path_factory.mktemp("npy") / "x"
    path.write_bytes(data)
    try:
        load_samples(path)
    except SamplesError as error:
        assert str(path.parent) not in str(error).replace(str(path), "")


def test_a_file_that_may_not_be_read_is_named_without_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", PICTURES)

    def denied(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SamplesError, match=r"^x\.npy cannot be read: Permission denied"):
        load_samples("x.npy")
