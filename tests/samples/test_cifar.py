import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlens.errors import SamplesError
from nnlens.samples import cifar, load_samples, places

ALL_FIVE = tuple(range(1, 6))


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def planes(picture):
    """An image byte by byte, as the description says: all of red, then green, then blue, each row after row."""
    return bytes(int(picture[y, x, color]) for color in range(3) for y in range(32) for x in range(32))


def ten_binary(folder, seed=0, names=cifar.TEN.class_names, count=2):
    """Write all six files; return images and labels of the splits."""
    images, labels = pictures(6 * count, seed), np.arange(seed, seed + 6 * count) % 10
    records = [bytes([label]) + planes(image) for label, image in zip(labels, images, strict=True)]
    files = [f"data_batch_{n}.bin" for n in ALL_FIVE] + ["test_batch.bin"]
    folder.mkdir(parents=True, exist_ok=True)
    for place, file in enumerate(files):
        (folder / file).write_bytes(b"".join(records[place * count : (place + 1) * count]))
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    return {"train": (images[:-count], labels[:-count]), "test": (images[-count:], labels[-count:])}


def hundred_binary(folder, seed=0):
    images, labels = pictures(4, seed), np.array([0, 99, 7, 41])
    records = [
        bytes([label // 5, label]) + planes(image) for label, image in zip(labels, images, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.bin").write_bytes(b"".join(records[:3]))
    (folder / "test.bin").write_bytes(records[3])
    (folder / "fine_label_names.txt").write_text("\n".join(cifar.HUNDRED.class_names) + "\n")
    (folder / "coarse_label_names.txt").write_text("fish\n")
    return {"train": (images[:3], labels[:3]), "test": (images[3:], labels[3:])}


def dumped(path, named, protocol):
    """A pickle whose names are bytes, as Python 3 sees those of Python 2."""
    path.write_bytes(pickle.dumps({key.encode(): value for key, value in named.items()}, protocol))


def rows(images):
    return np.stack([np.frombuffer(planes(image), np.uint8) for image in images])


def ten_python(folder, seed=0, protocol=2):
    images, labels = pictures(6, seed), np.arange(seed, seed + 6) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for place, file in enumerate([*(f"data_batch_{n}" for n in ALL_FIVE), "test_batch"]):
        dumped(
            folder / file,
            {
                "batch_label": b"a batch",
                "labels": labels[place : place + 1].tolist(),
                "data": rows(images[place : place + 1]),
                "filenames": [b"a.png"],
            },
            protocol,
        )
    names = [name.encode() for name in cifar.TEN.class_names]
    dumped(
        folder / "batches.meta", {"num_cases_per_batch": 1, "label_names": names, "num_vis": 3072}, protocol
    )
    return {"train": (images[:5], labels[:5]), "test": (images[5:], labels[5:])}


def hundred_python(folder, seed=0, protocol=2):
    images, labels = pictures(4, seed), np.array([0, 99, 7, 41])
    folder.mkdir(parents=True, exist_ok=True)
    for file, part in (("train", slice(3)), ("test", slice(3, 4))):
        named = {"data": rows(images[part]), "fine_labels": labels[part].tolist(), "coarse_labels": [1] * 3}
        dumped(folder / file, named, protocol)
    names = [name.encode() for name in cifar.HUNDRED.class_names]
    dumped(folder / "meta", {"fine_label_names": names, "coarse_label_names": [b"fish"]}, protocol)
    return {"train": (images[:3], labels[:3]), "test": (images[3:], labels[3:])}


WRITERS = [ten_binary, hundred_binary, ten_python, hundred_python]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_folder_is_told_by_its_files_and_read(tmp_path, write, split):
    expected = write(tmp_path / "whatever")[split]
    samples = load_samples(str(tmp_path / "whatever"), split)
    np.testing.assert_array_equal(samples.images(slice(None)), expected[0])
    np.testing.assert_array_equal(samples.labels, expected[1])
    np.testing.assert_array_equal(samples.ids, np.arange(len(expected[1])))
    assert samples.class_names == (cifar.TEN if "ten" in write.__name__ else cifar.HUNDRED).class_names
    assert (samples.name, samples.split) == ("whatever", split)


@pytest.mark.parametrize("write", [ten_python, hundred_python])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(tmp_path, write, protocol):
    expected = write(tmp_path, protocol=protocol)["test"]
    np.testing.assert_array_equal(load_samples(tmp_path, "test").images(slice(None)), expected[0])


@given(seed=st.integers(0, 2**31), count=st.integers(1, 3))
def test_every_image_comes_back(tmp_path_factory, seed, count):
    folder = tmp_path_factory.mktemp("cifar")
    expected = ten_binary(folder, seed, count=count)["train"]
    samples = load_samples(folder)
    np.testing.assert_array_equal(samples.images(slice(None)), expected[0])
    np.testing.assert_array_equal(samples.labels, expected[1])


@pytest.mark.parametrize(("binary", "python"), [(ten_binary, ten_python), (hundred_binary, hundred_python)])
def test_without_a_file_of_class_names_the_usual_ones_are_taken(tmp_path, binary, python):
    binary(tmp_path / "a")
    names = load_samples(tmp_path / "a").class_names
    if binary is ten_binary:
        (tmp_path / "a" / "batches.meta.txt").unlink()
    assert load_samples(tmp_path / "a").class_names == names
    python(tmp_path / "b")
    assert load_samples(tmp_path / "b").class_names == names


def test_class_names_are_text_whatever_they_say(tmp_path):
    names = ("<b>", "\u202ex", *"abcdefgh")
    ten_binary(tmp_path, names=names)
    assert load_samples(tmp_path).class_names == names


def test_another_process_can_open_it_again(tmp_path):
    ten_python(tmp_path)
    samples = load_samples(str(tmp_path), "train", 2)
    assert len(samples) == 2
    assert samples.reference == {"source": str(tmp_path), "split": "train", "limit": 2}
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint


def refused(folder, what, split="train"):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(SamplesError, match=what) as caught:
        load_samples(folder, split)
    told = str(caught.value)
    assert caught.value.hint
    assert "\n" not in told
    assert str(folder) not in told
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("file", "data", "what"),
    [
        ("data_batch_3.bin", b"", r"data_batch_3\.bin has 0 bytes.*cut off"),
        ("data_batch_3.bin", bytes(3072), "3,072 bytes, which are no whole records of 3,073"),
        ("data_batch_3.bin", b"<!DOCTYPE html>", "no whole records"),
        ("data_batch_3.bin", b"\x0a" + bytes(3072), "label 10, and CIFAR-10 has 0 to 9"),
        ("data_batch_3.bin", None, r"lacks data_batch_3\.bin"),
        ("batches.meta.txt", b"one\ntwo\n", "names 2 classes, and CIFAR-10 has 10"),
        ("batches.meta.txt", bytes(200_000), "larger than any of CIFAR"),
    ],
)
def test_damaged_binary_files_are_named(tmp_path, file, data, what):
    ten_binary(tmp_path)
    (tmp_path / file).unlink() if data is None else (tmp_path / file).write_bytes(data)
    refused(tmp_path, what)


GOOD = {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]}


@pytest.mark.parametrize(
    ("named", "what"),
    [
        (GOOD | {"labels": [1]}, "no labels: one integer for each of 2 images"),
        (GOOD | {"labels": [1, 2.0]}, "no labels"),
        (GOOD | {"labels": [1, 2**80]}, "no labels"),
        (GOOD | {"labels": 7}, "no labels"),
        (GOOD | {"labels": [1, -1]}, "label -1, and CIFAR-10 has 0 to 9"),
        (GOOD | {"labels": np.array([1, 10])}, "label 10, and CIFAR-10"),
        ({"data": GOOD["data"]}, "no labels"),
        ({"labels": [1, 2]}, "no pixels: rows of 3,072 bytes"),
        (GOOD | {"data": np.zeros((2, 3073), np.uint8)}, "no pixels"),
        (GOOD | {"data": np.zeros((2, 3072), np.int16)}, "no pixels"),
        (GOOD | {"data": np.zeros((2, 3072), np.float32)}, "more than plain data"),
        (GOOD | {"data": np.zeros((0, 3072), np.uint8), "labels": []}, "is empty"),
    ],
)
def test_pickles_that_do_not_fit_are_named(tmp_path, named, what):
    ten_python(tmp_path)
    dumped(tmp_path / "data_batch_2", named, 4)
    refused(tmp_path, what)


@pytest.mark.parametrize("names", [[b"a"] * 9, [1] * 10, b"abcdefghij", None])
def test_class_names_that_do_not_fit_are_named(tmp_path, names):
    ten_python(tmp_path)
    dumped(tmp_path / "batches.meta", {"label_names": names}, 2)
    refused(tmp_path, r"batches\.meta (has no label_names|names 9 classes)")


@pytest.mark.parametrize("write", WRITERS)
def test_missing_splits_are_named(tmp_path, write):
    write(tmp_path)
    refused(tmp_path, "no split 'validation'.*train and test", "validation")
    for path in tmp_path.glob("*test*"):
        path.unlink()
    refused(tmp_path, r"no test split of CIFAR-100? in .*Looked for test", "test")


def test_folders_for_splits_are_no_files_of_cifar(tmp_path):
    for name in ("train", "test", "meta"):
        (tmp_path / name).mkdir()
    assert cifar.find(tmp_path) is None


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine with no data sets."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "write", "folder"),
    [
        ("cifar10", ten_binary, "here/data/cifar-10-batches-bin"),
        ("cifar10", ten_python, "here/data/cifar-10-batches-py"),
        ("cifar10", ten_python, "home/.keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py"),
        ("cifar10", ten_python, "home/.cache/torchvision/cifar-10-batches-py"),
        ("cifar10", ten_binary, "own/cifar10"),
        ("cifar100", hundred_binary, "home/data/cifar-100-binary"),
        ("cifar100", hundred_python, "here/data/cifar-100-python"),
        ("cifar100", hundred_python, "home/.keras/datasets/cifar-100-python-target/cifar-100-python"),
        ("cifar100", hundred_binary, "own/cifar100"),
    ],
)
def test_usual_places_are_searched_by_name(nowhere, monkeypatch, name, write, folder):
    monkeypatch.setenv(places.VARIABLE, str(nowhere / "own"))
    expected = write(nowhere / folder)["test"]
    samples = load_samples(name, "test")
    np.testing.assert_array_equal(samples.images(slice(None)), expected[0])
    assert samples.name == name
    assert samples.reference == {"source": name, "split": "test", "limit": None}
    shutil.rmtree(nowhere / folder)
    with pytest.raises(
        SamplesError, match=r"hold no cifar100?\. .*unpack cifar-100?-binary\.tar\.gz"
    ) as caught:
        load_samples(name, "test")
    assert str(nowhere / "home") not in str(caught.value)


def test_a_name_has_two_splits():
    with pytest.raises(SamplesError, match=r"cifar10 has no split 'all'.*train and test"):
        load_samples("cifar10", "all")


@pytest.mark.data
def test_real_data_has_the_known_means(test_data, monkeypatch):
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    samples = load_samples("cifar10", "test")
    pixels = samples.images(slice(None))
    assert pixels.shape == (10_000, 32, 32, 3)
    np.testing.assert_allclose(pixels.mean((0, 1, 2)) / 255, [0.4940, 0.4851, 0.4505], atol=2e-3)
    np.testing.assert_array_equal(np.bincount(samples.labels), [1000] * 10)
    assert samples.class_names[0] == "airplane"
    by_folder = load_samples(test_data / "cifar-10-batches-bin", "test")
    assert by_folder.fingerprint == samples.fingerprint
    with pytest.raises(SamplesError, match=r"no train split of CIFAR-10 in 'cifar-10-batches-bin'"):
        load_samples(test_data / "cifar-10-batches-bin")
