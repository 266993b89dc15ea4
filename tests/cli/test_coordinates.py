"""``nnlens coordinates``: a map from a file, which other commands then find."""

import numpy as np
import pandas as pd

from nnlens.store import open_store


def test_a_file_becomes_a_result_of_the_run(nnlens, run_folder, tmp_path):
    ids = open_store(run_folder).ids
    pd.DataFrame({"id": ids[:50], "x": range(50), "y": 1}).to_csv(tmp_path / "own.csv", index=False)
    answer = nnlens("coordinates", run_folder, tmp_path / "own.csv", "--name", "own <b>map")
    assert (answer.status, answer.out) == (0, "")
    assert "own <b>map: 50 × 2, 10 samples left out." in answer.error and "nnlens explore" in answer.error
    assert "own <b>map" in nnlens("info", run_folder).out or "coordinates" in nnlens("info", run_folder).out


def test_what_is_wrong_is_one_line(nnlens, run_folder, tmp_path):
    np.save(tmp_path / "own.npy", np.zeros((7, 2)))
    answer = nnlens("coordinates", run_folder, tmp_path / "own.npy")
    assert answer.status == 1
    assert answer.error.strip().startswith("nnlens: own.npy has 7 rows, and the run has 60 samples.")
