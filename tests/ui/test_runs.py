"""The runs that can be opened: those that come later, and those that cannot be."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import weakref
from dataclasses import replace

import pytest

from nnlens import Lens, open_store
from nnlens.capturing import capture
from nnlens.errors import ModelError, NNLensError, StoreError
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.store.commit import read_commit, write_commit
from nnlens.testing import tiny_store
from nnlens.ui.page import Explorer
from nnlens.ui.serving import runs as module
from nnlens.ui.serving.run_show import RunShow
from nnlens.ui.serving.runs import Runs, find_runs


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


def test_what_a_stranger_put_there_spoils_only_its_own_run(folder):
    (folder / "a" / "commit.json").write_text("[" * 100_000)  # too deep for the reader of JSON
    strange = tiny_store(folder / "e", 10).path
    attributes = json.loads((strange / "data.zarr" / "zarr.json").read_text())
    del attributes["attributes"]["class_names"]
    text = json.dumps(attributes).encode()
    (strange / "data.zarr" / "zarr.json").write_bytes(text)
    commit = read_commit(strange)
    sound = {**commit.metadata, "zarr.json": hashlib.sha256(text).hexdigest()}
    write_commit(strange, replace(commit, metadata=sound))
    runs = made(folder)
    look(runs)
    assert {name for name, why in runs.listed.items() if why} == {"a", "e"}
    for name in ("a", "e"):
        with pytest.raises(StoreError):
            runs.lens(name)
        assert runs.first(name)[0] == "b"


def test_a_commit_that_may_not_be_read_is_told(folder, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    # the tests may run as root, who may read all
    monkeypatch.setattr("nnlens.store.commit._read", denied)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        open_store(folder / "b")


def test_a_run_that_cannot_be_opened_is_not_tried_each_second(folder):
    """Reading a model takes long, and it is asked each second whether a page can be made ahead."""
    tried = []

    def opened(path):
        tried.append(path.name)
        if path.name == "b":
            raise ModelError("It has other weights.", "Give those of the run.")
        return Lens(path)

    show = RunShow(Runs(find_runs(folder), opened, folder=folder))
    for _ in range(5):
        shown = show.shown()
    assert shown is not None and shown[0].store.name == "d"
    assert tried == ["b", "d"]


def test_a_run_that_was_away_and_came_back_is_offered_again(folder):
    runs = made(folder)
    look(runs)
    (folder / "d").rename(folder.parent / "away")
    with pytest.raises(StoreError):
        runs.lens("d")
    look(runs)
    assert "d" not in runs.names
    (folder.parent / "away").rename(folder / "d")  # as it was, also its time
    look(runs)
    assert runs.listed["d"] == ""


def test_a_run_is_called_by_the_link_to_it(folder):
    (folder / "best").symlink_to("d", target_is_directory=True)
    runs = made(folder)
    assert runs.lens("best").store.name == "best" and runs.lens("d").store.name == "d"


def test_an_unfinished_run_that_was_captured_anew_is_opened_anew(tmp_path):
    interrupted(tmp_path / "r")
    opened = []
    runs = Runs({"r": tmp_path / "r"}, lambda path: opened.append(path) or Lens(path))
    assert not runs.lens("r").store.complete
    shutil.rmtree(tmp_path / "r")
    with pytest.raises(StoreError):
        runs.lens("r")
    tiny_store(tmp_path / "r", 12)
    assert runs.lens("r").store.committed == 12 and len(opened) == 3
    os.utime(tmp_path / "r" / "commit.json")  # touched, as by a copy
    before = runs.lens("r")
    assert runs.lens("r") is before and len(opened) == 3


def test_a_page_keeps_its_run_in_menu_and_address_once_that_is_gone(folder):
    show = RunShow(made(folder))
    page = show.page()
    explorer = show._shown[page]
    assert explorer.session.data.name == "b"
    shutil.rmtree(folder / "b")
    for _ in range(2):
        look(show.runs)
        with pytest.raises(StoreError):
            show.runs.lens("b")
    assert "b" not in show.runs.names
    show._look(page)
    assert explorer.address.runs == ["b", "a", "d"] and "Its folder is gone." in explorer.facts.view.html


def test_a_run_that_was_left_is_held_by_nothing(folder):
    """Its arrays are large, and a page may show one run after the other."""
    show = RunShow(made(folder))
    page = show.page()
    left = weakref.ref(show._shown[page])
    show.open(page, "d")
    page.dark_theme = not page.dark_theme
    gc.collect()
    assert left() is None


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
    half = runs.lens("r")
    assert half.store.committed < 300 and show.shown() is None
    capture(model, samples, tmp_path / "r", resume=True)
    late = Runs({})
    late.add("r", half)  # opened before the end, shown after it
    assert late.lens("r").store.complete and late.lens("r").model is model
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
