"""The table, against the run and against readers of other programs."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlens import Lens, capture, capture_embeddings, load_samples
from nnlens.errors import ExportError, FilterError
from nnlens.export import export_table, sample_table
from nnlens.export.table import as_csv, as_parquet
from nnlens.testing import tiny_model, tiny_store
from nnlens.testing.tiny_run import tiny_images

TRAPS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    " =1",
    "＝1",
    "a,b",
    'q"q',
    "two\nlines",
    "Straße",
    "'=1",
    "plain",
    "",
]


@pytest.fixture
def lens(tmp_path):
    return Lens(tiny_store(tmp_path / "run"))


def test_every_column_is_the_runs(lens):
    store, table = lens.store, sample_table(lens)
    assert table["id"].tolist() == store.ids.tolist()
    for side in ("label", "prediction"):
        codes = store.samples[side].values
        assert table[side].tolist() == [store.class_names[code] for code in codes]
        np.testing.assert_array_equal(table[f"{side}_class"], codes)
    np.testing.assert_array_equal(table["loss"], store.samples["loss"])
    logits = store.samples["logit"].values.astype(float)
    powers = np.exp(logits)
    np.testing.assert_allclose(table["confidence"], powers.max(1) / powers.sum(1), rtol=1e-5)
    assert table["correct"].tolist() == (table["label"] == table["prediction"]).tolist()


def test_results_are_columns_and_those_of_one_name_are_told_apart(lens):
    whole = lens.run("pca", layer="fc1")
    part = lens.run("pca", layer="conv", sample=[3, 9])
    loss = lens.run("loss")
    table = sample_table(lens)
    np.testing.assert_array_equal(table["projection_1_pca_fc1"], whole["projection"][:, 1])
    there = table["projection_0_pca_conv"].notna()
    assert table["id"][there].tolist() == [3, 9]
    np.testing.assert_array_equal(table["projection_0_pca_conv"][there], part["projection"][:, 0])
    for name in loss.data_vars:
        if loss[name].dims == ("sample",) and str(name) != "loss":
            np.testing.assert_allclose(table[str(name)], loss[name])
    assert "projection_0_pca_fc1" not in sample_table(lens, results=False)
    found = sample_table(lens, where="projection_0_pca_fc1 > 0")
    assert found["id"].tolist() == whole["sample"].values[whole["projection"].values[:, 0] > 0].tolist()


def test_rows_are_those_that_the_filter_and_the_ids_leave(lens, tmp_path):
    assert sample_table(lens, where="label == 1")["id"].tolist() == list(range(1, 60, 3))
    assert sample_table(lens, where="label == 1", sample=[1, 2, 4])["id"].tolist() == [1, 4]
    assert export_table(lens, tmp_path / "none.csv", where="loss > 1e9") == 0
    with pytest.raises(FilterError):
        export_table(lens, tmp_path / "x.csv", where="__import__('os')")
    with pytest.raises(ExportError, match="known ending"):
        export_table(lens, tmp_path / "x.xlsx")
    with pytest.raises(ExportError, match="cannot be written"):
        export_table(lens, tmp_path / "missing" / "x.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none.csv", "run"]


def test_no_name_becomes_a_formula(tmp_path):
    images, labels = tiny_images(56, len(TRAPS))
    store = capture(tiny_model(len(TRAPS)), load_samples((images, labels)), tmp_path / "run", keep=[])
    store.class_names = tuple(TRAPS)
    table = sample_table(Lens(store)).rename(columns={"confidence": "=cmd"})
    rows = list(csv.reader(io.StringIO(as_csv(table).decode(), newline="")))
    for row in rows:
        for cell in row:
            if cell.lstrip()[:1] in "=+-@＝" and cell:
                float(cell)  # only numbers may begin so
    label = [row[rows[0].index("label")] for row in rows[1:]]
    assert {"'=1+1", "'+1", "'-1", "'@x", "a,b", 'q"q', "Straße", "plain"} <= set(label)
    assert rows[0].count("'=cmd") == 1
    exact = pd.read_parquet(io.BytesIO(as_parquet(table)))
    assert {"=1+1", "+1", "-1", "@x"} <= set(exact["label"])


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_numbers_come_back(values):
    table = pd.DataFrame({"x": np.array(values, np.float32)})
    back = pd.read_csv(io.BytesIO(as_csv(table)), dtype={"x": np.float32})
    np.testing.assert_array_equal(back["x"], table["x"])


def test_both_forms_say_the_same(lens, tmp_path):
    lens.run("pca", layer="fc1")
    export_table(lens, tmp_path / "t.csv")
    export_table(lens, tmp_path / "t.parquet")
    one, other = pd.read_csv(tmp_path / "t.csv"), pd.read_parquet(tmp_path / "t.parquet")
    assert list(one) == list(other)
    for name in other.select_dtypes("number"):  # the names of these classes are numbers to a reader of CSV
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6)


def test_a_run_of_embeddings_has_what_it_has(tmp_path):
    table = sample_table(Lens(capture_embeddings(np.eye(4), tmp_path / "run")))
    assert table["id"].tolist() == [0, 1, 2, 3]
    assert "loss" not in table
