import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from nnlens.errors import SamplesError
from nnlens.samples import load_samples, places
from nnlens.samples.dividing import splits_of

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine with no data sets: another home, another folder, nothing of Debian's."""
    for name in ("home", "here", "debian"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def write_idx(folder, mark, packed=True):
    """Four files of two images; every pixel is `mark`."""
    folder.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        images = struct.pack(">4B3I", 0, 0, 8, 3, 2, 2, 2) + bytes([mark] * 8)
        labels = struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([0, 1])
        for name, data in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "here/data/MNIST/raw"),
        ("fashion-mnist", "here/data/FashionMNIST/raw"),
        ("mnist", "home/data/mnist"),
        ("fashion-mnist", "home/.keras/datasets/fashion-mnist"),
        ("fashion-mnist", "debian/fashion-mnist"),
        ("mnist", "home/.cache/torchvision/MNIST/raw"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_usual_places_are_searched(nowhere, name, folder, packed):
    write_idx(nowhere / folder, 7, packed)
    samples = load_samples(name, "test")
    assert set(samples.images(slice(None)).ravel()) == {7}
    assert samples.name == name
    assert len(samples.class_names) == 10
    assert samples.reference == {"source": name, "split": "test", "limit": None}


def test_the_users_own_folder_comes_first(nowhere, monkeypatch):
    write_idx(nowhere / "own" / "mnist", 1)
    write_idx(nowhere / "here" / "data" / "mnist", 2)
    monkeypatch.setenv(places.VARIABLE, str(nowhere / "own"))
    assert load_samples("mnist").images([0])[0, 0, 0, 0] == 1


def test_the_cache_of_keras_is_read(nowhere):
    images, labels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([3, 4])
    folder = nowhere / "home/.keras/datasets"
    folder.mkdir(parents=True)
    np.savez(folder / "mnist.npz", x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    samples = load_samples("mnist")
    np.testing.assert_array_equal(samples.images(slice(None))[..., 0], images)
    np.testing.assert_array_equal(samples.labels, labels)


class Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


def test_pickled_arrays_are_refused_and_not_run(nowhere):
    folder = nowhere / "home/.keras/datasets"
    folder.mkdir(parents=True)
    objects = np.array([Trap()], object)
    np.savez(folder / "mnist.npz", x_train=objects, y_train=objects)
    with pytest.raises(SamplesError, match=r"mnist\.npz cannot be read"):
        load_samples("mnist")
    assert not Path("trapped").exists()
    assert pickle.dumps(Trap())


def test_a_damaged_cache_is_named(nowhere):
    folder = nowhere / "home/.keras/datasets"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(SamplesError, match=r"mnist\.npz cannot be read"):
        load_samples("mnist")


@pytest.mark.parametrize(
    ("name", "get"), [("mnist", "idx files"), ("fashion-mnist", "dataset-fashion-mnist")]
)
def test_where_it_looked_and_how_to_get_it_is_said(nowhere, name, get):
    with pytest.raises(SamplesError, match=get) as caught:
        load_samples(name)
    assert "NNLENS_DATA (not set)" in str(caught.value)
    assert str(nowhere) not in str(caught.value)


def test_the_users_folder_is_named_when_it_does_not_help(nowhere, monkeypatch):
    monkeypatch.setenv(places.VARIABLE, "my-data")
    with pytest.raises(SamplesError, match=r"NNLENS_DATA \(my-data\)"):
        load_samples("mnist")


def test_a_folder_is_a_source(nowhere):
    write_idx(nowhere / "here" / "letters", 5)
    samples = load_samples("letters", "test", limit=1)
    assert (samples.name, len(samples)) == ("letters", 1)
    assert samples.reference == {"source": "letters", "split": "test", "limit": 1}
    again = load_samples(**samples.reference)
    assert again.fingerprint == samples.fingerprint
    assert load_samples(nowhere / "here" / "letters", "test", 1).fingerprint == samples.fingerprint


@pytest.mark.parametrize("split", ["validation", "all", ""])
def test_other_splits_are_refused(split):
    with pytest.raises(SamplesError, match="train and test"):
        load_samples("mnist", split)


def test_a_folder_here_of_that_name_is_read_where_no_place_has_the_data_set(nowhere):
    write_idx(nowhere / "here" / "mnist", 9)
    assert load_samples("mnist", "test", download=True).images([0])[0, 0, 0, 0] == 9
    assert splits_of("mnist") == ["train", "test"]
    write_idx(nowhere / "here/data/mnist", 8)
    assert load_samples("mnist", "test").images([0])[0, 0, 0, 0] == 8


def test_an_unknown_name_lists_those_that_are_known(nowhere):
    with pytest.raises(SamplesError, match=r"'mnits'.*digits, fashion-mnist, imagenette, imagewoof, mnist"):
        load_samples("mnits")


def test_a_file_is_no_folder(nowhere):
    Path("file").touch()
    with pytest.raises(SamplesError, match="file is a file of no known kind"):
        load_samples("file")


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-of-that-name/x", "a\0b"])
def test_a_name_that_can_be_no_path_is_refused(nowhere, name):
    with pytest.raises(SamplesError, match=r"cannot be read|There is no data set"):
        load_samples(name)


def test_a_closed_folder_is_passed_by(nowhere, monkeypatch):
    write_idx(nowhere / "here/data/mnist", 1)
    write_idx(nowhere / "home/data/mnist", 2)
    is_file = Path.is_file

    def closed(self):
        if nowhere / "here" in self.parents:
            raise PermissionError(13, "Permission denied", str(self))
        return is_file(self)

    monkeypatch.setattr(Path, "is_file", closed)
    assert load_samples("mnist").images([0])[0, 0, 0, 0] == 2


def test_a_file_that_may_not_be_read_is_named_without_its_path(nowhere, monkeypatch):
    write_idx(nowhere / "home/data/mnist", 1)

    def denied(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SamplesError, match="Permission denied") as caught:
        load_samples("mnist")
    assert str(nowhere) not in str(caught.value)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "mean", "std"), [("mnist", 33.3184, 78.567), ("fashion-mnist", 72.940, 90.02)]
)
def test_real_data_has_the_known_mean(test_data, monkeypatch, name, mean, std):
    if name == "fashion-mnist" and not FASHION.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    samples = load_samples(name)
    pixels = samples.images(slice(None))
    assert pixels.shape == (60_000, 28, 28, 1)
    assert pixels.mean() == pytest.approx(mean, abs=5e-3)
    assert pixels.std() == pytest.approx(std, abs=5e-3)
    np.testing.assert_array_equal(np.unique(samples.labels), np.arange(10))
    assert len(load_samples(name, "test")) == 10_000
