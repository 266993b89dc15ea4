"""Networks of torchvision and timm: stand-ins with the attributes that theirs have."""

import enum
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nnlens.models import ModelReference, Preprocess, load_model, reopen_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def transforms(crop, resize, interpolation="bilinear"):
    return lambda: SimpleNamespace(
        crop_size=[crop],
        resize_size=[resize],
        mean=list(MEAN),
        std=list(STD),
        interpolation=SimpleNamespace(value=interpolation),
    )


class Weights(enum.Enum):
    OLD = SimpleNamespace(url="https://somewhere.example/models/tiny-1234.pth", transforms=transforms(12, 16))
    NEW = SimpleNamespace(
        url="https://somewhere.example/models/tiny-5678.pth", transforms=transforms(12, 15, "bicubic")
    )

    url = property(lambda self: self.value.url)
    transforms = property(lambda self: self.value.transforms)


Weights.DEFAULT = Weights.NEW


def tiny(num_classes=5):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))


@pytest.fixture(autouse=True)
def torchvision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parent, models = ModuleType("torchvision"), ModuleType("torchvision.models")

    def builder(num_classes=5):
        return tiny(num_classes)

    def get_model(name, **options):
        return getattr(models, name)(**options)

    builder.__name__, builder.__module__ = "tiny", "torchvision.models.small"
    get_model.__module__ = "torchvision.models._api"
    models.tiny, models.get_model = builder, get_model
    models.get_model_weights = {"tiny": Weights}.__getitem__
    parent.models = models
    monkeypatch.setitem(sys.modules, "torchvision", parent)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return models


def expected(size, share, resample="bilinear"):
    return Preprocess(size, fit="crop", resample=resample, mean=MEAN, std=STD, share=share)


@pytest.mark.parametrize(
    ("architecture", "file", "share", "resample", "named"),
    [
        ("torchvision.models:tiny(num_classes=3)", "mine.pth", 12 / 15, "bicubic", "NEW"),
        ("torchvision.models:get_model('tiny', num_classes=3)", "mine.pth", 12 / 15, "bicubic", "NEW"),
        ("torchvision.models:get_model(name='tiny', num_classes=3)", "mine.pth", 12 / 15, "bicubic", "NEW"),
        ("torchvision.models:tiny(num_classes=3)", "tiny-1234.pth", 12 / 16, "bilinear", "OLD"),
    ],
)
def test_what_torchvision_says_of_its_weights_is_the_default(architecture, file, share, resample, named):
    torch.save(tiny(3).state_dict(), file)
    model = load_model(file, architecture)
    assert model.preprocess == expected(12, share, resample)
    assert model.class_count == 3
    assert any(f"torchvision says of Weights.{named}" in note for note in model.notes)
    assert model.reference.architecture == architecture
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    assert (again.fingerprint, again.preprocess) == (model.fingerprint, model.preprocess)


def test_what_the_user_says_comes_before_it():
    torch.save(tiny().state_dict(), "mine.pth")
    model = load_model("mine.pth", "torchvision.models:tiny", Preprocess(9))
    assert (model.preprocess, model.notes) == (Preprocess(9), ())


def test_a_builder_without_weights_asks_for_the_preprocessing(torchvision):
    torchvision.get_model_weights = {}.__getitem__
    torch.save(tiny().state_dict(), "mine.pth")
    with pytest.raises(Exception, match="Nothing tells how images become inputs"):
        load_model("mine.pth", "torchvision.models:tiny")


CONFIG = {
    "architecture": "tiny",
    "input_size": (3, 12, 12),
    "interpolation": "bicubic",
    "crop_pct": 0.9,
    "crop_mode": "center",
    "mean": MEAN,
    "std": STD,
}


@pytest.mark.parametrize("attribute", ["pretrained_cfg", "default_cfg"])
def test_what_timm_says_of_its_network_is_the_default(attribute):
    network = tiny()
    setattr(network, attribute, CONFIG)
    model = load_model(network)
    assert model.preprocess == expected(
        12, 12 / 13, "bicubic"
    )  # it brings the shorter side to floor(12 / .9)
    assert "timm says of tiny" in model.notes[0]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"crop_mode": "squash"}, {"fit": "stretch"}),
        ({"crop_pct": 1.0}, {"share": 1.0}),
        ({"interpolation": "random"}, {"resample": "bilinear"}),
        ({"input_size": (3, 12, 16)}, {"size": (12, 16)}),
    ],
)
def test_other_settings_of_timm(change, wanted):
    network = tiny()
    network.pretrained_cfg = CONFIG | change
    preprocess = load_model(network).preprocess
    assert {name: getattr(preprocess, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    "config", [{"mean": MEAN}, {**CONFIG, "std": (0, 0, 0)}, {**CONFIG, "input_size": 3}, "tiny"]
)
def test_a_config_of_another_form_is_not_believed(config):
    network = tiny()
    network.pretrained_cfg = config
    with pytest.raises(Exception, match="Nothing tells how images become inputs"):
        load_model(network)


@pytest.mark.parametrize("shape", [(37, 50), (50, 37), (16, 16), (31, 95)])
def test_a_share_is_cut_from_the_middle_of_a_larger_image(shape):
    """As torchvision does it: the shorter side to 16, then the middle 11 pixels, halves rounded to even."""
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    height, width = (round(side * 16 / min(shape)) for side in shape)
    scaled = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    top, left = round((height - 11) / 2.0), round((width - 11) / 2.0)
    wanted = scaled[top : top + 11, left : left + 11].transpose(2, 0, 1)
    got = Preprocess(11, fit="crop", scale=1, share=11 / 16)(pixels[None])[0]
    np.testing.assert_array_equal(got, wanted)
