"""The runs that can be opened: those that come later, and those that cannot be."""

from __future__ import annotations

import os
import shutil

import pytest

from nnlens import Lens, open_store
from nnlens.capturing import capture
from nnlens.errors import NNLensError, StoreError
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import tiny_store
from nnlens.ui.page import Explorer
from nnlens.ui.serving import runs as module
from nnlens.ui.serving.runs import Runs, RunShow, find_runs


@pytest.fixture
def folder(tmp_path):
    for name in ("b", "d"):
        tiny_store(tmp_path / name, 10)
    spoil(tmp_path / "a")
    return tmp_path


def spoil(run):
    run.mkdir(exist_ok=True)
    (run / "commit.json").write_text("{")


def made(folder):
    return Runs(find_runs(folder), folder=folder)


def look(runs):
    runs._looked = 0.0
    runs.look()


def test_the_first_that_opens_is_shown_and_a_link_to_a_broken_one_is_told(folder):
    runs = made(folder)
    name, failed = runs.first()
    assert name == "b" and isinstance(failed, NNLensError)
    assert runs.first("d") == ("d", None)
    assert runs.first("a")[0] == "b" and isinstance(runs.first("a")[1], NNLensError)
    assert runs.listed["b"] == "" and len(runs.listed["a"]) > 10 and str(folder) not in runs.listed["a"]


def test_where_none_opens_the_error_is_raised(tmp_path):
    spoil(tmp_path / "a")
    with pytest.raises(NNLensError):
        made(tmp_path).first()
    with pytest.raises(StoreError):
        Runs({}).first()


def test_runs_come_go_break_and_are_mended(folder):
    runs = made(folder)
    runs.lens("d")
    tiny_store(folder / "c", 10)
    look(runs)
    assert runs.names == ["a", "b", "c", "d"]
    assert {name for name, why in runs.listed.items() if why} == {"a"}
    shutil.rmtree(folder / "a")
    tiny_store(folder / "a", 10)
    os.utime(folder / "a" / "commit.json", (1, 1))
    spoil(folder / "c")
    shutil.rmtree(folder / "b")
    shutil.rmtree(folder / "d")
    look(runs)
    assert runs.names == ["a", "c", "d"], "one that is open stays"
    assert {name for name, why in runs.listed.items() if why} == {"c", "d"}
    assert runs.listed["d"] == "Its folder is gone."
    name, failed = runs.first("d")
    assert name == "a" and isinstance(failed, NNLensError), "nobody gets what is gone"
    tiny_store(folder / "d", 20)
    look(runs)
    assert runs.listed["d"] == "" and runs.first("d") == ("d", None)


def test_a_run_in_the_place_of_another_is_opened_anew(folder):
    runs = made(folder)
    before = runs.lens("b")
    assert runs.lens("b") is before
    shutil.rmtree(folder / "b")
    tiny_store(folder / "b", 15, seed=1)
    assert len(runs.lens("b").store.ids) == 15


def test_a_folder_is_read_no_more_often_than_needed_and_a_few_runs_at_a_time(folder, monkeypatch):
    runs = made(folder)
    tried = []
    monkeypatch.setattr(module, "open_store", lambda path: tried.append(path.name))
    monkeypatch.setattr(module, "AT_ONCE", 2)
    runs.look()
    runs.look()
    assert tried == ["a", "b"]
    look(runs)
    look(runs)
    assert tried == ["a", "b", "d"]


def interrupted(path):
    """Capture some of 300 digits; gives the model and the samples."""

    def stop(progress):
        raise KeyboardInterrupt

    model, samples = load_model("zoo:digits"), load_samples("digits", "test", limit=300)
    with pytest.raises(KeyboardInterrupt):
        capture(model, samples, path, progress=stop)
    return model, samples


def test_a_run_that_only_grows_keeps_its_model_and_has_no_page_made_ahead(tmp_path):
    model, samples = interrupted(tmp_path / "r")
    runs = Runs({})
    runs.add("r", Lens(open_store(tmp_path / "r"), model))
    show = RunShow(runs)
    assert runs.lens("r").store.committed < 300 and show.shown() is None
    capture(model, samples, tmp_path / "r", resume=True)
    for _ in range(2):
        assert runs.lens("r").store.complete and runs.lens("r").model is model
    assert show.shown() == show.shown() is not None


def test_a_run_whose_capture_was_interrupted_says_so(tmp_path):
    interrupted(tmp_path / "r")
    store = open_store(tmp_path / "r")
    explorer = Explorer(Lens(store))
    explorer.furnish()
    assert f"{store.committed} of 300 samples" in explorer.facts.view.html
    told = explorer.session.messages[0]
    assert "not finished" in told.text and "--resume" in told.hint
    whole = Explorer(Lens(tiny_store(tmp_path / "whole", 10)))
    whole.furnish()
    assert ">10 samples" in whole.facts.view.html and not whole.session.messages
