"""Pictures of a run that holds thumbnails: the data set's own where it is at hand, the thumbnail where it is not."""

from __future__ import annotations

import io
import shutil
import urllib.request

import numpy as np
import pytest
from PIL import Image

from nnlens import Lens, load_model
from nnlens.capturing import capture
from nnlens.models import Preprocess
from nnlens.samples import load_samples
from nnlens.ui.page import Explorer
from nnlens.ui.serving import server
from nnlens.ui.serving.launch import show_runs

SIZES = [(90, 70), (64, 200), (120, 120), (33, 150)]
"""Heights and widths: of several sizes, so that a run of them holds thumbnails."""


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("torch", reason="torch is an extra")
    return load_model("zoo:digits", preprocess=Preprocess(8, fit="crop", order="grey"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write pictures into two folders, one a class."""
    root, noise, written = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), []
    for index, size in enumerate(SIZES):
        path = root / "ab"[index // 2] / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise.integers(0, 255, size, np.uint8)).save(path)
        written.append(path)
    return written


@pytest.fixture(scope="module")
def run(model, files, tmp_path_factory):
    return capture(model, load_samples(files[0].parent.parent), tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def served(run):
    made = server.serve(show_runs(run.path), browser=False, block=False)
    yield made
    made.stop()
    made.wait()


@pytest.fixture
def ask(served):
    """Ask for a sample's picture as a page does; gives the pixels and whether the browser may keep them."""

    def asked(path, sample, form):
        session = Explorer(Lens(path)).session
        with urllib.request.urlopen(served.url + session.form_url(sample, form), timeout=30) as answer:
            picture = np.asarray(Image.open(io.BytesIO(answer.read())))
            return picture, "immutable" in answer.headers["Cache-Control"]

    return asked


def test_a_picture_is_the_file_pixel_for_pixel(run, files, ask):
    assert run.metadata["thumbnails"] and run.images([0]).shape[1:3] == (64, 64)
    for sample, path in enumerate(files):
        picture, kept = ask(run.path, sample, "full")
        assert np.array_equal(picture, np.asarray(Image.open(path))) and kept


def test_under_a_map_lies_what_the_network_saw(run, files, ask):
    for sample, path in enumerate(files):
        picture, kept = ask(run.path, sample, "seen")
        whole = Image.open(path)
        side = min(whole.size)
        left, top = ((length - side) / 2 for length in whole.size)
        middle = whole.resize((8, 8), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        assert picture.shape == (8, 8) and kept
        assert np.abs(picture.astype(int) - np.asarray(middle)).mean() < 12, "the middle square, made small"


def test_without_the_data_set_it_is_the_thumbnail_and_is_asked_for_again(run, files, ask, tmp_path):
    copy, folder = shutil.copytree(run.path, tmp_path / "copy"), files[0].parent.parent
    away = shutil.move(folder, folder.with_name("away"))
    try:
        for form in ("full", "seen"):
            picture, kept = ask(copy, 1, form)
            assert np.array_equal(picture, run.images([1])[0, ..., 0]) and not kept
    finally:
        shutil.move(away, folder)


def test_what_a_page_shows_of_it_is_smooth_and_large(run):
    explorer = Explorer(Lens(run))
    explorer.session.state.focus = int(run.ids[0])
    session = explorer.session
    assert session.photo == "photo", "64 pixels of a photo are no squares"
    small, large = session.image_url(0), session.form_url(0, "full")
    assert small != large and large.endswith("/0/full")
