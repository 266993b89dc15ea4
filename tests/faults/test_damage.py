"""Whatever is changed in a run on disk is named, by the reader and by verify, and never shown as numbers."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from nnlens import open_store
from nnlens.capturing import capture
from nnlens.errors import StoreDamagedError
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model


@pytest.fixture
def store(tmp_path):
    return capture(tiny_model(), Samples(*tiny_images(100)), tmp_path / "run", commit_size=32)


def read_all(path: Path) -> list[np.ndarray]:
    store = open_store(path)
    values = [store.samples[name].values for name in store.samples]
    values.append(store.ids)
    values += [store.activation(layer.name).values for layer in store.layers]
    return values + [store.pooled(layer.name).values for layer in store.layers]


def assert_named(path: Path, file: Path) -> None:
    """Reading everything raises, naming the file; so does verify, and nothing else is called damaged."""
    name = file.relative_to(path).as_posix()
    with pytest.raises(StoreDamagedError) as caught:
        read_all(path)
    assert name in caught.value.message
    assert str(path) not in str(caught.value)
    problems = open_store(path).verify().problems
    assert len(problems) == 1
    assert name in problems[0]


def shards(path: Path) -> list[Path]:
    return sorted((path / "data.zarr").rglob("c.*"))


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_named(store):
    chance = random.Random(0)
    sound = read_all(store.path)
    for file in shards(store.path):
        content = file.read_bytes()
        for place in {0, len(content) - 1, chance.randrange(len(content))}:
            flipped = bytearray(content)
            flipped[place] ^= 1 << chance.randrange(8)
            file.write_bytes(flipped)
            assert_named(store.path, file)
        file.write_bytes(content)
    for found, expected in zip(read_all(store.path), sound, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_every_bit_of_a_shard_counts(store):
    file = store.path / "data.zarr" / "samples" / "label" / "c.1"
    content = file.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            file.write_bytes(flipped)
            with pytest.raises(StoreDamagedError, match=r"samples/label/c\.1"):
                _ = open_store(store.path).samples


def test_a_deleted_chunk_is_named(store):
    for file in shards(store.path)[::3]:
        content = file.read_bytes()
        file.unlink()
        assert_named(store.path, file)
        file.write_bytes(content)


def test_a_cut_chunk_is_named(store):
    for file in shards(store.path)[::5]:
        content = file.read_bytes()
        for kept in (0, 3, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:kept])
            assert_named(store.path, file)
        file.write_bytes(content)


def test_a_chunk_of_another_place_is_taken_for_what_it_is_only_if_it_fits(store):
    first, second = (store.path / "data.zarr" / "samples" / name / "c.0" for name in ("label", "loss"))
    first.write_bytes(second.read_bytes())
    assert_named(store.path, first)


def test_a_linked_chunk_is_named(store, tmp_path):
    file = shards(store.path)[4]
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert_named(store.path, file)


def test_a_linked_folder_is_named(store, tmp_path):
    folder = store.path / "data.zarr" / "samples" / "label"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreDamagedError, match=r"samples/label.* link"):
        read_all(store.path)
    assert "link" in store.verify().problems[0]


@pytest.mark.parametrize("array", ["samples/label", "layers/L0000/activation", "samples/image"])
def test_an_edited_metadata_file_is_named(store, array):
    file = store.path / "data.zarr" / array / "zarr.json"
    metadata = json.loads(file.read_text())
    metadata["data_type"] = {"int64": "uint64", "float32": "int32", "uint8": "int8"}[metadata["data_type"]]
    file.write_text(json.dumps(metadata))
    assert_named(store.path, file)


def test_an_edited_root_is_named(store):
    file = store.path / "data.zarr" / "zarr.json"
    file.write_text(file.read_text().replace("tiny", "tony"))
    with pytest.raises(StoreDamagedError, match=r"data\.zarr/zarr\.json was changed"):
        open_store(store.path)


def test_a_deleted_metadata_file_is_named(store):
    file = store.path / "data.zarr" / "layers" / "L0000" / "pooled" / "zarr.json"
    file.unlink()
    assert_named(store.path, file)


def test_zarr_itself_raises_too(store):
    file = store.path / "data.zarr" / "samples" / "label" / "c.2"
    file.unlink()
    with pytest.raises(StoreDamagedError, match=r"samples/label/c\.2 is missing"):
        store.zarr()["samples/label"][:]


def test_the_rest_of_a_damaged_run_can_be_read(store):
    (store.path / "data.zarr" / "layers" / "L0000" / "activation" / "c.3.0.0.0").unlink()
    found = open_store(store.path)
    assert np.isfinite(found.activation("conv")[:96].values).all()
    assert np.isfinite(found.activation("fc1").values).all()
    with pytest.raises(StoreDamagedError):
        found.activation("conv")[96:].values  # noqa: B018


def test_nothing_uncommitted_is_ever_shown(tmp_path):
    """Shards beyond the commit lie there after a kill; neither reader nor zarr shows them."""
    from nnlens.store.commit import read_commit, write_commit

    path = tmp_path / "run"
    store = capture(tiny_model(), Samples(*tiny_images(100)), path, commit_size=32)
    from dataclasses import replace

    write_commit(path, replace(read_commit(path), rows=64))
    early = open_store(path)
    assert early.committed == 64
    assert not early.complete
    assert early.fingerprint == store.fingerprint
    assert early.samples.sizes["sample"] == 64
    assert early.activation("conv").shape[0] == 64
    assert np.isnan(early.zarr()["layers/L0000/activation"][64:]).all()
    assert (early.zarr()["samples/label"][64:] == -1).all()
    (path / "data.zarr" / "samples" / "label" / "c.3").write_bytes(b"half a batch")
    (path / "data.zarr" / "samples" / "label" / "c.2.partial").touch()
    again = capture(tiny_model(), Samples(*tiny_images(100)), path, resume=True)
    assert again.complete
    assert again.verify().ok
    assert not list(path.rglob("*.partial"))
