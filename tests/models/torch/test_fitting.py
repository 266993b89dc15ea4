"""Weights that do not fit: what is said, and what is mended."""

import traceback
from pathlib import Path

import numpy as np
import pytest
import torch

from nnlens.cli import main
from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.models.torch.fitting import pairs
from nnlens.models.torch.suggesting import describe, suggest

PREPROCESS = Preprocess(8, order="grey")
CODE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=10, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.bn = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Net()

    def forward(self, x):
        return self.backbone(x)

def fixed():
    return Net(10)

def by_keyword(**options):
    return Net(**options)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)


@pytest.fixture
def net():
    names = {}
    exec(CODE, names)
    torch.manual_seed(0)
    return names["Net"](num_classes=7).eval()


@pytest.mark.parametrize(
    ("architecture", "hint"),
    [
        ("net.py:Net", r"Give the architecture as many: net\.py:Net\(num_classes=7\)\."),
        ("net.py:Net(num_classes=12)", r"net\.py:Net\(num_classes=7\)"),
        ("net.py:by_keyword", r"net\.py:by_keyword\(num_classes=7\)"),
        ("net.py:fixed", r"7 in its code: it takes no number of classes"),
    ],
)
def test_a_head_of_another_size_is_named_as_such(net, architecture, hint):
    torch.save(net.state_dict(), "weights.pt")
    with pytest.raises(
        ModelError, match=r"The file's head has 7 outputs, the architecture's 1[02] \(fc\)\. .*" + hint
    ):
        load_model("weights.pt", architecture, PREPROCESS)


def test_what_it_says_to_give_works(net):
    torch.save(net.state_dict(), "weights.pt")
    assert load_model("weights.pt", "net.py:Net(num_classes=7)", PREPROCESS).class_count == 7


def test_other_sizes_are_no_head(net):
    torch.save(net.state_dict(), "weights.pt")
    with pytest.raises(
        ModelError, match=r"conv\.weight is \(4, 1, 3, 3\) in the file and \(6, 1, 3, 3\) in the arch"
    ):
        load_model("weights.pt", "net.py:Net(num_classes=7, width=6)", PREPROCESS)


def test_names_that_differ_stand_side_by_side(net, capsys):
    renamed = {"conv": "features.conv0", "bn": "features.norm0", "fc": "head"}
    state = {
        f"{renamed[name.partition('.')[0]]}.{name.partition('.')[2]}": value
        for name, value in net.state_dict().items()
    }
    torch.save(state, "weights.pt")
    with pytest.raises(ModelError) as caught:
        load_model("weights.pt", "net.py:Net(7)", PREPROCESS)
    text = "".join(traceback.format_exception_only(caught.value))
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if "|" in line][1:]
    assert rows[0] == ["file", "architecture"]
    assert ["features.conv0.weight 4×1×3×3", "conv.weight 4×1×3×3"] in rows
    assert ["head.bias 7", "fc.bias 7"] in rows
    assert "features.conv0.weight | conv.weight" in caught.value.hint
    status = main(
        ["capture", "weights.pt", "digits", "run", "--architecture", "net.py:Net(7)", "--size", "8"]
    )
    said = capsys.readouterr().err
    assert status == 1
    assert len(said.splitlines()) == 1
    assert "features.conv0.weight | conv.weight" in said


def test_pairs_have_one_shape_and_the_closest_names():
    file = {"a.weight": (3, 3), "b.weight": (3, 3), "c.bias": (5,), "d": (9,)}
    own = {"enc.b.weight": (3, 3), "enc.a.weight": (3, 3), "enc.c.bias": (5,), "e": (8,)}
    assert pairs(file, own, list(own), list(file)) == [
        ("b.weight", "enc.b.weight"),
        ("a.weight", "enc.a.weight"),
        ("c.bias", "enc.c.bias"),
        ("", "e"),
        ("d", ""),
    ]


