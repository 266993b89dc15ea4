"""Rows 29 to 44: samples, what a network makes of them, labels and class names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import nnlens
from bad_rows.making import LIMIT, Check, analysis, captured, labelled, pictures, refused
from bad_rows.row import Case, Row
from bad_rows.runs_of import run_of
from nnlens.errors import AnalysisError, SamplesError

QUICK = {"layer": "fc1", "iterations": 30, "early_iterations": 10}
NAMES = [
    "<img src=x onerror=alert(1)>",
    "\u202eevil",
    "🐈",
    "x" * 10_000,
    "",
    "twin",
    "twin",
    "a\nb",
    "\x1b[31m",
    "9",
]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def spoiled(value: float, *rows: int) -> np.ndarray:
    vectors = noise(40, 6)
    vectors[list(rows), 2] = value
    return vectors


def map_of(vectors: Any, check: Check = lambda result: None) -> Case:
    """A t-SNE of these vectors."""
    run_of(vectors)
    return analysis("tsne", check=check, **QUICK)


def finite(result: Any) -> None:
    assert np.isfinite(result["projection"].values).all()


def without(*rows: int) -> Check:
    def check(result: Any) -> None:
        finite(result)
        assert sorted({*range(40)} - set(result["sample"].values.tolist())) == sorted(rows)

    return check


def no_images() -> Case:
    np.save("images.npy", np.zeros((0, 8, 8), np.uint8))
    return refused("images.npy")


def empty_folder() -> Case:
    Path("data").mkdir()
    return refused("data")


def few(count: int) -> Case:
    """Capture so few."""
    np.save("images.npy", pictures(count))

    def check(store: Any) -> None:
        assert store.committed == count
        assert store.verify().ok

    return captured("zoo:digits", None, check, "images.npy")


def perfect() -> Case:
    labels = np.arange(30) % 3
    run_of(logits=np.eye(3)[labels] * 1000, labels=labels)
    return analysis("loss")


def no_numbers() -> Case:
    """A network whose weights are not numbers for a part of the outputs."""

    def check(store: Any) -> None:
        assert (store.samples["prediction"] == -1).all()
        assert np.isnan(store.samples["loss"]).all()

    return captured("weights.pth", "net.py:net", check)


def spoiled_weights() -> Case:
    from bad_rows.making import saved

    def spoil(state: dict[str, Any]) -> dict[str, Any]:
        state["3.bias"][0] = float("nan")
        return state

    saved(change=spoil)
    return no_numbers()


def label_beyond_names() -> Case:
    labels = np.arange(LIMIT) % 5
    labels[3] = 7
    labelled("data.npz", labels, class_names=[f"class {number}" for number in range(5)])
    return refused("data.npz")


def label_beyond_outputs() -> Case:
    labels = np.arange(LIMIT) % 5
    labels[3] = 12
    labelled("data.npz", labels)

    def check(store: Any) -> None:
        assert np.flatnonzero(np.isnan(store.samples["loss"])).tolist() == [3]

    return captured("zoo:digits", None, check, "data.npz")


def unlabelled() -> Case:
    labelled("data.npz", np.where(np.arange(LIMIT) < 4, -1, 0))

    def check(store: Any) -> None:
        assert store.samples["label"].values[:5].tolist() == [-1, -1, -1, -1, 0]
        assert np.isnan(store.samples["loss"].values[:4]).all()
        assert store.metadata["labelled"] == LIMIT - 4

    return captured("zoo:digits", None, check, "data.npz")


def negative() -> Case:
    labelled("data.npz", np.where(np.arange(LIMIT) < 4, -2, 0))
    return refused("data.npz")


def one_class() -> Case:
    run_of(labels=np.zeros(30, int), classes=1)
    return analysis("confusion")


def many_classes() -> Case:
    run_of(labels=np.arange(240) % 120, classes=120)
    return analysis("confusion")


def odd_names() -> Case:
    labelled("data.npz", np.arange(LIMIT) % 10, class_names=NAMES)

    def check(store: Any) -> None:
        assert list(store.class_names) == NAMES
        assert nnlens.Lens(store).run("confusion").sizes

    return captured("zoo:digits", None, check, "data.npz")


def named_folders() -> Case:
    """Folders of pictures whose names are markup."""
    from PIL import Image

    names = [name for name in NAMES if name and len(name) < 100 and "/" not in name and "\n" not in name]
    for name in dict.fromkeys(names):
        Path("data", name).mkdir(parents=True)
        Image.fromarray(pictures(1)[0]).save(Path("data", name, "0.png"))

    def check(store: Any) -> None:
        assert set(store.class_names) >= set(names)

    return captured("zoo:digits", None, check, "data")


ROWS = [
    Row(29, "no samples: an array without images", no_images, "no images", SamplesError),
    Row(29, "no samples: an empty folder", empty_folder, "", SamplesError),
    Row(30, "one sample", lambda: few(1), works="It is captured."),
    Row(30, "two samples", lambda: few(2), works="They are captured."),
    Row(30, "five samples", lambda: few(5), works="They are captured."),
    Row(
        30,
        "a map of one sample",
        lambda: map_of(noise(1, 6), finite),
        "perplexity 0 instead of 30",
        works="It lies at the origin.",
    ),
    Row(
        30,
        "a map of two samples",
        lambda: map_of(noise(2, 6), finite),
        "perplexity 1 instead of 30",
        works="They lie on both sides of the origin.",
    ),
    Row(
        30,
        "a map of five samples",
        lambda: map_of(noise(5, 6), finite),
        "perplexity 1.33 instead of 30",
        works="The perplexity is lowered to what they allow.",
    ),
    Row(
        31,
        "fewer samples than the perplexity",
        lambda: map_of(noise(20, 6), finite),
        "perplexity 6.33 instead of 30",
        works="The perplexity is lowered to what they allow.",
    ),
    Row(32, "a constant layer", lambda: map_of(np.full((40, 6), 2.5)), "", AnalysisError, writes=True),
    Row(
        33,
        "activations that are NaN",
        lambda: map_of(spoiled(np.nan, 0, 7), without(0, 7)),
        "2 left out",
        works="They are left out and counted.",
    ),
    Row(
        33,
        "activations that are infinite",
        lambda: map_of(spoiled(np.inf, 39), without(39)),
        "1 left out",
        works="They are left out and counted.",
    ),
    Row(
        34,
        "overflow of float16",
        lambda: map_of(spoiled(np.float16(300) * np.float16(300), 5), without(5)),
        "1 left out",
        works="They are left out and counted.",
    ),
    Row(
        35,
        "values of 1e30",
        lambda: map_of(noise(40, 6) * 1e30, finite),
        works="They are placed as others are.",
    ),
    Row(
        36,
        "all samples the same as others",
        lambda: map_of(np.repeat(noise(4, 6), 10, axis=0), finite),
        works="They are placed as others are.",
    ),
    Row(37, "one unit alone", lambda: map_of(noise(40, 1), finite), works="They are placed as others are."),
    Row(38, "a loss of zero everywhere", perfect, "all losses equal", works="The caption says so."),
    Row(
        39,
        "logits that are NaN",
        spoiled_weights,
        "12 samples have logits that are not finite",
        works="The prediction is −1, not class 0.",
    ),
    Row(40, "label 7 of 5 classes", label_beyond_names, "a label 7 but only 5 class names", SamplesError),
    Row(
        40,
        "label 12 for a network of 10 outputs",
        label_beyond_outputs,
        "1 samples? ha(s|ve) a label",
        works="Its loss is NaN.",
    ),
    Row(41, "label −1", unlabelled, works="It is unlabelled: no loss, and not counted."),
    Row(41, "label −2", negative, "label of -2 is no class", SamplesError),
    Row(42, "one class", one_class, works="The matrix has one cell."),
    Row(43, "120 classes", many_classes, works="The matrix has them all."),
    Row(
        44,
        "class names with markup, right-to-left, of 10,000 letters, empty, twice",
        odd_names,
        works="They are text everywhere.",
    ),
    Row(44, "folders named with markup", named_folders, works="They are text everywhere."),
]
