"""Files that are programs: refused without a word of their code run, opened where the user trusts them."""

import json
import os
import pickle
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nnlens
from nnlens.cli import main
from nnlens.errors import ModelError
from nnlens.models import ModelReference, Preprocess, load_model, reopen_model

PREPROCESS = Preprocess(9, mean=0.5, std=0.25)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.bn(self.conv(x))
        out += x
        return self.relu(out)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.layer1(F.relu(self.stem(x)))
        return F.log_softmax(self.fc(self.drop(x.mean((2, 3)))), 1)


def net():
    torch.manual_seed(0)
    module = Net()
    for block in module.layer1:
        block.bn.running_mean.normal_()
        block.bn.running_var.uniform_(0.5, 2)
    return module.eval()


def traced(module):
    torch.jit.save(torch.jit.trace(module, torch.zeros(1, 3, 9, 9)), "traced.pt")
    return "traced.pt"


def scripted(module):
    torch.jit.save(torch.jit.script(module), "scripted.pt")
    return "scripted.pt"


def exported(module):
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 9, 9),)), "exported.pt2")
    return "exported.pt2"


def exported_for_batches(module):
    batch = {0: torch.export.Dim("batch")}
    torch.export.save(
        torch.export.export(module, (torch.zeros(3, 3, 9, 9),), dynamic_shapes=(batch,)), "batches.pt2"
    )
    return "batches.pt2"


def pickled(module):
    torch.save(module, "pickled.pt")
    return "pickled.pt"


def pickled_in_a_checkpoint(module):
    torch.save({"epoch": 3, "model": module}, "checkpoint.pt", _use_new_zipfile_serialization=False)
    return "checkpoint.pt"


def bare_pickle(module):
    Path("bare.pkl").write_bytes(pickle.dumps(module))
    return "bare.pkl"


WRITERS = [traced, scripted, exported, exported_for_batches, pickled, pickled_in_a_checkpoint, bare_pickle]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[Net.__module__])


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def program(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; there are files of it
        return request.param(net())


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(4, 3, 9, 9)).astype(np.float32)


def outputs_by_hooks(module, inputs):
    """Outputs of convolutions, normalizations and the last layer, and the logits' gradient at the input."""
    found = {}

    def keep(name, _module, _inputs, output):
        found.setdefault(name, output.detach().clone())

    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            part.register_forward_hook(partial(keep, name))
    image = torch.from_numpy(inputs).requires_grad_()
    module(image)
    logits = module.fc(module.layer1(F.relu(module.stem(image))).mean((2, 3)))
    logits[:, 2].sum().backward()
    return (
        {name: tensor.numpy() for name, tensor in found.items()},
        logits.detach().numpy(),
        image.grad.numpy(),
    )


def test_a_trusted_program_is_looked_into_as_the_module_that_it_was_made_from(program, inputs):
    model = load_model(program, preprocess=PREPROCESS, trust=True)
    wanted, logits, gradient = outputs_by_hooks(net(), inputs)
    np.testing.assert_allclose(model.predict(inputs), logits, atol=1e-5)
    # a sum in place writes over the normalization before it, and only the library keeps what it was
    names = [name for name in wanted if not name.endswith("bn")]
    got = model.activations(inputs, names)
    for name in names:
        np.testing.assert_allclose(got[name], wanted[name], atol=1e-5, err_msg=name)
    kinds = {layer.name: layer.kind for layer in model.layers}
    assert {name: kinds[name] for name in ("stem", "layer1.1.conv", "fc")} == {
        "stem": "Conv2d",
        "layer1.1.conv": "Conv2d",
        "fc": "Linear",
    }
    weights = {layer.name: layer.parameters for layer in model.layers}
    assert (weights["stem"], weights["layer1.0.bn"], weights["fc"]) == (112, 8, 25)
    assert next(layer for layer in model.layers if layer.name == model.hidden_layer).shape == (4,)
    seed = np.eye(5, dtype=np.float32)[[2] * len(inputs)]
    np.testing.assert_allclose(model.vjp(inputs, seed).gradients["@input"], gradient, atol=1e-5)
    assert any("the code in it was run" in note for note in model.notes)


def test_without_trust_nothing_of_it_is_run(program, monkeypatch):
    def run(*arguments, **options):
        raise AssertionError("a program was opened")

    real = torch.load
    for place, name in ((torch.jit, "load"), (torch.export, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(place, name, run)
    monkeypatch.setattr(
        torch, "load", lambda *a, **o: real(*a, **o) if o.get("weights_only") is True else run()
    )
    Path("net.py").write_text("import torch.nn as nn\ndef net():\n    return nn.Linear(2, 2)\n")
    with pytest.raises(ModelError, match=r"code.*state_dict.*--trust"):
        load_model(program, "net.py:net", PREPROCESS)
    with pytest.raises(ModelError, match="code"):
        load_model(program, preprocess=PREPROCESS)
    assert main(["capture", program, "digits", "run", "--architecture", "net.py:net", "--size", "9"]) == 1
    assert not Path("run").exists()


def test_a_worker_that_the_user_started_opens_the_same_and_a_run_cannot_ask_for_it(program):
    model = load_model(program, preprocess=PREPROCESS, trust=True)
    sent = json.loads(json.dumps(model.reference.to_dict()))
    again = reopen_model(ModelReference.from_dict(sent))
    assert (again.fingerprint, again.preprocess) == (model.fingerprint, model.preprocess)
    with pytest.raises(ModelError, match="code"):
        reopen_model(ModelReference.from_dict(model.reference.told()))
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), np.uint8)
    store = nnlens.capture(model, nnlens.load_samples((images, np.arange(6) % 5)), "run")
    assert "trust" not in store.metadata["model"]["reference"]
    assert "trust" not in (Path("run") / "data.zarr" / "zarr.json").read_text()


