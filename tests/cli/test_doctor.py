"""``nnlens doctor`` on networks whose right preprocessing is known."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import nnlens as library
from nnlens.capturing.wording import options_of
from nnlens.cli import values
from nnlens.samples import places

DIGITS = ("zoo:digits", "digits")
LENET = Path(__file__).parent.parent / "architectures" / "lenet.py"


def test_the_right_preprocessing_is_left_alone(nnlens):
    answer = nnlens("doctor", *DIGITS)
    assert answer.status == 0, answer.error
    lines = answer.out.splitlines()
    assert lines[1].split()[1:3] == ["in", "use"]
    assert "in use is the best" in lines[-1]
    assert "on 500 samples" in lines[-1]


def test_the_options_that_it_prints_make_a_wrong_preprocessing_right(nnlens, tmp_path):
    answer = nnlens("doctor", *DIGITS, "--split", "test", "--scale", "1e-6")
    assert answer.status == 4, answer.error
    assert "--scale 1/255" in answer.out.splitlines()[1]
    told = nnlens("doctor", *DIGITS, "--split", "test", "--scale", "1e-6", "--json")
    assert told.status == 4
    facts = told.json()
    assert facts["better"] == facts["trials"][0]
    assert facts["better"]["preprocess"]["scale"] == 1 / 255
    assert facts["samples"] == 359
    assert facts["in_use"]["preprocess"]["scale"] == 1e-6
    words = shlex.split(facts["better"]["options"])
    assert nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test", *words).status == 0
    accuracy = library.open_store(tmp_path / "run").metadata["accuracy"]
    assert accuracy == pytest.approx(facts["better"]["accuracy"])


def test_capture_names_it_where_accuracy_is_near_chance(nnlens, tmp_path):
    answer = nnlens("capture", *DIGITS, tmp_path / "run", "--split", "test", "--scale", "1e-6")
    assert "nnlens doctor MODEL SAMPLES" in answer.error


@pytest.mark.parametrize(
    "preprocess",
    [
        library.Preprocess(32, scale=1 / 127.5, mean=1),
        library.Preprocess(8, fit="pad", mean=(0.485, 0.456, 1 / 3), std=0.1 + 0.2, resample="nearest"),
        library.Preprocess(8, scale=1e-7, mean=-1e-9, std=12345678.9, order="grey"),
    ],
)
def test_options_are_read_as_the_same_preprocessing(preprocess):
    words = shlex.split(options_of(preprocess))
    given = dict(zip(words[::2], words[1::2], strict=True))
    read = {name.removeprefix("--"): given[name] for name in given}
    numbers = {name: values.numbers(read.pop(name)) for name in ("scale", "mean", "std")}
    assert library.Preprocess(preprocess.size, **numbers, **read) == preprocess


def test_where_nothing_does_better_than_guessing_nothing_is_praised(nnlens, tmp_path):
    samples = library.load_samples("digits")
    np.savez(tmp_path / "shifted.npz", images=samples.images(slice(None)), labels=(samples.labels + 1) % 10)
    answer = nnlens("doctor", "zoo:digits", tmp_path / "shifted.npz")
    assert answer.status == 0, answer.error
    assert "Nothing can be told" in answer.out
    assert "order of the classes" in answer.error
    assert nnlens("doctor", "zoo:digits", tmp_path / "shifted.npz", "--json").json()["near_chance"]


def test_samples_without_labels_are_refused_in_one_line(nnlens, tmp_path):
    images = np.zeros((5, 8, 8), np.uint8)
    header = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in images.shape)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    answer = nnlens("doctor", "zoo:digits", tmp_path)
    assert answer.status == 1
    assert "labels" in answer.error
    assert len(answer.error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["no-such.pth", "digits", "--size", "8"], 1, "no file"),
        ([*DIGITS, "--samples-tried", "0"], 2, "samples-tried"),
        (["zoo:digits"], 2, "SAMPLES"),
    ],
)
def test_a_mistake_is_one_line(nnlens, words, status, said):
    answer = nnlens("doctor", *words)
    assert answer.status == status
    assert said in answer.error
    assert len(answer.error.splitlines()) == 1


@pytest.fixture
def lenet(test_data, monkeypatch):
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    weights = test_data / "models" / "lenet_mnist_32.pt"
    return ["doctor", weights, "mnist", "--split", "test", "--architecture", f"{LENET}:LeNet", "--json"]


@pytest.mark.data
def test_lenet_needs_its_size_only(nnlens, lenet):
    answer = nnlens(*lenet, "--size", "32")
    assert "--order grey is assumed" in answer.error
    facts = answer.json()
    assert facts["samples"] == 500
    trial = next(each for each in facts["trials"] if each["name"] == "MNIST")
    assert trial["preprocess"] == {**trial["preprocess"], "mean": 0.1307, "std": 0.3081, "order": "grey"}
    assert trial["accuracy"] == pytest.approx(0.9904, abs=0.01)


@pytest.mark.data
@pytest.mark.slow
def test_lenet_is_told_to_stretch_on_as_many_samples_as_that_takes(nnlens, lenet):
    padded = ["--size", "32", "--mean", ".1307", "--std", ".3081", "--order", "grey", "--fit", "pad"]
    assert nnlens(*lenet, *padded).status == 0  # .9904 and .9838 are the same on 500 samples
    answer = nnlens(*lenet, *padded, "--samples-tried", "10000")
    assert answer.status == 4
    facts = answer.json()
    assert facts["better"]["preprocess"]["fit"] == "stretch"
    assert facts["better"]["accuracy"] == pytest.approx(0.9904, abs=0.0005)
    assert facts["in_use"]["accuracy"] == pytest.approx(0.9838, abs=0.0005)
