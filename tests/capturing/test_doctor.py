"""Which preprocessing is right: the statistics, what is tried, and networks whose right one is known."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from nnlens.capturing.candidates import common_candidates, other_fits
from nnlens.capturing.classes import labels_as_outputs
from nnlens.capturing.doctor import diagnose, mcnemar, tried_positions
from nnlens.capturing.trials import pixels_of, told_apart
from nnlens.errors import ModelError, SamplesError
from nnlens.models import Preprocess, load_model
from nnlens.samples import Samples, load_samples
from nnlens.testing import tiny_images, tiny_model

ARCHITECTURES = Path(__file__).parent.parent / "architectures"


def tiny_samples(count=60, labels=None):
    images, own = tiny_images(count)
    return Samples(images, own if labels is None else labels)


def test_mcnemar_is_the_binomial_test_of_where_two_differ():
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        one, other = rng.random((2, 300)) < np.array([[share], [0.5]])
        gained, lost = (one & ~other).sum(), (other & ~one).sum()
        assert mcnemar(one, other) == pytest.approx(binomtest(int(gained), int(gained + lost)).pvalue)
    assert mcnemar(one, one) == 1
    assert 0 < mcnemar(np.ones(1000, bool), np.zeros(1000, bool)) < 1e-300  # no overflow on the way


@pytest.mark.parametrize(
    "labels", [np.arange(5000) % 10, np.repeat(np.arange(10), 500)], ids=["classes in turns", "sorted"]
)
def test_samples_are_spread_so_that_classes_are_mixed(labels):
    model = load_model("zoo:digits")
    samples = Samples(np.zeros((5000, 8, 8), np.uint8), labels)
    positions = tried_positions(model, samples, 500)
    assert (np.diff(positions) > 0).all()
    assert (positions // 10 == np.arange(500)).all()  # one from each part
    assert np.bincount(labels[positions], minlength=10).min() > 25
    assert (tried_positions(model, samples, 500) == positions).all()
    assert len(tried_positions(model, samples, 10**6)) == 5000


def test_only_labels_that_the_network_has_an_output_for_are_tried():
    labels = np.array([-1, 0, 7, 2, 1] * 12)
    diagnosis = diagnose(tiny_model(), tiny_samples(labels=labels))
    assert set(labels[diagnosis.ids]) == {0, 1, 2}
    with pytest.raises(SamplesError, match="no labels"):
        diagnose(tiny_model(), tiny_samples(labels=np.full(60, -1)))
    with pytest.raises(SamplesError, match="3 outputs"):
        diagnose(tiny_model(), tiny_samples(labels=np.full(60, 3)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("used", [Preprocess(6, scale=1, mean=(1, 2, 3)), Preprocess(6, order="grey")])
def test_candidates_are_told_apart_just_where_their_inputs_differ(channels, used):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, channels), np.uint8)
    found = common_candidates(used)
    found += [fit for each in found[:2] for fit in other_fits(each)]
    assert (found[0].preprocess, len({each.name for each in found})) == (used, len(found))
    for one, other in combinations((each.preprocess for each in found), 2):
        same = np.allclose(one(images), other(images), rtol=1e-4, atol=1e-5)
        keys = [told_apart(each, pixels_of(each, images)) for each in (one, other)]
        assert (keys[0] == keys[1]) is same, (one, other)


def test_grey_images_and_images_of_the_right_size_leave_less_to_try():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 3)).eval()
    model = load_model(network, preprocess=Preprocess(8))
    names = [trial.name for trial in diagnose(model, tiny_samples()).trials]
    values = ["in use", "0 to 255", "-1 to 1", "MNIST", "ImageNet", "ImageNet, BGR", "Caffe", "Caffe, BGR"]
    assert sorted(names) == sorted([*values, "of these images"])


def test_a_wrong_scale_is_found_and_a_right_one_is_left_alone():
    samples = load_samples("digits", split="all")
    own = load_model("zoo:digits").preprocess
    wrong = diagnose(load_model("zoo:digits", preprocess=Preprocess(8, scale=1e-4, order="grey")), samples)
    assert wrong.better is wrong.best
    assert wrong.best.preprocess == own
    right = diagnose(load_model("zoo:digits"), samples)
    assert right.best is right.used
    assert right.better is None
    assert (right.best.correct == wrong.best.correct).all()


def test_accuracy_is_that_of_the_network_itself():
    model, samples = tiny_model(), tiny_samples(200)
    diagnosis = diagnose(model, samples)
    for trial in diagnosis.trials:
        logits = model.predict(trial.preprocess(samples.images(slice(None))))
        assert trial.accuracy == (logits.argmax(1) == samples.labels).mean()
    accuracies = [trial.accuracy for trial in diagnosis.trials]
    assert accuracies == sorted(accuracies, reverse=True)


def fussy(limit, nan=False):
    """A network that takes no inputs over a limit."""
    torch = pytest.importorskip("torch")

    class Fussy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(64, 3)

        def forward(self, x):
            if x.max() > limit and not nan:
                raise ValueError("these\nare no inputs")
            logits = self.fc(x.flatten(1))
            return logits / 0 * 0 if x.max() > limit else logits

    torch.manual_seed(0)
    return load_model(Fussy().eval(), preprocess=Preprocess(8, order="grey"))


@pytest.mark.parametrize("order", ["RGB", "BGR", "grey"])
def test_mean_and_deviation_of_the_data_set_itself_are_tried(order):
    """A network that is right only where channels have mean 0 and deviation 1."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    means, spread = ([60, 120, 200], [5, 20, 40]) if order != "grey" else ([90], [12])
    images = rng.normal(means, spread, (120, 6, 6, len(means))).clip(0, 255).astype(np.uint8)

    class Standard(torch.nn.Module):
        def forward(self, x):
            off = (x.mean((0, 2, 3)).abs() + (x.std((0, 2, 3)) - 1).abs()).max()
            return torch.stack([x.flatten(1).abs().mean(1) * 0 + 0.1, off.expand(len(x))], 1)

    model = load_model(Standard().eval(), preprocess=Preprocess(6, order=order))
    diagnosis = diagnose(model, Samples(images, np.arange(120) % 2 * 0))
    own = diagnosis.better
    assert own.name == "of these images"
    assert own.preprocess.order == order
    expected = np.asarray(images, float).reshape(-1, len(means))
    turn = slice(None, None, -1 if order == "BGR" else 1)
    np.testing.assert_allclose(own.preprocess.mean, (expected.mean(0) / 255)[turn], atol=1e-4)
    np.testing.assert_allclose(own.preprocess.std, (expected.std(0) / 255)[turn], atol=1e-4)


