"""``nnlens capture-embeddings``, and the other commands on the run that it makes."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    kinds = np.array(["cat", "dog", ""])[np.arange(60) % 3]
    images = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "faces.npz", embedding=rng.normal(size=(60, 6)), kind=kinds, images=images)
    return tmp_path / "faces.npz"


def test_a_run_is_made_and_all_commands_work_on_it(nnlens, source, tmp_path):
    run = tmp_path / "run"
    answer = nnlens("capture-embeddings", source, run, "--labels", "kind", "--name", "faces")
    assert answer.status == 0
    assert answer.out == ""
    assert "60 embeddings of 6 units, 2 classes, 20 unlabelled, with pictures." in answer.error
    assert f"nnlens explore {run}" in answer.error
    assert nnlens("verify", run).status == 0
    told = nnlens("info", run)
    assert "embeddings made elsewhere, without a network; 2 classes" in told.out
    facts = nnlens("info", run, "--json").json()
    assert facts["accuracy"] is None
    assert [layer["name"] for layer in facts["layers"]] == ["embedding"]
    assert "PCA of embedding" in nnlens("run", run, "pca").out


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        ("loss", "Loss needs losses, predictions and logits, and this run has none"),
        ("confusion", "Confusion needs predictions and logits"),
        ("saliency", "Saliency needs the network"),
        ("gradcam", "Grad-CAM needs the network"),
    ],
)
def test_what_needs_a_network_says_so_in_one_line(nnlens, source, tmp_path, analysis, words):
    nnlens("capture-embeddings", source, tmp_path / "run")
    answer = nnlens("run", tmp_path / "run", analysis)
    assert answer.status == 1
    assert answer.out == ""
    assert words in answer.error
    assert answer.error.count("\n") == 1
    assert "Traceback" not in answer.error


def test_a_model_is_refused(nnlens, source, tmp_path):
    nnlens("capture-embeddings", source, tmp_path / "run")
    for command in (
        ["run", tmp_path / "run", "pca", "--model", "zoo:digits"],
        ["explore", tmp_path / "run", "--model", "zoo:digits", "--no-browser"],
    ):
        answer = nnlens(*command)
        assert answer.status == 1
        assert "made of embeddings and has no model" in answer.error


def test_files_give_labels_and_pictures(nnlens, tmp_path):
    np.save(tmp_path / "vectors.npy", np.eye(1797, 9))
    np.save(tmp_path / "ids.npy", np.arange(1797) * 2)
    run = tmp_path / "run"
    words = ["--images", "digits", "--split", "all", "--ids", tmp_path / "ids.npy"]
    answer = nnlens("capture-embeddings", tmp_path / "vectors.npy", run, *words)
    assert "1,797 embeddings of 9 units, 10 classes, with pictures." in answer.error
    (tmp_path / "labels.txt").write_text("b\na\n" * 898 + "\n")
    words = ["--labels", tmp_path / "labels.txt", "--class-names", "a, b"]
    answer = nnlens("capture-embeddings", tmp_path / "vectors.npy", tmp_path / "other", *words)
    assert "2 classes, 1 unlabelled, without pictures" in answer.error


def test_what_is_unclear_is_asked_and_nothing_is_made(nnlens, tmp_path):
    frame = pd.DataFrame({"first": [[1.0, 2.0]] * 4, "second": [[1.0]] * 4})
    frame.to_parquet(tmp_path / "made.parquet")
    answer = nnlens("capture-embeddings", tmp_path / "made.parquet", tmp_path / "run")
    assert answer.status == 1
    assert "'first', 'second', and it is not clear which are the embeddings" in answer.error
    assert not (tmp_path / "run").exists()
    answer = nnlens("capture-embeddings", tmp_path / "made.parquet", tmp_path / "run", "--array", "second")
    assert "4 embeddings of 1 units, no labels" in answer.error


def test_a_run_is_gone_on_with_only_where_that_is_said(nnlens, source, tmp_path):
    assert nnlens("capture-embeddings", source, tmp_path / "run").status == 0
    answer = nnlens("capture-embeddings", source, tmp_path / "run")
    assert answer.status == 1
    assert "holds a run already" in answer.error
    assert nnlens("capture-embeddings", source, tmp_path / "run", "--resume").status == 0
