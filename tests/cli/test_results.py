"""``nnlens run``: flags made from parameters, and results for people, programs and files."""

import csv
import json

import numpy as np
import pytest

from nnlens import Lens, capture, load_model, load_samples, open_store


def test_a_flag_sets_the_parameter_that_the_library_sets(nnlens, run_folder):
    answer = nnlens("run", run_folder, "pca", "--layer", "fc1", "--components", "3", "--json")
    assert answer.status == 0, answer.error
    facts = answer.json()
    expected = Lens(run_folder).run("pca", layer="fc1", components=3)
    assert facts["attributes"]["key"] == expected.attrs["key"]
    assert facts["variables"]["projection"]["shape"] == [60, 3]
    np.testing.assert_allclose(facts["variables"]["projection"]["values"], expected["projection"], rtol=1e-6)


@pytest.mark.parametrize(
    "words",
    [["--components=3"], ["--param", "components=3"], ["--components", "3.0"], ["--param=components = 3"]],
)
def test_every_way_to_say_a_parameter_gives_the_same_result(nnlens, run_folder, words):
    expected = Lens(run_folder).run("pca", layer="fc1", components=3)
    facts = nnlens("run", run_folder, "pca", "--layer", "fc1", *words, "--json").json()
    assert facts["attributes"]["key"] == expected.attrs["key"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["pca", "--layer", "fc9"], 1, "fc1"),
        (["pcaa", "--layer", "fc1"], 1, "pca"),
        (["pca", "--layer", "fc1", "--componentss", "3"], 1, "components"),
        (["pca", "--layer", "fc1", "--components", "x"], 1, "1 to 100"),
        (["pca", "--layer", "fc1", "--components", "1e9"], 1, "1 to 100"),
        (["pca", "--layer", "fc1", "--sample", "999"], 1, "999"),
        (["pca", "--layer", "fc1", "--sample", "x"], 2, "sample id"),
        (["loss", "--target", "99"], 1, "0 to 2"),
        (["loss", "--target", "-1"], 1, "0 to 2"),
        (["loss", "--target", "fc1"], 1, "LAYER:INDEX"),
        (["pca", "--layer", "fc1", "--param", "components"], 2, "name=value"),
        (["pca", "--layer", "fc1", "stray"], 2, "stray"),
        (["--components", "3"], 2, "after its name"),
        (["pca", "--layer", "fc1", "--out", "x.parquet"], 2, ".csv"),
        (["pca", "--layer", "fc1", "--seed", "1.5"], 2, "whole number"),
        ([], 2, "ANALYSIS"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_do(nnlens, run_folder, words, status, said):
    answer = nnlens("run", run_folder, *words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.error
    assert len(answer.error.splitlines()) == 1


def test_a_mistake_in_the_file_name_is_found_before_the_work(nnlens, run_folder, tmp_path):
    nnlens("run", run_folder, "pca", "--layer", "fc1", "--out", tmp_path / "x.unknown")
    assert Lens(run_folder).results() == []


def test_help_tells_the_parameters_with_their_ranges(nnlens, run_folder):
    answer = nnlens("run", run_folder, "pca", "--help")
    assert answer.status == 0
    assert "--components" in answer.out
    assert "1 to 100" in answer.out


def test_people_see_small_results(nnlens, run_folder):
    answer = nnlens("run", run_folder, "confusion")
    assert answer.status == 0
    assert "20  0   0" in answer.out
    assert "60 samples" in answer.out


def test_a_result_is_computed_from_another_by_the_short_key_that_was_shown(nnlens, run_folder):
    nnlens("run", run_folder, "pca", "--layer", "fc1")
    key = next(result["key"] for result in nnlens("info", run_folder, "--json").json()["results"])
    answer = nnlens("run", run_folder, "quality", "--using", key[:16], "--json")
    assert answer.status == 0, answer.error
    assert answer.json()["variables"]["trustworthiness"]["dims"] == []


def test_a_table_has_a_row_for_each_sample(nnlens, run_folder, tmp_path):
    out = tmp_path / "pca.csv"
    answer = nnlens("run", run_folder, "pca", "--layer", "fc1", "--sample", "5-9,30", "--out", out)
    assert answer.status == 0, answer.error
    rows = list(csv.DictReader(out.read_text().splitlines()))
    expected = Lens(run_folder).run("pca", layer="fc1", sample=[5, 6, 7, 8, 9, 30])
    assert [int(row["sample"]) for row in rows] == [5, 6, 7, 8, 9, 30]
    table = [[float(row["projection_0"]), float(row["projection_1"])] for row in rows]
    np.testing.assert_allclose(table, expected["projection"], rtol=1e-6)
    assert "explained_variance_ratio has no sample" in answer.error


def test_arrays_and_json_hold_everything(nnlens, run_folder, tmp_path):
    expected = Lens(run_folder).run("pca", layer="fc1")
    for name in ("pca.npz", "pca.json"):
        assert nnlens("run", run_folder, "pca", "--layer", "fc1", "--out", tmp_path / name).status == 0
    with np.load(tmp_path / "pca.npz") as arrays:
        assert set(arrays) == {*expected.data_vars, "sample"}
        np.testing.assert_array_equal(arrays["projection"], expected["projection"])
    data = json.loads((tmp_path / "pca.json").read_text())
    assert data["coords"]["sample"]["data"] == expected["sample"].values.tolist()


def test_a_file_that_cannot_be_written_is_named(nnlens, run_folder, tmp_path):
    answer = nnlens("run", run_folder, "pca", "--layer", "fc1", "--out", tmp_path / "missing" / "x.csv")
    assert answer.status == 2
    assert "cannot be written" in answer.error


NAMED = """
import nnlens
import xarray as xr

class Named(nnlens.Analysis):
    '''Names that a spreadsheet would compute.'''
    requires = {"label": ("sample",)}
    provides = {"word": ("sample",), "number": ("sample",)}
    def compute(self, data, context):
        label = data["label"]
        words = ["=1+1", "-2", "@x", "+y", "plain"] * len(label)
        named = xr.DataArray(words[: len(label)], dims="sample", coords={"sample": label["sample"]})
        return xr.Dataset({"word": named, "number": -1.5 - label})
"""


def test_no_text_of_a_csv_is_a_formula(nnlens, run_folder, tmp_path, isolated_registry):
    (tmp_path / "named.py").write_text(NAMED)
    out = tmp_path / "named.csv"
    answer = nnlens("run", run_folder, "named", "--plugin", f"{tmp_path / 'named.py'}:Named", "--out", out)
    assert answer.status == 0, answer.error
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["word"] for row in rows[:5]] == ["'=1+1", "'-2", "'@x", "'+y", "plain"]
    assert all(float(row["number"]) < 0 for row in rows)


FILE = """
import nnlens

class Mine(nnlens.Analysis):
    '''Count.'''
    requires = {"label": ("sample",)}
    provides = {"count": ()}
    def compute(self, data, context):
        return data["label"].count().to_dataset(name="count")
"""


def test_a_class_of_a_single_file_is_an_analysis(nnlens, run_folder, tmp_path, isolated_registry):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    answer = nnlens("run", run_folder, "mine", "--plugin", f"{file}:Mine", "--json")
    assert answer.status == 0, answer.error
    assert answer.json()["variables"]["count"]["values"] == 60
    listed = nnlens("plugins", "--plugin", f"{file}:Mine", "--json").json()
    assert [(each["name"], each["error"]) for each in listed] == [("mine", None)]


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    samples = load_samples("digits", split="test", limit=50)
    capture(load_model("zoo:digits"), samples, folder, layers=["fc1"])
    return folder


def test_what_needs_the_model_takes_the_one_that_comes_along(nnlens, digits_run):
    sample = int(open_store(digits_run).ids[3])
    answer = nnlens("run", digits_run, "saliency", "--sample", sample, "--json")
    assert answer.status == 0, answer.error
    expected = Lens(digits_run, load_model("zoo:digits")).run("saliency", sample=[sample])
    assert answer.json()["attributes"]["key"] == expected.attrs["key"]


def test_people_are_told_what_is_kept(nnlens, digits_run):
    first, second = (int(sample) for sample in open_store(digits_run).ids[5:7])
    one = nnlens("run", digits_run, "saliency", "--sample", first)
    assert "of one sample, so it is not kept; --out writes it" in one.error
    several = nnlens("run", digits_run, "saliency", "--sample", f"{first},{second}")
    assert "kept in the run as" in several.error
    everything = nnlens("run", digits_run, "saliency")
    assert "attribution: 50 sample × 8 y × 8 x" in everything.out
    assert len(open_store(digits_run).results.list()) == 2


def test_a_model_may_be_given_and_must_be_the_runs(nnlens, digits_run, run_folder):
    sample = int(open_store(digits_run).ids[3])
    assert nnlens("run", digits_run, "saliency", "--sample", sample, "--model", "zoo:digits").status == 0
    refused = nnlens("run", digits_run, "saliency", "--sample", sample, "--model", "zoo:fashion-mnist")
    assert refused.status == 1
    assert len(refused.error.splitlines()) == 1
    missing = nnlens("run", run_folder, "saliency", "--sample", "3")
    assert missing.status == 1
    assert "--model" in missing.error
