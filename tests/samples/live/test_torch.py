"""Data sets as torch and torchvision have them, against the arrays that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples import load_samples
from nnlens.samples.files import Cache
from nnlens.samples.live import OrderWarning, indexed

from .conftest import GREY, LABELS, RGB

torch = pytest.importorskip("torch", reason="torch is an extra")
data = pytest.importorskip("torch.utils.data", reason="torch is an extra")


def to_tensor(image):
    """What torchvision's ToTensor does: floats from 0 to 1, channels first."""
    tensor = torch.from_numpy(np.atleast_3d(np.asarray(image)).copy())
    return tensor.permute(2, 0, 1).to(torch.float32).div(255)


def normalize(image):
    return (to_tensor(image) - 0.485) / 0.229


class Folder(data.Dataset):
    """In the way of torchvision's data sets."""

    classes = ["one", "two", "three", "four"]

    def __init__(self, images=RGB, transform=lambda image: image, label=int):
        self.images, self.transform, self.label = images, transform, label
        self.reads = 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        self.reads += 1
        image = Image.fromarray(self.images[place])
        return self.transform(image), self.label(LABELS[place])


@pytest.mark.parametrize("images", [GREY, RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize(
    "transform",
    [
        lambda image: image,
        np.asarray,
        to_tensor,
        lambda image: to_tensor(image).half(),
        lambda image: to_tensor(image).double(),
        lambda image: np.asarray(image) * np.float32(1 / 255),
        lambda image: np.asarray(image, np.float32),
        lambda image: np.asarray(image, np.int64),
        lambda image: to_tensor(image).requires_grad_(),
    ],
    ids=["pillow", "array", "tensor", "half", "double", "rescaled", "floats", "integers", "gradient"],
)
def test_whatever_the_transform_gives_the_pixels_are_the_same(agrees, images, transform):
    samples = load_samples(Folder(images, transform))
    agrees(samples, images)
    assert samples.class_names == tuple(Folder.classes)
    assert samples.name == "Folder"


@pytest.mark.parametrize(
    "label",
    [np.int64, torch.tensor, lambda label: np.eye(4)[label], lambda label: torch.eye(4)[label], float],
)
def test_labels_of_any_kind(agrees, label):
    agrees(load_samples(Folder(label=label)))


@pytest.mark.parametrize(
    "label", [lambda _: None, lambda _: -1, lambda _: float("nan"), lambda _: np.zeros(4)]
)
def test_no_label_of_any_kind(agrees, label):
    agrees(load_samples(Folder(label=label)), labels=None)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (lambda _: -2, "-2 is no class"),
        (lambda _: 1.5, "1.5 is no class"),
        (lambda _: float("inf"), "inf is no class"),
        (lambda _: np.array([0.5, 0.5]), "several values"),
        (lambda _: np.array([1, 1]), "several values"),
        (lambda _: np.zeros((2, 2)), "shape"),
        (lambda _: 7, "label 7 but only 4 class names"),
        (lambda _: "five", "'five' is none of the classes"),
    ],
)
def test_what_is_no_label_is_told(label, words):
    with pytest.raises(SamplesError, match=words):
        load_samples(Folder(label=label))


def test_normalized_pixels_are_refused_with_what_to_do():
    with pytest.raises(SamplesError, match=r"Sample 0: Pixels go from -.*Leave Normalize.*Preprocess"):
        load_samples(Folder(transform=normalize))


@pytest.mark.parametrize("factor", [1 / 254, 1 / 256, 0.9 / 255, 0.999 / 255, 2 / 255, 0.9])
def test_pixels_between_the_levels_are_refused(factor):
    images = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16), (3, 1, 1))
    with pytest.raises(SamplesError, match="Leave Normalize"):
        load_samples(Folder(images, lambda image: np.asarray(image) * np.float32(factor)))


def test_two_ranges_in_one_data_set_are_refused():
    ranges = [np.ones((4, 4), np.float32), np.full((4, 4), 2, np.float32)]
    with pytest.raises(SamplesError, match="Sample 1: A pixel is 2, and earlier images go up to 1"):
        load_samples(ranges)
    assert load_samples(ranges[::-1]).images(slice(None))[:, 0, 0, 0].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 6, 3), "channels first or last"),
        ((1, 6, 1), "channels first or last"),
        ((6, 5, 4), "no axis of 1 .*transparency"),
        ((6, 5, 2), "no axis of 1"),
        ((6,), "1 axes"),
        ((1, 6, 5, 3), "4 axes"),
        ((0, 5, 3), "no pixels"),
    ],
)
def test_axes_that_can_be_read_in_two_ways_or_none(shape, words):
    with pytest.raises(SamplesError, match=words):
        load_samples([np.zeros(shape, np.uint8)] * 2)


def test_axes_are_those_of_the_earlier_images():
    wide, narrow = np.zeros((3, 7, 6), np.uint8), np.zeros((3, 7, 3), np.uint8)
    narrow[0] = 200
    samples = load_samples([wide, narrow])
    assert [image.shape for image in samples.images(slice(None))] == [(7, 6, 3), (7, 3, 3)]
    assert (samples.images([1])[0] == [200, 0, 0]).all()
    with pytest.raises(SamplesError, match=r"Sample 1.*earlier ones have their channels first"):
        load_samples([wide, np.zeros((7, 6, 3), np.uint8)])


def test_wrapped_data_sets_keep_their_class_names(agrees):
    subset = data.Subset(Folder(), [5, 2, 9])
    samples = load_samples(subset)
    agrees(samples, RGB[[5, 2, 9]], LABELS[[5, 2, 9]])
    assert samples.class_names == tuple(Folder.classes)
    assert load_samples(data.ConcatDataset([Folder(), Folder()])).class_names == tuple(Folder.classes)


