"""Files of torch: good ones of every form, and those that are damaged, hostile or for something else."""

import os
import pickle
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model, reopen_model
from nnlens.models.base import ModelReference

ARCHITECTURE = """
from torch import nn
from nnlens.models import Preprocess
from neighbor import CLASSES

preprocess = Preprocess(5, order="grey")

def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, CLASSES))

def other():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 7))

def half():
    return net().half()

def no_network():
    return "network"

def needs(more):
    return more

class Holder:
    net = staticmethod(net)
"""


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the file of the architecture lies, with one that it imports."""
    (tmp_path / "net.py").write_text(ARCHITECTURE)
    (tmp_path / "neighbor.py").write_text("CLASSES = 3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(3, 1, 5, 5)).astype(np.float32)


def plain(net, inputs):
    with torch.no_grad():
        return net(torch.from_numpy(inputs)).numpy()


def nested(state, depth):
    return {"model": nested(state, depth - 1)} if depth else state


WRAPPED = {
    "plain": lambda state: state,
    "ordered": OrderedDict,
    "lightning": lambda state: {"epoch": 3, "state_dict": state, "hyper_parameters": {"rate": 0.1}},
    "model_state_dict": lambda state: {
        "model_state_dict": state,
        "optimizer": {"step": torch.zeros(1)},
        "loss": 0.5,
    },
    "deeper": lambda state: {"model": {"state_dict": state}, "epoch": 3},
    "averaged": lambda state: {"state_dict_ema": state, "best": np.float64(0.5), "history": [np.int32(3)]},
    "settings and paths": lambda state: {"model": state, "args": Namespace(rate=0.1, out=Path("runs"))},
    "among other things": lambda state: {**state, "epoch": 3},
    "data parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "lightning, compiled": lambda state: {
        "state_dict": {f"model._orig_mod.{name}": value for name, value in state.items()}
    },
}


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("old", [False, True])
def test_weights_are_found_whatever_is_around_them(net, inputs, form, old):
    torch.save(WRAPPED[form](net.state_dict()), "weights.bin", _use_new_zipfile_serialization=not old)
    model = load_model("weights.bin", "net.py:net")
    np.testing.assert_allclose(model.predict(inputs), plain(net, inputs), atol=1e-6)
    assert bool(model.notes) == (form not in ("plain", "ordered"))
    assert model.name == "weights"
    assert model.preprocess == Preprocess(5, order="grey")


def test_what_was_done_is_said(net):
    torch.save(WRAPPED["lightning, compiled"](net.state_dict()), "weights.pt")
    said = " ".join(load_model("weights.pt", "net.py:net").notes)
    assert "'state_dict'" in said
    assert "'model.'" in said
    assert "'_orig_mod.'" in said


def test_safetensors(net, inputs):
    save_file(net.state_dict(), "weights.pt")  # the ending says torch, the content does not
    np.testing.assert_allclose(
        load_model("weights.pt", "net.py:net").predict(inputs), plain(net, inputs), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("builder", ["net", "half"])
def test_weights_of_another_precision_become_float32(net, inputs, dtype, builder):
    save_file({name: value.to(dtype) for name, value in net.state_dict().items()}, "weights.safetensors")
    model = load_model("weights.safetensors", f"net.py:{builder}")
    assert {parameter.dtype for parameter in model.module.parameters()} == {torch.float32}
    np.testing.assert_allclose(model.predict(inputs), plain(net, inputs), atol=0.02)


def test_another_process_can_open_the_same(net, inputs):
    torch.save(net.state_dict(), "weights.pt")
    model = load_model("weights.pt", "net.py:net", Preprocess(5, order="grey", mean=0.25))
    reference = ModelReference.from_dict(model.reference.to_dict())
    assert reference == model.reference
    assert reference.source == "weights.pt"
    again = reopen_model(reference)
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.predict(inputs), model.predict(inputs))


def test_a_file_that_changed_is_not_opened_again(net):
    torch.save(net.state_dict(), "weights.pt")
    reference = load_model("weights.pt", "net.py:net").reference
    net[0].bias.data += 1
    torch.save(net.state_dict(), "weights.pt")
    with pytest.raises(ModelError, match=r"weights\.pt has changed"):
        reopen_model(reference)


def test_a_live_network_has_no_reference_and_the_same_fingerprint(net):
    torch.save(net.state_dict(), "weights.pt")
    live = load_model(net, preprocess=Preprocess(5, order="grey"))
    assert live.reference is None
    assert live.fingerprint == load_model("weights.pt", "net.py:net").fingerprint


def test_a_callable_is_an_architecture_too(net, inputs):
    torch.save(net.state_dict(), "weights.pt")
    preprocess = Preprocess(5, order="grey")
    model = load_model("weights.pt", lambda: nn.Sequential(*[*net]), preprocess)
    assert model.reference is None
    np.testing.assert_allclose(model.predict(inputs), plain(net, inputs), atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "what"),
    [
        (None, "also needs the code of the network"),
        ("net.py", "no callable 'get_model_and_input', and no other is named"),
        ("net", "names no callable"),
        ("nothing.py:net", "no architecture file 'nothing.py'"),
        ("net.py:nothing", "no callable 'nothing'"),
        ("net.py:preprocess.size", "no callable"),
        ("no.such.module:net", "cannot be imported: ModuleNotFoundError"),
        ("net.py:no_network", "returns str, not a torch"),
        ("net.py:needs", "cannot be built: TypeError"),
        (5, "a text or a callable, not int"),
        ("broken.py:net", "cannot be imported: ZeroDivisionError"),
        ("wrong.py:net", "cannot be imported: SyntaxError"),
    ],
)
def test_an_architecture_that_is_none_says_so(net, architecture, what):
    torch.save(net.state_dict(), "weights.pt")
    Path("broken.py").write_text("1 / 0")
    Path("wrong.py").write_text("def net(:")
    with pytest.raises(ModelError, match=what):
        load_model("weights.pt", architecture)


def test_an_architecture_may_be_an_attribute_of_a_class(net):
    torch.save(net.state_dict(), "weights.pt")
    assert load_model("weights.pt", "net.py:Holder.net").class_count == 3


def test_differing_names_are_listed(net):
    state = {name.replace("3.", "head."): value for name, value in net.state_dict().items()}
    torch.save(state, "weights.pt")
    with pytest.raises(ModelError, match=r"lack 3\.weight, 3\.bias and have also head\.weight, head\.bias"):
        load_model("weights.pt", "net.py:net")


def test_many_differing_names_are_counted(net):
    torch.save({f"x{number}": torch.zeros(1) for number in range(40)}, "weights.pt")
    with pytest.raises(ModelError, match=r"and 1 more and have also .* and 37 more"):
        load_model("weights.pt", "net.py:net")


class Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


def hostile():
    """Files that would run code, by what writes them."""

    def module(path):
        torch.save(nn.Sequential(nn.Linear(2, 2)), path)

    def trap(path):
        torch.save({"state_dict": {}, "x": Trap()}, path)

    def old_trap(path):
        torch.save({"x": Trap()}, path, _use_new_zipfile_serialization=False)

    def bare_pickle(path):
        Path(path).write_bytes(pickle.dumps(Trap()))

    return [module, trap, old_trap, bare_pickle]


@pytest.mark.parametrize("write", hostile(), ids=lambda write: write.__name__)
@pytest.mark.parametrize("forced", [False, True])
def test_code_is_refused_and_never_run(monkeypatch, write, forced):
    if forced:  # the variable with which users switch torch's protection off
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    write("weights.pt")
    with pytest.raises(ModelError, match=r"could run code.*state_dict"):
        load_model("weights.pt", "net.py:net")
    assert not Path("trapped").exists()


class Setting:
    """What a Lightning checkpoint may hold among its settings: a class of the program that wrote it."""


@pytest.mark.parametrize("old", [False, True])
def test_a_checkpoint_with_objects_of_its_program_says_how_to_go_on(net, inputs, old):
    content = {"state_dict": net.state_dict(), "hyper_parameters": {"model": Setting()}}
    torch.save(content, "weights.ckpt", _use_new_zipfile_serialization=not old)
    with pytest.raises(ModelError, match=r"carries Python objects.*state_dict.*--trust"):
        load_model("weights.ckpt", "net.py:net")
    model = load_model("weights.ckpt", "net.py:net", trust=True)
    np.testing.assert_allclose(model.predict(inputs), plain(net, inputs), atol=1e-6)


def test_programs_are_refused(net):
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.trace(net.eval(), torch.zeros(1, 1, 5, 5)), "script.pt")
    with pytest.raises(ModelError, match=r"script\.pt is a TorchScript program.*state_dict"):
        load_model("script.pt", "net.py:net")


def test_exported_programs_are_refused():
    with zipfile.ZipFile("program.pt2", "w") as archive:
        archive.writestr("program/archive_format", "pt2")
        archive.writestr("program/models/model.json", "{}")
    with pytest.raises(ModelError, match="exported torch program"):
        load_model("program.pt2", "net.py:net")


BAD = {
    "empty": (b"", "is empty"),
    "page": (b"\n<!DOCTYPE html><html><title>404</title>", "web page"),
    "xml": (b"<?xml version='1.0'?><Error>NoSuchKey</Error>", "web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git lfs pull"),
    "json": (b'{"backend": "tensorflow", "config": []}', "architecture without weights"),
    "text": (b"weights", "no file of weights that nnlens knows"),
    "zeros": (bytes(64), "no file of weights that nnlens knows"),
    "safetensors": ((2**40).to_bytes(8, "little") + b"{}", "no file of weights that nnlens knows"),
    "header": ((2).to_bytes(8, "little") + b"{,", "damaged"),
    "zip": (b"PK\x03\x04rubbish", "cut off or damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_file_of_weights_is_named(name):
    data, what = BAD[name]
    Path("weights.pt").write_bytes(data)
    with pytest.raises(ModelError, match=what) as caught:
        load_model("weights.pt", "net.py:net")
    assert caught.value.message.startswith("weights.pt")
    assert caught.value.hint
    assert os.getcwd() not in str(caught.value)  # noqa: PTH109


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_file_that_is_cut_off_is_named(net, share, old):
    torch.save(net.state_dict(), "weights.pt", _use_new_zipfile_serialization=not old)
    data = Path("weights.pt").read_bytes()
    Path("weights.pt").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"weights\.pt is cut off or damaged"):
        load_model("weights.pt", "net.py:net")


def test_safetensors_that_are_cut_off_are_named(net):
    save_file(net.state_dict(), "weights.safetensors")
    data = Path("weights.safetensors").read_bytes()
    Path("weights.safetensors").write_bytes(data[:-40])
    with pytest.raises(ModelError, match="cut off or damaged"):
        load_model("weights.safetensors", "net.py:net")


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    with zipfile.ZipFile("weights.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/data/0", bytes(64 * 2**20))
    assert Path("weights.pt").stat().st_size < 100_000
    with pytest.raises(ModelError, match="claims to unpack to 67,1"):
        load_model("weights.pt", "net.py:net")


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "..\\outside"])
def test_members_that_point_outside_are_refused(name):
    with zipfile.ZipFile("weights.pt", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ModelError, match="points outside"):
        load_model("weights.pt", "net.py:net")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"epoch": 1},
        {0: torch.zeros(1)},
        nested({}, 6),
        [torch.zeros(1)],
        torch.zeros(3),
        {"state_dict": {"epoch": 1}},
    ],
)
def test_a_file_without_names_is_named(content):
    torch.save(content, "weights.pt")
    with pytest.raises(ModelError, match="holds no weights by name"):
        load_model("weights.pt", "net.py:net")


@pytest.mark.data
def test_weights_from_a_graphics_card_open_without_one(net, inputs, test_data):
    """The file was saved on a card, and old torch pickles that by name."""
    data = (test_data / "models" / "lenet_mnist_32.pt").read_bytes()
    assert b"cuda:0" in data
    Path("weights.pt").write_bytes(data)
    with pytest.raises(ModelError, match="do not fit"):
        load_model("weights.pt", "net.py:net")


def test_no_file(net):
    with pytest.raises(ModelError, match=r"no file 'nothing\.pt'"):
        load_model("nothing.pt", "net.py:net")
    with pytest.raises(ModelError, match="no file"):
        load_model(Path.cwd(), "net.py:net")


def test_what_is_no_network_is_named():
    with pytest.raises(ModelError, match="A dict is no network"):
        load_model({"weights": 1})


def test_an_architecture_takes_arguments_and_another_process_the_same(net, inputs):
    Path("wide.py").write_text(
        "from torch import nn\n"
        "def build(width, classes=7, act='gelu'):\n"
        "    layer = {'relu': nn.ReLU, 'gelu': nn.GELU}[act]\n"
        "    return nn.Sequential(nn.Conv2d(1, width, 3), layer(), nn.Flatten(), nn.Linear(9 * width, classes))\n"
    )
    torch.save(net.state_dict(), "weights.pt")
    spec = 'wide.py:build(2, classes=3, act="relu")'
    model = load_model("weights.pt", spec, Preprocess(5, order="grey"))
    np.testing.assert_allclose(model.predict(inputs), plain(net, inputs), atol=1e-6)
    assert model.reference.architecture == spec
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    np.testing.assert_array_equal(again.predict(inputs), model.predict(inputs))
    with pytest.raises(ModelError, match=r"cannot be built: TypeError.*net\.py:Net\(width=32\)"):
        load_model("weights.pt", "wide.py:build")


def test_an_architecture_that_ends_the_program_is_an_error(net):
    torch.save(net.state_dict(), "weights.pt")
    Path("ends.py").write_text("import sys\nsys.exit(3)")
    Path("late.py").write_text("import sys\ndef net():\n    sys.exit(3)")
    with pytest.raises(ModelError, match="cannot be imported: SystemExit"):
        load_model("weights.pt", "ends.py:net")
    with pytest.raises(ModelError, match="cannot be built: SystemExit"):
        load_model("weights.pt", "late.py:net")
