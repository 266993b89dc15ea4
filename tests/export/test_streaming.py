"""A zip that leaves in pieces: whole, the same each time, and never held as a whole."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from nnlens.export.streaming import PIECE, Rows, npz_writer, zip_pieces

RNG = np.random.default_rng(0)


def test_the_pieces_are_a_zip_that_every_reader_takes(tmp_path):
    images, ids = RNG.integers(0, 256, (300, 28, 28, 1), np.uint8), np.arange(300) * 7
    blocks = (images[start : start + 64] for start in range(0, 300, 64))
    arrays = {
        "image": Rows(images.shape, images.dtype, blocks),
        "sample": ids,
        "name": np.array(["é", None], object),
    }
    files = [("1.png", b"1" * 3_000_000), ("t.csv", b"id\r\n" * 999), ("values.npz", npz_writer(arrays))]
    content = b"".join(zip_pieces(files))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in ("1.png", "t.csv")] == [files[0][1], files[1][1]]
        (tmp_path / "values.npz").write_bytes(archive.read("values.npz"))
    with np.load(tmp_path / "values.npz") as values:  # without pickle
        np.testing.assert_array_equal(values["image"], images)
        np.testing.assert_array_equal(values["sample"], ids)
        assert values["name"].tolist() == ["é", "None"]
    assert b"".join(zip_pieces(files[:2])) == b"".join(zip_pieces(files[:2]))


@pytest.mark.parametrize("array", [np.float32(3.5), np.zeros((0, 4)), np.arange(6).reshape(2, 3).T, "word"])
def test_any_array_reads_back(array):
    made = b"".join(zip_pieces([("v.npz", npz_writer({"a": array}))]))
    with zipfile.ZipFile(io.BytesIO(made)) as archive, np.load(io.BytesIO(archive.read("v.npz"))) as values:
        np.testing.assert_array_equal(values["a"], array)


def test_a_hundred_megabytes_leave_through_a_few():
    block = RNG.integers(0, 256, (1, 1 << 20), np.uint8)
    files = ((f"{number}.png", block.tobytes()) for number in range(100))
    tracemalloc.start()
    sizes = [len(piece) for piece in zip_pieces(files)]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) > 100 << 20
    assert max(sizes) < 3 * PIECE
    assert most < 12 << 20
