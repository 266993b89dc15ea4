"""The files are what zarr says they are: zarr is the oracle, in both directions."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.store.encoding import encode_shard
from nnlens.store.layout import STRING, array_layout, ceil_power, chunk_rows, empty, floor_power, shard_rows
from nnlens.store.writer import create_array, write_file

DTYPES = ["f4", "i8", "u1", STRING]


def values_of(rng, shape, dtype):
    if np.dtype(dtype) == STRING:
        return np.array([f"é{n}" * (n % 5) for n in range(np.prod(shape))], dtype=STRING).reshape(shape)
    return rng.integers(0, 100, shape).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 40),
    shard=st.sampled_from([1, 2, 8, 16, 64]),
    trailing=st.lists(st.integers(1, 5), max_size=3),
    dtype=st.sampled_from(DTYPES),
    turned=st.booleans(),
    compressed=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_zarr_reads_what_is_written(
    tmp_path_factory, count, shard, trailing, dtype, turned, compressed, seed
):
    folder = tmp_path_factory.mktemp("zarr")
    trailing = [] if np.dtype(dtype) == STRING else trailing
    dims = ["sample", "a", "b", "c"][: len(trailing) + 1]
    order = (0, 2, 3, 1) if turned and len(trailing) == 3 else None
    layout = array_layout("x", dims, (count, *trailing), dtype, shard, order, compressed)
    values = values_of(np.random.default_rng(seed), layout.shape, dtype)
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    create_array(root, layout)
    for number in range(layout.shard_count):
        batch = values[number * shard : (number + 1) * shard]
        write_file(folder / layout.shard_key(number), encode_shard(batch, layout))
    np.testing.assert_array_equal(np.asarray(root["x"][:]).astype(layout.dtype), values)


@pytest.mark.parametrize("order", [None, (0, 2, 3, 1)])
def test_samples_lie_in_memory_as_on_disk(order):
    layout = array_layout("x", ["sample", "channel", "y", "x"], (9, 3, 4, 5), "f4", 4, order)
    values = empty(layout, 2)
    assert values.shape == (2, 3, 4, 5)
    assert values.strides == ((240, 80, 20, 4) if order is None else (240, 4, 60, 12))


def test_what_zarr_writes_is_read(tiny_store, tmp_path):
    """Let zarr write every array of a run again; the reader sees no difference."""
    import shutil

    from nnlens import open_store

    shutil.copytree(tiny_store.path, tmp_path / "copy")
    source = tiny_store.zarr()
    target = zarr.open_group(
        tmp_path / "copy" / "data.zarr", mode="r+", zarr_format=3, use_consolidated=False
    )
    paths = [key.removesuffix("/zarr.json") for key in tiny_store.commit.metadata if key.count("/") > 1]
    arrays = [path for path in paths if isinstance(source[path], zarr.Array)]
    assert len(arrays) == 14
    for path in arrays:
        for file in (tmp_path / "copy" / "data.zarr" / path).glob("c.*"):
            file.unlink()
        target[path][:] = source[path][:]
    copy = open_store(tmp_path / "copy")
    np.testing.assert_array_equal(copy.activation("conv").values, tiny_store.activation("conv").values)
    np.testing.assert_array_equal(copy.samples["split"].values, tiny_store.samples["split"].values)


def test_xarray_opens_a_run_by_itself(tiny_store):
    import xarray as xr

    found = xr.open_zarr(
        tiny_store.zarr().store, group="layers/L0000", consolidated=False, zarr_format=3, chunks=None
    )
    np.testing.assert_array_equal(found["activation"], tiny_store.activation("conv").values)
    assert found["activation"].dims == ("sample", "channel", "y", "x")
    assert found.attrs["name"] == "conv"


def test_what_was_never_written_is_never_zero():
    fills = [array_layout("x", ["sample"], (3,), dtype, 1).fill for dtype in ("f4", "i8", "u1", STRING)]
    assert np.isnan(fills[0])
    assert fills[1:] == [-1, 0, ""]


@given(st.integers(1, 10**9), st.integers(0, 11))
def test_chunks_divide_their_shard(sample_bytes, power):
    shard = 2**power
    assert shard % chunk_rows(sample_bytes, shard) == 0


@given(st.integers(1, 10**7), st.integers(1, 10**10), st.integers(1, 10**7))
def test_shards_are_powers_of_two_and_no_larger_than_needed(total, sample_bytes, pixels):
    rows = shard_rows(total, sample_bytes, pixels)
    assert rows == floor_power(rows)
    assert rows == 1 or (rows < 2 * total and rows * sample_bytes <= 128 << 20)


@given(st.integers(1, 10**12))
def test_powers_of_two(number):
    assert floor_power(number) <= number <= ceil_power(number) < 2 * number or number == 1


@pytest.mark.parametrize(("bytes_", "expected"), [(8, 2048), (256, 256), (18_000, 32), (12_800_000, 1)])
def test_chunks_of_usual_arrays(bytes_, expected):
    assert chunk_rows(bytes_, 2048) == expected
