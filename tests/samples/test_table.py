"""Tables of pictures: columns, labels, splits, and what is no such table; CSV and Parquet say the same."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples import load_samples

FORMATS = ("csv", "tsv", "semicolons", "parquet")


def save(table: pd.DataFrame, folder, form: str):
    path = folder / f"table.{'csv' if form == 'semicolons' else form}"
    if form == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep={"csv": ",", "tsv": "\t", "semicolons": ";"}[form], index=False)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight grey pictures, each of one value: its number."""
    made = tmp_path_factory.mktemp("pictures")
    (made / "in, side").mkdir()
    for value in range(8):
        Image.new("L", (4, 4), value).save(made / "in, side" / f"{value}.png")
    return made


def rows(*numbers):
    return [f"in, side/{number}.png" for number in numbers]


@pytest.mark.parametrize("form", FORMATS)
def test_paths_labels_and_splits(folder, form):
    table = pd.DataFrame(
        {
            "Filename": rows(5, 3, 1, 0),
            "Class": ["b", "a", "", "b"],
            "split": ["train", "test", "train", "Train"],
        }
    )
    path = save(table, folder, form)
    train, test = load_samples(path, split="train"), load_samples(path, split="test")
    assert train.images(slice(None))[:, 0, 0, 0].tolist() == [5, 1, 0]
    assert train.ids.tolist() == [0, 2, 3]
    assert train.labels.tolist() == [1, -1, 1]
    assert train.class_names == test.class_names == ("a", "b")  # also where a split lacks one of them
    assert test.paths == ("in, side/3.png",)
    assert set(test.splits) == {"test"}
    with pytest.raises(SamplesError, match="no split 'val'") as caught:
        load_samples(path, split="val")
    assert "'test', 'train'" in caught.value.hint


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "labels", [[2, 0, 1, -1], [2.0, 0.0, 1.0, None], ["2", "0", "1", ""]], ids=["integers", "floats", "texts"]
)
def test_whole_numbers_are_the_labels_themselves(folder, form, labels):
    samples = load_samples(save(pd.DataFrame({"path": rows(0, 1, 2, 3), "label": labels}), folder, form))
    assert samples.labels.tolist() == [2, 0, 1, -1]
    assert samples.class_names == ("0", "1", "2")


def test_the_same_table_opens_again_in_another_process(folder):
    path = save(
        pd.DataFrame({"path": rows(0, 1, 2), "label": ["n01440764", "n02102040", "n01440764"]}), folder, "csv"
    )
    samples = load_samples(path, limit=2)
    assert samples.class_names == ("tench", "English springer")
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint
    assert samples.for_outputs(1000).labels.tolist() == [0, 217]


def test_without_labels_all_are_unlabelled_and_absolute_paths_are_taken(folder, tmp_path):
    pd.DataFrame({"image": [str(folder / name) for name in rows(4, 2)]}).to_csv(
        tmp_path / "list.csv", index=False
    )
    samples = load_samples(tmp_path / "list.csv")
    assert samples.labels.tolist() == [-1, -1]
    assert samples.images([0])[0, 0, 0, 0] == 4


def test_what_is_no_picture_is_left_out_and_its_class_stays(folder):
    path = save(pd.DataFrame({"path": ["gone.png", *rows(1)], "label": ["a", "b"]}), folder, "csv")
    samples = load_samples(path)
    assert (samples.ids.tolist(), samples.labels.tolist(), samples.class_names) == ([1], [1], ("a", "b"))
    assert list(samples.broken) == ["gone.png"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name,label\na.png,1\n", "has no column of paths, only 'name', 'label'"),
        (b"path,label\n", "has no rows"),
        (b"path,label\na.png,-7\n", "label of -7"),
        (b"path,label\na.png,1\n", "None of 1 files"),
        (b"path\n\xff\xfe\x00\n", "cannot be read as a table"),
        (b'path,label\n"a.png,1\n', "cannot be read as a table"),
        (b"\x00" * 50, "no column of paths|cannot be read|no rows"),
        (b"", "is empty"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, told):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(SamplesError, match=told):
        load_samples(tmp_path / "table.csv")


def test_a_damaged_parquet_file(folder, tmp_path):
    whole = save(pd.DataFrame({"path": rows(0, 1)}), folder, "parquet").read_bytes()
    (tmp_path / "table.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SamplesError, match="cannot be read as a table"):
        load_samples(tmp_path / "table.parquet")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_samples_or_a_named_error(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(b"path,label\n" + content)
    with contextlib.suppress(SamplesError):
        load_samples(tmp_path / "table.csv")


def test_formats_agree(folder):
    table = pd.DataFrame({"path": rows(*range(8)), "label": list(np.arange(8) % 3)})
    prints = {load_samples(save(table, folder, form)).fingerprint for form in FORMATS}
    assert len(prints) == 1


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "table.csv").write_text("path\npipe.png\n")
    with pytest.raises(SamplesError, match=r"pipe\.png cannot be read"):
        load_samples(tmp_path / "table.csv")
