"""Datasets and messages arrive as they were sent, however they are cut, and carry no code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nnlens.jobs.wire import Lines, encode, plain, read_dataset, write_dataset


def test_a_dataset_comes_back_as_it_was(tmp_path):
    dataset = xr.Dataset(
        {
            "projection": (
                ("sample", "component"),
                np.random.default_rng(0).normal(size=(5, 2)).astype("f4"),
                {"unit": "m"},
            ),
            "name": ("sample", np.array(["a", "", "ünï", "<b>", "e" * 300], object)),
            "neighbor": (("sample", "rank"), np.arange(10).reshape(5, 2)),
            "trust": ((), 0.5),
            "nothing": (("sample", "none"), np.empty((5, 0))),
            "flag": ("sample", [True, False, True, False, True]),
        },
        {"sample": np.arange(5), "class_": ["x", "y"]},
        {"title": "A title", "values": np.arange(3), "number": np.float32(0.5), "nested": {"a": (1, 2)}},
    )
    write_dataset(tmp_path / "x.npz", dataset)
    back = read_dataset(tmp_path / "x.npz")
    xr.testing.assert_equal(back, dataset)
    assert back.attrs == {"title": "A title", "values": [0, 1, 2], "number": 0.5, "nested": {"a": [1, 2]}}
    assert back["projection"].attrs == {"unit": "m"}
    assert {name: back[name].dtype for name in back.variables if name != "class_"} == {
        name: dataset[name].dtype for name in dataset.variables if name != "class_"
    }


def test_a_file_with_code_in_it_is_refused(tmp_path):
    with (tmp_path / "evil.npz").open("wb") as file:
        np.savez(file, head=np.array([print], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_dataset(tmp_path / "evil.npz")


messages = st.dictionaries(
    st.text(max_size=5), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False))
)


@given(st.lists(messages, max_size=5), st.integers(1, 7))
def test_messages_arrive_whole_however_they_are_cut(sent, size):
    data = b"".join(encode(message) for message in sent)
    lines, heard = Lines(), []
    for start in range(0, len(data), size):
        heard += lines.feed(data[start : start + size])
    assert heard == sent
    assert lines.rest == b""


def test_what_is_not_plain_becomes_text_or_is_refused():
    assert plain({"a": np.int8(1), 2: {1.5}, "c": object}) == {"a": 1, "2": [1.5], "c": "<class 'object'>"}
    json.dumps(plain([np.arange(2), (None, True)]))
    with pytest.raises(TypeError, match="no plain data"):
        plain({"a": [object]}, strict=True)
