import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlens.errors import SamplesError
from nnlens.samples.idx import read_folder, read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    """The format, number by number, as its description says."""
    head = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim]) + b"".join(
        struct.pack(">I", n) for n in array.shape
    )
    code = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[array.dtype.str[1:]]
    return head + b"".join(struct.pack(f">{code}", number) for number in array.ravel().tolist())


def any_array():
    kinds = st.sampled_from(sorted(CODES))
    return kinds.flatmap(
        lambda kind: arrays(
            np.dtype(kind),
            array_shapes(max_dims=4, max_side=5),
            elements={"allow_nan": False} if kind[0] == "f" else None,
        )
    )


@given(array=any_array(), packed=st.booleans())
def test_every_array_comes_back(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "numbers"
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    got = read_idx(path)
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@given(cut=st.integers(1, 1000))
def test_a_file_that_is_cut_off_is_refused(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("idx") / "images"
    data = idx_bytes(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    path.write_bytes(data[: -1 - cut % (len(data) - 1)])
    with pytest.raises(SamplesError, match="images"):
        read_idx(path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not an idx file"),
        (b"<!DOCTYPE html><html>404", "not an idx file"),
        (b"\x00\x00\x07\x01" + bytes(8), "not an idx file"),
        (idx_bytes(np.zeros(3, np.uint8)) + b"\x00", "4 bytes of numbers where its header says 3"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "header says"),
        (gzip.compress(idx_bytes(np.zeros(99, np.uint8)), mtime=0)[:-12], "cannot be read"),
        (b"\x1f\x8bnot gzip at all", "cannot be read"),
    ],
)
def test_what_is_no_idx_file_is_named(tmp_path, data, what):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(SamplesError, match=what) as caught:
        read_idx(path)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.hint


def write_folder(folder, count=5, prefix="train", labels=True):
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(count * 12, dtype=np.uint8).reshape(count, 3, 4)
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    if labels:
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(count, dtype=np.uint8) % 3))
    return images


def test_a_folder_gives_images_labels_and_names(tmp_path):
    images = write_folder(tmp_path)
    samples = read_folder(tmp_path, "train", "made", ("a", "b", "c"))
    np.testing.assert_array_equal(samples.images(slice(None))[..., 0], images)
    np.testing.assert_array_equal(samples.labels, [0, 1, 2, 0, 1])
    assert samples.class_names == ("a", "b", "c")
    assert samples.split == "train"


def test_the_test_part_is_called_t10k(tmp_path):
    write_folder(tmp_path, prefix="t10k")
    assert len(read_folder(tmp_path, "test", "made")) == 5
    with pytest.raises(SamplesError, match="no idx images of the split 'train'"):
        read_folder(tmp_path, "train", "made")


def test_labels_may_be_missing(tmp_path):
    write_folder(tmp_path, labels=False)
    assert set(read_folder(tmp_path, "train", "made").labels) == {-1}


def test_a_small_file_may_not_unpack_to_everything(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlens.samples.idx.LARGEST", 1000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(10_000)))
    with pytest.raises(SamplesError, match="unpacks to more than"):
        read_idx(path)
