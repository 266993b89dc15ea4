"""The estimate is what is stored, and the budget decides in the promised order."""

from __future__ import annotations

import pytest

from nnlens.capturing import capture, estimate_capture
from nnlens.capturing.plan import parse_bytes, size_text
from nnlens.errors import CaptureError
from nnlens.models.base import LayerInfo
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model

MAPS = 4 * 8 * 8 * 4 * 60
"""Bytes of a spatial layer of the tiny model for 60 samples."""


@pytest.fixture
def samples() -> Samples:
    return Samples(*tiny_images(60))


def test_without_a_budget_problem_all_is_kept(samples):
    estimate = estimate_capture(tiny_model(), samples)
    assert estimate.kept == ["conv", "relu1", "fc1", "relu2", "fc2"]
    assert estimate.pooled == ["conv", "relu1"]


def test_the_estimate_is_the_bytes_of_the_arrays(samples, tmp_path):
    estimate = estimate_capture(tiny_model(), samples)
    store = capture(tiny_model(), samples, tmp_path / "run")
    arrays = [array for _, array in store.zarr().members(max_depth=None) if hasattr(array, "nbytes")]
    numbers = sum(array.nbytes for array in arrays if array.dtype.kind != "T")
    assert estimate.bytes == numbers + 60 * 32  # a text is reckoned with 32 bytes


def test_among_equals_the_layer_nearest_the_head_is_kept(samples):
    flat = 60 * 4 * (12 + 12 + 3)
    assert estimate_capture(tiny_model(), samples, budget=flat + MAPS).kept == [
        "relu1",
        "fc1",
        "relu2",
        "fc2",
    ]


def test_flat_layers_are_kept_whatever_the_budget(samples):
    assert estimate_capture(tiny_model(), samples, budget=0).kept == ["fc1", "relu2", "fc2"]


def test_small_layers_come_first(samples):
    model = tiny_model()
    small = LayerInfo("pool", "MaxPool2d", (4, 4, 4), inputs=("@input",))
    model.layers = (small, *model.layers)
    flat = 60 * 4 * (12 + 12 + 3)
    assert estimate_capture(model, samples, budget=flat + MAPS).kept == ["pool", "fc1", "relu2", "fc2"]


def test_what_the_caller_names_is_kept(samples):
    assert estimate_capture(tiny_model(), samples, keep=["conv"], budget=0).kept == [
        "conv",
        "fc1",
        "relu2",
        "fc2",
    ]
    assert estimate_capture(tiny_model(), samples, keep="all", budget=0).kept[:2] == ["conv", "relu1"]
    assert estimate_capture(tiny_model(), samples, keep=[]).kept == ["fc1", "relu2", "fc2"]


def test_layers_are_captured_in_order_of_execution(samples):
    estimate = estimate_capture(tiny_model(), samples, layers=["fc1", "conv"])
    assert [layer.info.name for layer in estimate.layers] == ["conv", "fc1"]


def test_the_table_shows_every_layer(samples):
    text = str(estimate_capture(tiny_model(), samples, keep=["relu1"]))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "output", "in", "full", "stored"]
    assert lines[1].split() == ["conv", "4×8×8", "61.4", "kB", "960", "B"]
    assert lines[2].split() == ["relu1", "4×8×8", "61.4", "kB", "kept", "62.4", "kB"]
    assert lines[-1].startswith("together  60 samples")
    assert len({len(line) for line in lines}) == 1


def test_wrong_names_are_refused(samples):
    with pytest.raises(CaptureError, match="no layer 'x'"):
        estimate_capture(tiny_model(), samples, keep=["x"])
    with pytest.raises(CaptureError, match="kept but not to be captured"):
        estimate_capture(tiny_model(), samples, layers=["fc1"], keep=["conv"])
    model = tiny_model()
    model.layers = (*model.layers, LayerInfo("odd", "Weird", (3,), capturable=False))
    with pytest.raises(CaptureError, match="cannot be captured"):
        estimate_capture(model, samples, layers=["odd"])
    assert "odd" not in [layer.info.name for layer in estimate_capture(model, samples).layers]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4e9),
        ("4 gb", 4e9),
        ("500MB", 5e8),
        ("1.5G", 1.5e9),
        ("7", 7),
        ("10 kB", 1e4),
        (12, 12),
        ("2GiB", 2e9),
    ],
)
def test_bytes_are_read(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "many", "-1GB", "nan", "inf"])
def test_what_is_no_number_of_bytes_is_refused(text):
    with pytest.raises(CaptureError, match="no number of bytes"):
        parse_bytes(text)


def test_bytes_are_written_for_people():
    assert [size_text(size) for size in (0, 999, 1000, 1.5e9, 3e12)] == [
        "0 B",
        "999 B",
        "1 kB",
        "1.5 GB",
        "3 TB",
    ]
