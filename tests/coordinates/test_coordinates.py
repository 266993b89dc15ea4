"""Coordinates from files: every kind gives the same numbers to the same samples, and what is wrong is named."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from nnlens.coordinates import Coordinates, join, read_coordinates
from nnlens.errors import SamplesError

SAMPLES = np.array([7, 3, 11, 5, 2], np.int64)
RNG = np.random.default_rng(4)
XYZ = RNG.normal(size=(5, 3)).round(6)


def write(path, values, ids=None):
    """Write coordinates, with a column of ids if any, as one would in each format."""
    table = pd.DataFrame(values, columns=list("xyz")[: values.shape[1]])
    if ids is not None:
        table.insert(0, "id", ids)
    kind = path.suffix
    if kind == ".npy":
        np.save(path, values)
    elif kind == ".npz":
        np.savez(path, coordinates=values, **({} if ids is None else {"id": ids}))
    elif kind == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="\t" if kind == ".tsv" else ",", index=False)
    return path


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("by", ["order", "id"])
def test_every_kind_gives_each_sample_its_own(tmp_path, kind, axes, by):
    order = RNG.permutation(5)[:4] if by == "id" else np.arange(5)
    if kind == ".npy" and by == "id":
        found = read_coordinates(write(tmp_path / "own.npy", XYZ[order, :axes]), SAMPLES[order])
    else:
        ids = SAMPLES[order] if by == "id" else None
        found = read_coordinates(str(write(tmp_path / f"own{kind}", XYZ[order, :axes], ids)))
    made = join(found, SAMPLES)
    assert made["sample"].values.tolist() == [each for each in SAMPLES if each in SAMPLES[order]]
    for place, sample in enumerate(SAMPLES):
        if sample in SAMPLES[order]:
            np.testing.assert_allclose(made["projection"].sel(sample=sample), XYZ[place, :axes], rtol=1e-6)
    assert made["projection"].attrs["left_out"] == 5 - len(order) and made["projection"].dtype == np.float32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("\ufeffx,y\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("name,tsne_1,tsne_2\na,1,2\nb,3,4\n", [[1, 2], [3, 4]]),
        ("label,y,x\n9,1,2\n8,3,4\n", [[2, 1], [4, 3]]),
        ("X,Y,other\n1,2,9\n3,4,9\n", [[1, 2], [3, 4]]),
    ],
    ids=["bare", "byte order mark", "other names", "label beside", "more beside"],
)
def test_the_coordinates_of_a_table_are_found(tmp_path, text, expected):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert read_coordinates(tmp_path / "t.csv").values.tolist() == expected


def test_lists_in_a_column_and_ids_under_a_name(tmp_path):
    table = pd.DataFrame({"at": [[1.0, 2.0], [3.0, 4.0]], "who": [3, 7]})
    table.to_parquet(tmp_path / "t.parquet")
    made = join(read_coordinates(tmp_path / "t.parquet", "who"), SAMPLES)
    assert made["sample"].values.tolist() == [7, 3] and made["projection"].values.tolist() == [[3, 4], [1, 2]]


FIVE = [[0.0, 1.0]] * 5


@pytest.mark.parametrize(
    ("values", "ids", "words"),
    [
        (FIVE[:4], None, "4 rows, and the run has 5 samples"),
        ([*FIVE[:3], [np.nan, 1], [np.inf, 1]], None, "no finite coordinates in row 4 and 1 more"),
        ([*FIVE[:4], [1e300, 1]], None, "no finite coordinates in row 5"),
        (FIVE[:2], [3, 99], "ids that the run does not have: 99"),
        (FIVE[:2], [3, 3], "the id 3 more than once"),
        (FIVE[:2], [3, 1.5], "no whole number"),
        (FIVE[:2], ["a", "b"], "no whole number"),
        (FIVE[:2], [3], "2 rows and 1 ids"),
    ],
)
def test_what_does_not_fit_is_named(values, ids, words):
    found = Coordinates(np.array(values, float), None if ids is None else np.array(ids), "own.csv")
    with pytest.raises(SamplesError, match=words) as told:
        join(found, SAMPLES)
    assert told.value.hint


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"x,y\n1,two\n", "column y of a.csv holds texts"),
        ("a.csv", b"a,b,c,d\n1,2,3,4\n", "not clear which columns"),
        ("a.csv", b"", "a.csv is no table"),
        ("a.csv", b"\xff\xfe\x00\x00,\n", "a.csv"),
        ("a.tsv", b'"\n', "a.tsv"),
        ("a.parquet", b"PAR1 nothing", "damaged"),
        ("a.npy", b"\x93NUMPY\x01\x00", "a.npy"),
        ("a.npz", b"PK\x03\x04junk", "a.npz"),
        ("a.txt", b"hello", "no known kind"),
        ("a.pkl", pickle.dumps([[1, 2]]), "no known kind"),
    ],
)
def test_a_file_that_is_none_is_named_and_never_run(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SamplesError, match=words):
        read_coordinates(tmp_path / name)


def test_pickled_objects_and_other_widths_are_refused(tmp_path):
    np.save(tmp_path / "o.npy", np.array([[object()]], object), allow_pickle=True)
    with pytest.raises(SamplesError):
        read_coordinates(tmp_path / "o.npy")
    for width in (1, 4):
        with pytest.raises(SamplesError, match=f"has {width} numbers a sample"):
            read_coordinates(np.zeros((5, width)))
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SamplesError):
            read_coordinates(missing)
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    with pytest.raises(SamplesError, match="no column 'who'"):
        read_coordinates(tmp_path / "t.csv", "who")


def test_they_are_kept_as_a_result_and_once(tiny_lens):
    xy = np.random.default_rng(0).normal(size=(60, 2))
    made = tiny_lens.add_coordinates(xy, "by  hand")
    assert made.attrs["title"] == "by hand" and "60 samples · 0 left out" in made.attrs["caption"]
    again = tiny_lens.result(made.attrs["key"])
    np.testing.assert_array_equal(again["projection"], made["projection"])
    before = len(tiny_lens.results())
    assert tiny_lens.add_coordinates(xy, "by hand").attrs["key"] == made.attrs["key"]
    assert len(tiny_lens.results()) == before
    assert tiny_lens.add_coordinates(xy, "another").attrs["key"] != made.attrs["key"]
    with pytest.raises(SamplesError):
        tiny_lens.add_coordinates(xy[:5])
    assert len(tiny_lens.results()) == before + 1
