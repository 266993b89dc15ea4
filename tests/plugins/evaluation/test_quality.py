"""Label quality against cleanlab, against the rule of the paper written slowly, and on labels that were turned."""

import numpy as np
import pytest
import xarray as xr
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from nnlens_evaluation import quality
from nnlens_evaluation.quality import LabelQuality


def run_of(logit, label):
    logit = np.asarray(logit, np.float32)
    return xr.Dataset(
        {
            "label": ("sample", np.asarray(label, np.int64)),
            "prediction": ("sample", np.where(np.isfinite(logit).all(1), logit.argmax(1), -1)),
            "logit": (("sample", "class_"), logit),
        },
        coords={"sample": np.arange(len(logit), dtype=np.int64) * 7 + 3},
    )


def made_up(samples=400, classes=5, turned=0.1, seed=0):
    """Logits of a good network, and labels of which some are another class."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, samples)
    logit = rng.normal(0, 1, (samples, classes))
    logit[np.arange(samples), truth] += rng.gamma(6, 1, samples)
    wrong = rng.random(samples) < turned
    label = np.where(wrong, (truth + rng.integers(1, classes, samples)) % classes, truth)
    return logit.astype(np.float32), label, wrong


def chances(logit):
    powers = np.exp(logit.astype(float) - logit.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("score", ["normalized margin", "self-confidence"])
def test_scores_and_issues_are_cleanlabs(told, score, monkeypatch):
    monkeypatch.setattr(quality, "CHUNK", 57)  # parts that do not fit
    logit, label, wrong = made_up()
    result = LabelQuality(score=score).compute(run_of(logit, label), told())
    method = score.replace("normalized margin", "normalized_margin").replace("-", "_")
    expected = get_label_quality_scores(label, chances(logit), method=method)
    np.testing.assert_allclose(1 - result["label_error"], expected, atol=1e-6)
    issues = find_label_issues(label, chances(logit), filter_by="confident_learning", n_jobs=1)
    np.testing.assert_array_equal(result["wrong_label"], issues)
    assert (
        result["wrong_label"].values[wrong].mean() > 0.8
        and result["wrong_label"].values[~wrong].mean() < 0.02
    )
    assert result.attrs["likely_wrong"] == issues.sum()


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 4), st.integers(1, 30), st.integers(0, 999))
def test_issues_follow_the_rule_of_the_paper(classes, samples, seed):
    rng = np.random.default_rng(seed)
    logit, label = rng.normal(0, 2, (samples, classes)).astype(np.float32), rng.integers(0, classes, samples)
    result = LabelQuality().compute(run_of(logit, label), _Silent())
    share = chances(logit)
    usual = [share[label == c, c].mean() if (label == c).any() else np.inf for c in range(classes)]
    for i in range(samples):
        sure = [c for c in range(classes) if share[i, c] >= usual[c] - 1e-6]
        best = max(sure, key=lambda c, i=i: share[i, c]) if sure else label[i]
        assert bool(result["wrong_label"][i]) == (best != label[i] and share[i].argmax() != label[i])
    assert ((result["hardness"] >= 0) & (result["hardness"] <= 1)).all()


def test_a_guess_is_the_hardest_and_what_is_sure_is_easy(told):
    result = LabelQuality().compute(run_of([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [0, 0, 0]), told())
    np.testing.assert_allclose(result["hardness"], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(result["label_error"], [0.5, 0, 1], atol=1e-6)


def test_what_cannot_be_scored_is_left_out_and_counted(told):
    logit, label, _ = made_up(20)
    label[3], label[4], logit[5] = -1, 77, np.nan
    result = LabelQuality().compute(run_of(logit, label), told())
    assert result["sample"].values.tolist() == [7 * i + 3 for i in range(20) if i not in (3, 4, 5)]
    assert result.attrs["left_out"] == 3 and "3 left out" in result.attrs["caption"]


@pytest.mark.parametrize("shape", [(0, 3), (4, 1)])
def test_nothing_to_compare_is_a_clear_result(told, shape):
    result = LabelQuality().compute(run_of(np.zeros(shape), np.zeros(len(range(shape[0])))), told())
    assert not result["wrong_label"].any() and np.isfinite(result["label_error"]).all()


class _Silent:
    """A context that nobody listens to."""

    def progress(self, *_):
        """Take what is told."""