@pytest.mark.parametrize(
    ("rename", "architecture"),
    [
        (lambda name: f"student.encoder.{name}", "net.py:Net(7)"),
        (lambda name: name, "net.py:Wrapped"),
        (lambda name: f"student.{name}", "net.py:Wrapped"),
    ],
)
def test_a_wrapper_on_one_side_is_looked_through(net, rename, architecture):
    Path("net.py").write_text(CODE.replace("num_classes=10", "num_classes=7"))
    torch.save({rename(name): value for name, value in net.state_dict().items()}, "weights.pt")
    model = load_model("weights.pt", architecture, PREPROCESS)
    inputs = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(inputs), net(torch.from_numpy(inputs)).numpy(), atol=1e-6)
    assert any("prefix" in note or "beginning" in note for note in model.notes)


def test_counters_that_old_torch_did_not_save_are_not_missed(net):
    state = {name: value for name, value in net.state_dict().items() if "num_batches" not in name}
    torch.save(state, "weights.pt")
    model = load_model("weights.pt", "net.py:Net(7)", PREPROCESS)
    assert any("counters" in note for note in model.notes)
    del state["bn.running_mean"]
    torch.save(state, "weights.pt")
    with pytest.raises(ModelError, match=r"lack bn\.running_mean"):
        load_model("weights.pt", "net.py:Net(7)", PREPROCESS)


def test_weights_without_code_are_described(net):
    torch.save({"state_dict": net.state_dict()}, "weights.pt")
    with pytest.raises(ModelError, match=r"holds weights alone.* with these layers: conv 1→4 3×3, fc 4→7\."):
        load_model("weights.pt")
    assert describe({f"fc{number}.weight": (2, 2) for number in range(8)}).endswith("fc5 2→2 and 2 more")


def test_weights_of_torchvision_are_told_by_their_names(tmp_path):
    state = {"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.weight": torch.zeros(10, 512)}
    for part, blocks in enumerate((2, 2, 2, 2), 1):
        for block in range(blocks):
            state[f"layer{part}.{block}.conv1.weight"] = torch.zeros(1)
            state[f"layer{part}.{block}.conv2.weight"] = torch.zeros(64, 64, 3, 3)
    torch.save(state, "weights.pt")
    with pytest.raises(
        ModelError, match=r"try --architecture 'torchvision\.models:resnet18\(num_classes=10\)'\."
    ):
        load_model("weights.pt")


def resnet(blocks, bottleneck, width=64, inputs=64):
    shapes = {"conv1.weight": (64, 3, 7, 7), "fc.weight": (4, 512)}
    for part, count in enumerate(blocks, 1):
        for block in range(count):
            for conv in (1, 2, 3)[: 3 if bottleneck else 2]:
                shapes[f"layer{part}.{block}.conv{conv}.weight"] = (width, inputs, 3, 3)
    return shapes


KNOWN = {
    "resnet34(num_classes=4)": resnet((3, 4, 6, 3), False),
    "resnet50(num_classes=4)": resnet((3, 4, 6, 3), True),
    "wide_resnet50_2(num_classes=4)": resnet((3, 4, 6, 3), True, 128, 128),
    "resnext50_32x4d(num_classes=4)": resnet((3, 4, 6, 3), True, 128, 4),
    "vgg11_bn(num_classes=4)": {
        **{f"features.{place}.weight": (8, 8, 3, 3) for place in range(0, 24, 3)},
        "features.1.running_mean": (8,),
        "classifier.6.weight": (4, 9),
    },
    "alexnet(num_classes=4)": {"features.0.weight": (64, 3, 11, 11), "classifier.6.weight": (4, 9)},
    "squeezenet1_1(num_classes=4)": {
        "features.0.weight": (64, 3, 3, 3),
        "features.3.squeeze.weight": (16, 64, 1, 1),
        "classifier.1.weight": (4, 512, 1, 1),
    },
    "mobilenet_v2(num_classes=4)": {
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "classifier.1.weight": (4, 1280),
    },
}


@pytest.mark.parametrize("name", KNOWN)
def test_families_are_told_apart(name):
    assert suggest(KNOWN[name]) == f"torchvision.models:{name}"


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (2, 2, 2)])
def test_a_network_of_no_family_is_not_guessed(blocks):
    assert suggest(resnet(blocks, False)) is None
    assert suggest({}) is None