def test_tensors_with_and_without_labels(agrees):
    images = torch.from_numpy(RGB).permute(0, 3, 1, 2)
    agrees(load_samples(data.TensorDataset(images, torch.from_numpy(LABELS))))
    agrees(load_samples(data.TensorDataset(images)), labels=None)


def test_a_loader_gives_its_data_set_in_order(agrees):
    agrees(load_samples(data.DataLoader(Folder(transform=to_tensor), batch_size=4)))
    agrees(load_samples(data.DataLoader(Folder(), batch_size=None)))


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"sampler": data.WeightedRandomSampler([1.0] * 23, 23)},
        {"batch_sampler": [[3, 1], [2]]},
    ],
    ids=["shuffle", "sampler", "batches"],
)
def test_a_loader_that_shuffles_is_read_in_order_and_that_is_said(agrees, options):
    with pytest.warns(OrderWarning, match="read in order"):
        agrees(load_samples(data.DataLoader(Folder(transform=to_tensor), **options)))


def test_a_loader_of_some_samples_gives_those_with_their_ids(agrees):
    loader = data.DataLoader(Folder(), sampler=data.SubsetRandomSampler([9, 2, 5, 11]))
    with pytest.warns(OrderWarning):
        agrees(load_samples(loader), ids=[2, 5, 9, 11])
    with pytest.warns(OrderWarning):
        agrees(load_samples(loader, limit=3), ids=[2, 5, 9])


class Flow(data.IterableDataset):
    def __iter__(self):
        return iter([(to_tensor(image), int(label)) for image, label in zip(RGB, LABELS, strict=True)])


class FlowWithLength(Flow):
    def __len__(self):
        return len(RGB)


def test_an_iterable_data_set_needs_a_length(agrees):
    agrees(load_samples((Flow(), len(RGB))))
    agrees(load_samples((data.DataLoader(Flow(), batch_size=4), len(RGB))))
    agrees(load_samples(FlowWithLength()))
    agrees(load_samples(data.DataLoader(FlowWithLength(), batch_size=4)))
    for without in (Flow(), data.DataLoader(Flow(), batch_size=4)):
        with pytest.raises(SamplesError, match=r"does not say how many.*load_samples\(\(data, 60000\)\)"):
            load_samples(without)


def test_random_augmentation_is_refused():
    chance = np.random.default_rng(0)

    def flipped(image):
        return np.asarray(image)[:, :: chance.choice([-1, 1])]

    with pytest.raises(SamplesError, match=r"other pixels each time.*augmentation"):
        load_samples(Folder(transform=flipped))


def test_what_does_not_fit_the_cache_is_read_again_and_checked(agrees, monkeypatch):
    monkeypatch.setattr(indexed, "Cache", lambda: Cache(3 * RGB[0].nbytes))
    images = RGB.copy()
    folder = Folder(images)
    samples = load_samples(folder)
    before = folder.reads
    agrees(samples)
    assert folder.reads > before + len(RGB)
    images[3] ^= 1
    with pytest.raises(SamplesError, match=r"other pixels each time"):
        samples.images(slice(None))


def test_what_fits_the_cache_is_read_once_and_a_little(agrees):
    folder = Folder()
    samples = load_samples(folder)
    agrees(samples)
    assert folder.reads == len(RGB) + indexed.TRIED


def test_a_sample_that_fails_is_named():
    class Failing(Folder):
        def __getitem__(self, place):
            if place == 3:
                raise KeyError("nothing")
            return super().__getitem__(place)

    with pytest.raises(SamplesError, match=r"Sample 3 cannot be read: KeyError: 'nothing'"):
        load_samples(Failing())


def test_files_that_cannot_be_opened_are_left_out(agrees):
    class Broken(Folder):
        def __getitem__(self, place):
            if place in self.without:
                raise OSError("image file is truncated")
            return super().__getitem__(place)

    Broken.without = {0, 4}
    samples = load_samples(Broken())
    agrees(samples, ids=[place for place in range(len(RGB)) if place not in Broken.without])
    assert set(samples.broken) == {"sample 0", "sample 4"}
    Broken.without = set(range(len(RGB)))
    with pytest.raises(SamplesError, match="None of 23 samples can be opened"):
        load_samples(Broken())


def test_fingerprints_tell_pixels_labels_and_parts_apart():
    changed = RGB.copy()
    changed[4, 1, 1, 1] ^= 1
    base = load_samples(Folder())
    others = [
        load_samples(Folder(changed)),
        load_samples(Folder(label=lambda label: (int(label) + 1) % 4)),
        load_samples(Folder(), limit=22),
        load_samples(Folder(RGB[..., 0])),
    ]
    assert base.fingerprint == load_samples(Folder(transform=to_tensor)).fingerprint
    assert len({each.fingerprint for each in [base, *others]}) == 5
    assert base.take(22).fingerprint == others[2].fingerprint


def test_progress_is_told():
    told = []
    load_samples(Folder(), progress=lambda done, total, message="": told.append((done, total, message)))
    assert told[-1] == (23, 23, "reading the data set")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


@pytest.mark.parametrize("empty", [[], Folder(RGB[:0])])
def test_nothing_is_no_data_set(empty):
    with pytest.raises(SamplesError, match="has no samples"):
        load_samples(empty)


@pytest.mark.parametrize("thing", [None, 7, object(), print])
def test_what_is_no_data_set_is_told(thing):
    with pytest.raises(SamplesError, match=r"is no data set\. Give a Dataset of Hugging Face"):
        load_samples(thing)
