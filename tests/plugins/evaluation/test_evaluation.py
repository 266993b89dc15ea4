import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from nnlens_evaluation.confusion import Confusion, confusion_counts
from nnlens_evaluation.loss import Loss
from sklearn.metrics import confusion_matrix


def run_of(label, prediction, loss=None, classes=4):
    n = len(label)
    loss = np.arange(n, dtype=np.float32) if loss is None else np.asarray(loss, np.float32)
    return xr.Dataset(
        {
            "label": ("sample", np.asarray(label, np.int64)),
            "prediction": ("sample", np.asarray(prediction, np.int64)),
            "loss": ("sample", loss),
            "logit": (("sample", "class_"), np.zeros((n, classes), np.float32)),
        },
        coords={"sample": np.arange(n, dtype=np.int64) * 10},
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_confusion_is_scikit_learns(pairs):
    label, prediction = np.array(pairs).T
    assert np.array_equal(
        confusion_counts(label, prediction, 4), confusion_matrix(label, prediction, labels=range(4))
    )


def test_confusion_leaves_out_what_is_no_class(told):
    result = Confusion().compute(run_of([0, 1, -1, 7, 2], [0, 2, 1, 1, -1]), told())
    assert result["confusion"].dims == ("label_", "class_")
    assert result["confusion"].values.sum() == 2
    assert result["confusion"].values[1, 2] == 1
    assert result.attrs["caption"] == (
        "accuracy 0.5000 · 1 wrong · 2 samples · 3 left out · 2 without a label of the network · 1 without a prediction"
    )


def test_ranking_runs_from_the_highest_loss_and_ties_go_by_id(told):
    result = Loss().compute(run_of([0, 1, 2, 3], [0, 1, 2, 0], [1.0, 3.0, 1.0, 2.0]), told())
    assert result["order"].values.tolist() == [10, 30, 0, 20]
    assert result["order"].dtype == np.int64


def test_classes_are_averaged_like_the_naive_version(told):
    rng = np.random.default_rng(0)
    label, prediction, loss = rng.integers(0, 3, 200), rng.integers(0, 4, 200), rng.exponential(size=200)
    result = Loss().compute(run_of(label, prediction, loss), told())
    for number in range(3):
        held = label == number
        assert result["class_loss"][number] == pytest.approx(loss[held].mean(), rel=1e-5)
        assert result["class_accuracy"][number] == pytest.approx((prediction[held] == number).mean())
        assert result["class_size"][number] == held.sum()
    assert np.isnan(result["class_loss"][3])
    assert result["class_size"][3] == 0
    assert result.attrs["accuracy"] == pytest.approx((label == prediction).mean())


def test_nan_losses_are_left_out_and_infinite_ones_lead(told):
    result = Loss().compute(run_of([0, 1, 2, 3], [0, 1, -1, 3], [1, np.inf, np.nan, 2]), told())
    assert result["order"].values.tolist() == [10, 30, 0]
    assert result.attrs["left_out"] == 1
    assert "1 without a prediction" in result.attrs["caption"]


def test_losses_that_are_all_zero_are_said(told):
    result = Loss().compute(run_of([0, 1], [0, 1], [0, 0]), told())
    assert result.attrs["caption"].startswith("all losses equal · accuracy 1.0000")


@pytest.mark.parametrize("analysis", [Loss, Confusion])
@pytest.mark.parametrize(
    "data", [run_of([], []), run_of([-1, -1], [0, 1], [np.nan, np.nan])], ids=["none", "unlabelled"]
)
def test_nothing_to_score_is_a_clear_result(told, analysis, data):
    result = analysis().compute(data, told())
    assert result.attrs["caption"].startswith("nothing to ")
    assert all(np.isfinite(value) for value in result.attrs.values() if isinstance(value, float))


def test_one_class_and_a_hundred(told):
    assert Confusion().compute(run_of([0, 0], [0, 0], classes=1), told())["confusion"].shape == (1, 1)
    assert Loss().compute(run_of([0, 99], [5, 99], classes=100), told()).sizes["class_"] == 100
