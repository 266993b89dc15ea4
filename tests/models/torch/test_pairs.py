"""Files with ``get_model_and_input(image)``, as they stand."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import nnlens
from nnlens.capturing.candidates import common_candidates
from nnlens.capturing.doctor import diagnose
from nnlens.cli import main
from nnlens.errors import AnalysisError, ModelError
from nnlens.lens.inputs import Inputs
from nnlens.models import ModelReference, Preprocess, load_model, reopen_model

CODE = """
import numpy as np
import torch
from PIL import Image
from torch import nn

def get_model_and_input(image, classes=4):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes))
    model.train()
    width, height = image.size
    image = image.resize((12, 12), Image.BICUBIC).crop((1, 1, 11, 10))
    array = np.asarray(image, np.float32) / 128 - 1
    return model, torch.from_numpy(array.transpose(2, 0, 1)[None] + (width - height) / 100)
"""
GREY = """
import numpy as np, torch
from torch import nn

def get_model_and_input(image):
    torch.manual_seed(0)
    array = np.asarray(image.resize((8, 8)), np.float32)[None] / 255
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), array
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)
    Path("grey.py").write_text(GREY)
    return tmp_path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 20, 31, 3), np.uint8)


def by_hand(code, images, mode="RGB"):
    """Logits that the function's own network makes of its own inputs."""
    names = {}
    exec(code, names)
    found = [names["get_model_and_input"](Image.fromarray(image).convert(mode)) for image in images]
    with torch.no_grad():
        inputs = [torch.as_tensor(each)[None] if each.ndim == 3 else each for _, each in found]
        return torch.cat([model.eval()(each) for (model, _), each in zip(found, inputs, strict=True)]).numpy()


def test_the_file_opens_as_it_stands_and_makes_its_own_inputs(images):
    model = load_model("net.py")
    np.testing.assert_allclose(model.predict(model.prepare(images)), by_hand(CODE, images), atol=1e-5)
    assert model.name == "net"
    assert model.class_count == 4
    assert (model.preprocess.size, model.preprocess.order) == ((9, 10), "RGB")
    assert "own code" in model.preprocess.words
    assert any("decided by the architecture's own code" in note for note in model.notes)


def test_images_of_several_sizes_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, np.uint8) for shape in ((9, 20, 3), (30, 11, 1), (12, 12, 3))]
    model = load_model("net.py")
    rgb = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in images]
    np.testing.assert_allclose(model.predict(model.prepare(images)), by_hand(CODE, rgb), atol=1e-5)


def test_a_network_for_grey_pictures_gets_grey_ones():
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 9, 1), np.uint8)
    model = load_model("grey.py")
    logits = model.predict(model.prepare(images))
    np.testing.assert_allclose(logits, by_hand(GREY, images[..., 0], "L"), atol=1e-5)
    assert model.preprocess.order == "grey"
    assert any("grey pictures" in note for note in model.notes)


def test_it_is_an_architecture_beside_weights(images):
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 4)
    )
    torch.save(net.state_dict(), "weights.pt")
    model = load_model("weights.pt", "net.py")
    inputs = load_model("net.py").prepare(images)
    np.testing.assert_array_equal(model.prepare(images), inputs)
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(inputs), net(torch.from_numpy(inputs)).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("source", "architecture"), [("net.py", None), ("weights.pt", "net.py:get_model_and_input(classes=6)")]
)
def test_another_process_opens_the_same(images, source, architecture):
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 6)
    )
    torch.save(net.state_dict(), "weights.pt")
    model = load_model(source, architecture)
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    assert (again.fingerprint, again.preprocess) == (model.fingerprint, model.preprocess)
    np.testing.assert_array_equal(again.prepare(images), model.prepare(images))


def test_another_code_is_another_preprocessing_and_says_so():
    model = load_model("net.py")
    reference = model.reference
    Path("net.py").write_text(CODE.replace("/ 128", "/ 127"))
    with pytest.raises(ModelError, match=r"net\.py has changed"):
        reopen_model(reference)
    assert load_model("net.py").preprocess != model.preprocess


def test_the_users_own_preprocessing_comes_before_it(images):
    preprocess = Preprocess((9, 10), mean=0.5)
    model = load_model("net.py", preprocess=preprocess)
    np.testing.assert_array_equal(model.prepare(images), preprocess(images))
    assert not any("own code" in note for note in model.notes)


def test_no_one_else_makes_such_inputs(images):
    preprocess = load_model("net.py").preprocess
    assert Preprocess.from_dict(preprocess.to_dict()) == preprocess
    with pytest.raises(ModelError, match="own code, which is not here"):
        preprocess(images)


