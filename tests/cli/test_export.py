"""``nnlens export``."""

import json

import pandas as pd
import pytest

from nnlens import Lens


def test_a_run_becomes_a_folder_of_the_projector(nnlens, run_folder, tmp_path):
    answer = nnlens("export", "projector", run_folder, tmp_path / "out", "--layer", "fc1", "--limit", "20")
    assert answer.status == 0, answer.error
    assert answer.out == ""
    assert "20 × 12 (fc1 · 12 units), pictures of 8×8" in answer.error
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["embeddings"][0]["tensorShape"] == [20, 12]


def test_coordinates_are_of_the_map_that_is_named_or_its_key(nnlens, run_folder, tmp_path):
    words = ("export", "projector", run_folder)
    assert nnlens(*words, tmp_path / "a", "--layer", "fc1", "--coordinates", "pca").status == 0
    (info,) = Lens(run_folder).results()
    assert nnlens(*words, tmp_path / "b", "--coordinates", info.key[:16]).status == 0
    content = [(tmp_path / name / "vectors.bytes").read_bytes() for name in "ab"]
    assert content[0] == content[1]
    assert len(content[0]) == 60 * 3 * 4


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["projector", "RUN", "FULL"], 1, "not empty"),
        (["projector", "RUN", "OUT", "--layer", "fc9"], 1, "fc1"),
        (["projector", "RUN", "OUT", "--filter", "loss >"], 1, "cannot be read"),
        (["projector", "RUN", "OUT", "--coordinates", "pcaa"], 1, "pca"),
        (["projector", "RUN", "OUT", "--limit", "1"], 2, "limit"),
        (["table", "RUN", "OUT.xlsx"], 1, ".parquet"),
        (["table", "RUN", "OUT.csv", "--sample", "999"], 1, "999"),
        (["table", "RUN"], 2, "FILE"),
        (["tables"], 2, "tables"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(nnlens, run_folder, tmp_path, words, status, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    places = {"RUN": str(run_folder), "FULL": str(tmp_path / "full"), "OUT": str(tmp_path / "out")}
    given = [
        word.replace("OUT", places["OUT"]) if word.startswith("OUT") else places.get(word, word)
        for word in words
    ]
    answer = nnlens("export", *given)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.error
    assert len(answer.error.splitlines()) == 1
    assert not list(tmp_path.glob("out*"))


def test_a_table_holds_what_the_filter_finds(nnlens, run_folder, tmp_path):
    answer = nnlens("export", "table", run_folder, tmp_path / "t.csv", "--filter", "label == 1")
    assert answer.status == 0, answer.error
    assert "20 rows" in answer.error
    assert pd.read_csv(tmp_path / "t.csv")["id"].tolist() == list(range(1, 60, 3))