class Marker:
    def __reduce__(self):
        return (os.mkdir, ("marker",))


@pytest.mark.parametrize(
    "wrap", [lambda trap: trap, lambda trap: {"state_dict": {}, "hyper_parameters": trap}]
)
@pytest.mark.parametrize(
    "save", [torch.save, lambda value, path: Path(path).write_bytes(pickle.dumps(value))]
)
def test_a_pickle_writes_its_marker_only_where_it_is_trusted(wrap, save):
    save(wrap(Marker()), "hostile.pt")
    with pytest.raises(ModelError, match="could run code"):
        load_model("hostile.pt", lambda: nn.Linear(1, 1), PREPROCESS)
    assert not Path("marker").exists()
    with pytest.raises(ModelError):
        load_model("hostile.pt", lambda: nn.Linear(1, 1), PREPROCESS, trust=True)
    assert Path("marker").exists()  # or the test above would show nothing


def test_a_programs_weights_go_into_an_architecture(program, inputs):
    model = load_model(program, net, PREPROCESS, trust=True)
    with torch.no_grad():
        np.testing.assert_allclose(
            model.activations(inputs, ["stem"])["stem"],
            net().stem(torch.from_numpy(inputs)).numpy(),
            atol=1e-5,
        )
    assert model.fingerprint == load_model(net(), preprocess=PREPROCESS).fingerprint


def test_plain_weights_stay_what_they_are_where_they_are_trusted():
    torch.save(net().state_dict(), "weights.pt")
    assert load_model("weights.pt", net, PREPROCESS, trust=True).class_count == 5
    with pytest.raises(ModelError, match="weights alone"):
        load_model("weights.pt", preprocess=PREPROCESS, trust=True)


def test_code_that_is_not_here_is_named():
    Path("pickled.pt").write_bytes(pickle.dumps(net()).replace(b"Block", b"Blick"))
    with pytest.raises(ModelError, match=r"needs code that is not here.*Blick.*PYTHONPATH"):
        load_model("pickled.pt", preprocess=PREPROCESS, trust=True)


@pytest.mark.parametrize("writer", [traced, exported])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_damaged_programs_are_named(writer):
    path = Path(writer(net()))
    data = bytearray(path.read_bytes())
    for start in range(200, len(data) - 3000, 97):
        data[start] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"cannot be opened|damaged"):
        load_model(str(path), preprocess=PREPROCESS, trust=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_needs_to_know_its_images():
    path = traced(net())
    with pytest.raises(ModelError, match="Nothing tells how images become inputs"):
        load_model(path, trust=True)
    with pytest.raises(ModelError, match="does not take inputs of 1×9×9"):
        load_model(path, preprocess=Preprocess(9, order="grey"), trust=True)


class FixedBatch(Net):
    def forward(self, x):
        return self.fc(self.layer1(self.stem(x)).mean((2, 3)).view(1, 4))


def test_a_program_for_one_sample_alone_says_so():
    torch.manual_seed(0)
    path = exported(FixedBatch().eval())
    with pytest.raises(ModelError, match="does not take inputs"):
        load_model(path, preprocess=PREPROCESS, trust=True)


@pytest.mark.slow
def test_the_command_line_takes_trust_wherever_it_takes_a_model(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = traced(net())
    Path("pictures.npz").write_bytes(b"")
    images = np.random.default_rng(0).integers(0, 256, (12, 9, 9, 3), np.uint8)
    np.savez("pictures.npz", images=images, labels=np.arange(12) % 5)
    given = ["--size", "9", "--mean", ".5", "--std", ".25"]
    done = subprocess.run(
        [sys.executable, "-m", "nnlens", "capture", path, "pictures.npz", "run", "--trust", *given],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "the code in it was run" in done.stderr
    assert main(["doctor", path, "pictures.npz", "--trust", *given]) in (0, 4)
    assert main(["doctor", path, "pictures.npz", *given]) == 1
    assert main(["run", "run", "saliency", "--sample", "2", "--model", path, "--trust", "--json"]) == 0
    assert main(["run", "run", "saliency", "--sample", "3", "--model", path]) == 1
    model = load_model(path, preprocess=PREPROCESS, trust=True)
    lens = nnlens.Lens("run", model)
    there = lens.submit("saliency", sample=[5]).result()
    np.testing.assert_allclose(
        there["attribution"].sel(sample=5),
        lens.run("saliency", sample=[5])["attribution"].sel(sample=5),
        atol=1e-6,
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_a_page_that_the_user_opened_with_trust_opens_the_program(monkeypatch, tmp_path):
    """What ``explore`` sends to the capture behind the page, and to the worker of its model."""
    from nnlens.capturing.run import capture_from_references
    from nnlens.ui.serving import beginning
    from nnlens.ui.serving.launch import open_lens

    path = traced(net())
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), np.uint8)
    np.savez("pictures.npz", images=images, labels=np.arange(6) % 5)
    sent = {}
    monkeypatch.setattr(
        beginning, "_start", lambda request, _path: sent.update(json.loads(json.dumps(request)))
    )
    begun = beginning.begin(path, "pictures.npz", tmp_path / "run", preprocess=PREPROCESS, trust=True)
    capture_from_references({**sent, "path": tmp_path / "run"})
    lens = open_lens(begun.path, begun.model, None, begun.preprocess, begun.trust)
    assert lens.model.reference.trust
    assert lens.model.predict(lens.model.prepare(images)).shape == (6, 5)
    distrusted = open_lens(begun.path, begun.model, None, begun.preprocess)
    with pytest.raises(ModelError, match="TorchScript program"):
        distrusted.model.predict(PREPROCESS(images))
    assert open_lens(begun.path).model is None
