"""Runs of which a part is lost, and what is no run at all: named, told apart by the exit status, left as they are."""

from __future__ import annotations

import shutil

import pytest

from nnlens.testing import tiny_model, tiny_store
from nnlens.testing.tiny_run import tiny_images


@pytest.fixture
def run(tmp_path):
    return tiny_store(tmp_path / "run", 60).path


def lose_data(run):
    shutil.rmtree(run / "data.zarr")


def lose_commit(run):
    (run / "commit.json").unlink()


def empty_commit(run):
    (run / "commit.json").write_bytes(b"")


def cut_commit(run):
    whole = (run / "commit.json").read_bytes()
    (run / "commit.json").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("lose", [lose_data, lose_commit, empty_commit, cut_commit])
def test_verify_calls_it_damage(nnlens, run, lose):
    assert nnlens("verify", run).status == 0
    lose(run)
    answer = nnlens("verify", run)
    assert answer.status == 3
    assert answer.error.strip()
    assert "Traceback" not in answer.error


def test_a_folder_of_something_else_is_no_run(nnlens, tmp_path):
    (tmp_path / "other").mkdir()
    answer = nnlens("verify", tmp_path / "other")
    assert answer.status == 1
    assert "is no run" in answer.error


@pytest.mark.parametrize("command", ["info", "verify", "explore"])
def test_a_file_is_no_run(nnlens, tmp_path, command):
    (tmp_path / "net.py").write_text("x = 1")
    answer = nnlens(command, tmp_path / "net.py")
    assert answer.status == 1
    assert "no run" in answer.error
    assert len(answer.error.splitlines()) == 1


def test_results_of_a_lost_run_are_not_taken_over(run):
    from nnlens import Lens, capture
    from nnlens.errors import StoreError
    from nnlens.samples.base import Samples

    Lens(run).run("loss")
    lose_commit(run)
    before = sorted(path.relative_to(run) for path in run.rglob("*"))
    with pytest.raises(StoreError, match="holds results of a run"):
        capture(tiny_model(), Samples(*tiny_images(60, 3)), run)
    assert sorted(path.relative_to(run) for path in run.rglob("*")) == before


def test_a_data_set_that_is_not_there_is_named_before_anything_is_begun(nnlens, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = nnlens("explore", "zoo:digits", "digit")
    assert answer.status == 1
    assert "There is no data set or folder 'digit'" in answer.error
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_with_the_folder_is_said_alone(nnlens, run, tmp_path):
    (tmp_path / "file").write_text("")
    for place, words in ((run, "holds a run already"), (tmp_path / "file", "is a file")):
        answer = nnlens("capture", "zoo:digits", "digits", place)
        assert answer.status == 1
        assert words in answer.error
        assert len(answer.error.splitlines()) == 1