def broken(body):
    return f"import torch\nfrom torch import nn\ndef get_model_and_input(image):\n    {body}\n"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("x = 1", "no callable 'get_model_and_input'"),
        (broken("return nn.Flatten()"), "returns Flatten, not a network and its input"),
        (broken("return 1, torch.zeros(1, 3, 4, 4)"), "returns int, not a torch.nn.Module"),
        (broken("raise OSError('no weights.pth')"), r"fails with OSError: no weights\.pth"),
        (broken("raise SystemExit(2)"), "fails with SystemExit"),
        (broken("return nn.Flatten(), torch.zeros(7)"), r"input of the shape \(7,\)"),
        (broken("return nn.Flatten(), torch.zeros(2, 3, 4, 4)"), r"input of the shape \(2, 3, 4, 4\)"),
        (broken("return nn.Linear(9, 2), torch.zeros(1, 3, 4, 4)"), "does not take the input"),
        (broken("return nn.Flatten(), torch.zeros(1, 4, 4, 4)"), "inputs of 4 channels"),
    ],
)
def test_what_is_wrong_with_it_is_said(code, what):
    Path("net.py").write_text(code)
    with pytest.raises(ModelError, match=what) as caught:
        load_model("net.py")
    assert caught.value.hint


def test_inputs_of_another_shape_are_named(images):
    Path("net.py").write_text(
        "import numpy as np\nfrom torch import nn\ndef get_model_and_input(image):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), np.asarray(image, float).transpose(2, 0, 1)\n"
    )
    model = load_model("net.py")
    with pytest.raises(ModelError, match=r"inputs of the shapes \(3, 256, 256\) and \(3, 20, 31\)"):
        model.prepare(images)


def test_what_takes_long_is_said(monkeypatch):
    monkeypatch.setattr("nnlens.models.torch.pairs.SLOW", 0)
    assert any("anew for each image" in note for note in load_model("net.py").notes)


def test_code_and_an_architecture_are_one_too_many():
    with pytest.raises(ModelError, match="an architecture is given as well"):
        load_model("net.py", "net.py")


def test_keras_says_that_it_is_for_torch():
    import keras

    keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten()]).save_weights("net.weights.h5")
    with pytest.raises(ModelError, match="only give networks of torch"):
        load_model("net.weights.h5", "net.py")


def test_doctor_has_nothing_to_try(images):
    samples = nnlens.load_samples((images, np.arange(5) % 4))
    with pytest.raises(ModelError, match="own code of net: there is nothing to try"):
        diagnose(load_model("net.py"), samples)


def test_others_can_be_tried_instead_of_it(images):
    candidates = common_candidates(load_model("net.py").preprocess)
    assert len(candidates) > 3
    assert {candidate.preprocess(images).shape for candidate in candidates} == {(5, 3, 9, 10)}


@pytest.fixture
def pictures(images):
    for number, image in enumerate(images):
        place = Path("pictures") / f"class{number % 4}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    return "pictures"


@pytest.mark.slow
def test_it_is_captured_from_the_command_line_and_explained_by_a_worker(pictures, folder):
    done = subprocess.run(
        [sys.executable, "-m", "nnlens", "capture", "net.py", pictures, "run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "decided by the architecture's own code" in done.stderr
    store = nnlens.open_store("run")
    wanted = by_hand(
        CODE, [np.asarray(Image.open(Path(pictures) / path)) for path in store.samples["path"].values]
    )
    np.testing.assert_allclose(store.samples["logit"].values, wanted, atol=1e-4)
    assert main(["run", "run", "saliency", "--sample", "2", "--model", "net.py", "--json"]) == 0
    lens = nnlens.Lens("run", load_model("net.py"))
    here = lens.run("saliency", sample=[2])
    there = lens.submit("saliency", sample=[3]).result()
    assert set(here) == set(there)
    np.testing.assert_array_equal(
        there["attribution"].sel(sample=3), lens.run("saliency", sample=[3])["attribution"].sel(sample=3)
    )


def test_large_images_are_given_to_the_code_as_they_are(images, folder, monkeypatch):
    """What a run holds of them are thumbnails."""
    model = load_model("net.py")
    samples = nnlens.load_samples((images, np.arange(5) % 4))
    store = nnlens.capture(model, samples, folder / "run")
    monkeypatch.setattr(Inputs, "thumbnails", True)
    inputs = Inputs(store, model, samples)
    assert inputs.shape == (20, 31, 3)
    np.testing.assert_array_equal(inputs.read(store.ids[[3, 1]]), images[[3, 1]])


def test_large_images_of_several_sizes_cannot_be_given_again(folder):
    model = load_model("net.py")
    for number, shape in enumerate([(20, 31, 3), (31, 20, 3)]):
        Path("mixed/a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(shape, 9, np.uint8)).save(f"mixed/a/{number}.png")
    samples = nnlens.load_samples("mixed")
    store = nnlens.capture(model, samples, folder / "run")
    with pytest.raises(AnalysisError, match="differ in size, and the architecture's own code"):
        _ = Inputs(store, model, samples).shape
