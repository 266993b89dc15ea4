"""The quick look for a much better preprocessing: it warns where it should, nowhere else, and takes no time."""

import time
import warnings

import numpy as np
import pytest

from nnlens.capturing import NearChanceWarning, PreprocessWarning, alarm, capture
from nnlens.capturing.candidates import common_candidates
from nnlens.models import Preprocess, load_model
from nnlens.samples import Samples, load_samples

WRONG = Preprocess(8, scale=1e-4, order="grey")


@pytest.fixture(autouse=True)
def all_the_time(monkeypatch):
    """On a busy machine there would be too little of it."""
    monkeypatch.setattr(alarm, "SECONDS", 300)


@pytest.fixture
def digits():
    return load_samples("digits", split="all")


def unlabelled(samples):
    return Samples(samples.images(slice(None)), np.full(len(samples), -1))


def test_a_wrong_scale_is_told_with_the_options_of_the_right_one(digits, tmp_path):
    model = load_model("zoo:digits", preprocess=WRONG)
    with pytest.warns(PreprocessWarning, match=r"--scale 1/255 --mean 0 --std 1 --order grey") as caught:
        store = capture(model, digits, tmp_path / "run")
    assert len(caught) == 1  # and not of chance as well
    told = str(caught[0].message)
    assert f"against {store.metadata['accuracy']:.1f}" in told
    assert "on 200 samples" in told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NearChanceWarning)
        capture(model, digits, tmp_path / "run", resume=True)  # complete, so nothing is looked at again


def test_the_right_one_and_samples_without_labels_say_nothing(digits, tmp_path):
    capture(load_model("zoo:digits"), digits, tmp_path / "right")
    model = load_model("zoo:digits", preprocess=WRONG)
    capture(model, unlabelled(digits), tmp_path / "unlabelled")
    few = np.where(np.arange(len(digits)) < 19, digits.labels, -1)
    capture(model, Samples(digits.images(slice(None)), few), tmp_path / "few")


def test_the_accuracies_are_those_of_the_network(digits):
    model = load_model("zoo:digits", preprocess=WRONG)
    predictions = model.predict(model.prepare(digits.images(slice(None)))).argmax(1)
    found = alarm.much_better(model, digits, predictions, 1.0)
    assert found.preprocess == load_model("zoo:digits").preprocess
    assert found.count == 200
    assert found.accuracy == pytest.approx(0.98, abs=0.03)
    assert found.used_accuracy == pytest.approx((predictions == digits.labels).mean(), abs=0.08)


class Guessing:
    """A network that predicts at random, another way for each preprocessing."""

    class_count, layers, name = 10, (), "guessing"

    def __init__(self, seed, preprocess):
        self.rng = np.random.default_rng(seed)
        self.preprocess = preprocess
        self.called = 0

    def predict(self, inputs):
        self.called += len(inputs)
        return self.rng.normal(size=(len(inputs), 10)).astype(np.float32)


@pytest.mark.parametrize("preprocess", [Preprocess(4), Preprocess(4, order="grey")])
def test_where_all_are_as_good_there_is_hardly_ever_a_false_alarm(preprocess):
    """One in a hundred may be: the best of many is compared, at p < .001 and a gain of five in a hundred."""
    rng = np.random.default_rng(0)
    samples = Samples(rng.integers(0, 256, (400, 4, 4, 3), np.uint8), np.arange(400) % 10)
    alarms = 0
    for seed in range(300):
        model = Guessing(seed, preprocess)
        alarms += alarm.much_better(model, samples, rng.integers(0, 10, 400), 1.0) is not None
    assert alarms <= 3


def test_little_is_spent(monkeypatch):
    """By a clock that only the network moves: no round begins that would end too late."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(alarm, "SECONDS", 2.0)
    samples = Samples(np.zeros((1000, 4, 4, 3), np.uint8), np.arange(1000) % 10)
    wrong = np.full(1000, -1)
    for each, seconds in ((0.001, 1.0), (0.02, 20.0), (0.02, 2000.0), (1.0, 1000.0)):
        model = Guessing(0, Preprocess(4))
        predict = model.predict
        began = clock[0]

        def slowly(inputs, each=each, predict=predict):
            clock[0] += each * len(inputs)
            return predict(inputs)

        alarm.much_better(model, samples, wrong, seconds, slowly)
        assert clock[0] - began <= max(2.0, 0.03 * seconds)
        first = len(common_candidates(Preprocess(4))[1:]) * alarm.ROUNDS[0] * seconds / len(samples)
        assert (model.called == 0) == (first > max(2.0, 0.03 * seconds))


def test_nothing_is_praised_for_being_as_bad_as_guessing(digits, tmp_path):
    shifted = Samples(digits.images(slice(None)), (digits.labels + 1) % 10)
    with pytest.warns(NearChanceWarning):
        capture(load_model("zoo:digits"), shifted, tmp_path / "run")


def test_an_architecture_with_code_of_its_own_is_not_second_guessed(digits):
    model = load_model("zoo:digits", preprocess=WRONG)
    predictions = model.predict(model.prepare(digits.images(slice(None)))).argmax(1)
    model.preprocess = Preprocess(8, scale=1e-4, order="grey", code="0" * 64)
    assert alarm.much_better(model, digits, predictions, 1.0) is None
