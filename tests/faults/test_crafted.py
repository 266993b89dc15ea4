"""A run that somebody crafted, checksums and all: what it claims is refused in words before memory is asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nnlens import open_store
from nnlens.errors import StoreDamagedError
from nnlens.store.commit import digest, read_commit, write_commit


def sharding(data):
    return data["codecs"][0]["configuration"]


def wide(data):
    size = 2**34
    data["shape"][1] = data["chunk_grid"]["configuration"]["chunk_shape"][1] = sharding(data)["chunk_shape"][
        1
    ] = size


CLAIMS = {
    "a sample of 64 GB": wide,
    "chunks of nothing": lambda data: sharding(data)["chunk_shape"].__setitem__(0, 0),
    "chunks of less": lambda data: sharding(data)["chunk_shape"].__setitem__(0, -1),
    "chunks larger than shards": lambda data: sharding(data)["chunk_shape"].__setitem__(0, 10**9),
    "no dimensions": lambda data: data.update(dimension_names=[]),
    "objects": lambda data: data.update(data_type="object"),
    "a number of a gigabyte": lambda data: data.update(data_type="V1000000000"),
    "fewer than none": lambda data: data["shape"].__setitem__(0, -5),
    "no codecs": lambda data: data.update(codecs=[]),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_array_that_cannot_be_is_named(tiny_store, claim):
    file = tiny_store.path / "data.zarr" / "samples" / "logit" / "zarr.json"
    data = json.loads(file.read_text())
    CLAIMS[claim](data)
    file.write_text(json.dumps(data))
    commit = read_commit(tiny_store.path)
    metadata = {**commit.metadata, "samples/logit/zarr.json": digest(file.read_bytes())}
    write_commit(tiny_store.path, replace(commit, metadata=metadata))
    with pytest.raises(StoreDamagedError, match="samples/logit"):
        open_store(tiny_store.path).samples.load()
    problems = open_store(tiny_store.path).verify().problems
    assert problems
    assert all("samples/logit" in each for each in problems)


@pytest.mark.parametrize(
    "claim",
    [
        {"facts": [1]},
        {"metadata": []},
        {"shard": 0},
        {"rows": 1.5},
        {"rows": -1},
        {"total": "60"},
        {"fingerprint": 3},
    ],
    ids=str,
)
def test_a_commit_that_cannot_be_is_named(tiny_store, claim):
    write_commit(tiny_store.path, replace(read_commit(tiny_store.path), **claim))
    with pytest.raises(StoreDamagedError, match=r"commit\.json"):
        open_store(tiny_store.path)