WORDS = ["Tench", "english_springer", "cassette player", "chain-saw"]


def test_classes_are_found_among_those_of_imagenet_by_their_words():
    images = np.zeros((4, 8, 8, 3), np.uint8)
    samples, note = labels_as_outputs(Samples(images, [0, 1, 2, 3], class_names=WORDS), 1000)
    assert samples.labels.tolist() == [0, 217, 482, 491]
    assert "Tench → tench, english_springer → English springer" in note
    for names in (["Tench", "somebody"], ["cardigan", "tench"], ["tench", "Tench"]):
        few = Samples(images[:2], [0, 1], class_names=names)
        same, note = labels_as_outputs(few, 1000)
        assert same is few
        assert "2 classes and the network has 1,000 outputs" in note
        assert "synsets of WordNet" in note
    assert labels_as_outputs(few, 2) == (few, "")
    known = Samples(images[:2], [0, 1], class_names=["a", "b"], class_codes=["n01440764", "n02102040"])
    assert (labels_as_outputs(known, 1000)[0].labels == [0, 217]).all()


def test_a_candidate_that_fails_does_not_stop_the_rest():
    failed = {trial.name: trial.error for trial in diagnose(fussy(50), tiny_samples()).trials if trial.error}
    assert failed == {"0 to 255": "ValueError: these are no inputs"}
    assert diagnose(fussy(50), tiny_samples()).trials[-1].error
    invalid = {trial.name: trial.invalid for trial in diagnose(fussy(50, nan=True), tiny_samples()).trials}
    assert invalid.pop("0 to 255") == 60
    assert set(invalid.values()) == {0}


def test_a_network_that_always_fails_is_an_error(monkeypatch):
    model = fussy(50)
    monkeypatch.setattr(model, "predict", lambda inputs: 1 / 0)
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        diagnose(model, tiny_samples())


def test_progress_tells_each_step():
    told = []
    diagnose(tiny_model(), tiny_samples(), progress=lambda *state: told.append(state))
    assert told[-1][0] == told[-1][1]
    assert len({message for *_, message in told}) == 2


@pytest.mark.data
@pytest.mark.slow
def test_squeezenet_is_told_its_order_and_scale(test_data):
    model = load_model(
        test_data / "models" / "squeezenet1_1_bgr.pth",
        f"{ARCHITECTURES / 'squeezenet.py'}:SqueezeNet",
        Preprocess(227),
    )
    diagnosis = diagnose(model, load_samples(test_data / "imagenette"), 40)  # folders are named by synsets
    assert diagnosis.better is not None
    found = diagnosis.better.preprocess
    assert (found.order, found.scale, found.mean) == ("BGR", 1, (103.939, 116.779, 123.68))
    assert diagnosis.better.accuracy == pytest.approx(0.57, abs=0.15)
    assert diagnosis.used.accuracy < 0.02
