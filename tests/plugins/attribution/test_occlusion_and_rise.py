"""What both explanations without gradients share: any model, stop, cancel, samples whose output is not finite."""

import numpy as np
import pytest
import xarray as xr
from nnlens_attribution.occlusion import Occlusion
from nnlens_attribution.rise import RISE

from nnlens import Preprocess, load_model
from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.testing import TinyModel, tiny_images

METHODS = [Occlusion(patch=0.4), RISE(masks=40, cells=3)]


class Pressed(Context):
    """Somebody presses a button once so much was told."""

    def __init__(self, model, button, after):
        super().__init__(Request("test"), model)
        self.told, self._button, self._after = [], button, after

    def progress(self, done, total, message=""):
        self.told.append((done, total))

    @property
    def stopping(self):
        return self._button == "stop" and len(self.told) >= self._after

    @property
    def cancelled(self):
        return self._button == "cancel" and len(self.told) >= self._after


def tiny_data(samples=3, white=None):
    images = tiny_images(samples)[0]
    if white is not None:
        images[white, 0, 0] = 255  # the tiny network takes this for NaN
    return xr.Dataset(
        {"image": (("sample", "y", "x", "channel"), images)}, {"sample": np.arange(samples) + 4}
    )


@pytest.mark.parametrize("method", METHODS, ids=["occlusion", "rise"])
def test_a_network_of_onnx_which_has_no_gradients_gives_the_map_of_the_same_in_torch(
    method, pictures, asking, tmp_path
):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    from onnx import TensorProto, helper, numpy_helper

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 18, 5)).eval()
    weights = [
        numpy_helper.from_array(p.detach().numpy(), n) for n, p in zip("wb", module.parameters(), strict=True)
    ]
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["logits"], transB=1),
    ]
    sizes = [("x", ("n", 3, 16, 18)), ("logits", ("n", 5))]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in sizes]
    proto = helper.make_model(
        helper.make_graph(nodes, "linear", *ends, weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    proto.ir_version = 8
    (tmp_path / "linear.onnx").write_bytes(proto.SerializeToString())
    used = Preprocess((16, 18), mean=0.4, std=0.3)
    maps = [
        method.compute(pictures, asking(load_model(source, preprocess=used)))["attribution"]
        for source in (tmp_path / "linear.onnx", module)
    ]
    assert np.allclose(*maps, rtol=1e-3, atol=1e-5)
    assert maps[0].values.std() > 0


@pytest.mark.parametrize("method", METHODS, ids=["occlusion", "rise"])
def test_a_stop_keeps_what_is_done_and_a_cancel_nothing(method):
    stopped = Pressed(TinyModel(), "stop", 1)
    result = method.compute(tiny_data(), stopped)
    assert result["sample"].values.tolist() == [4]
    assert np.isfinite(result["attribution"]).all()
    whole = Pressed(TinyModel(), "", 0)
    assert method.compute(tiny_data(), whole).sizes["sample"] == 3
    assert whole.told == sorted(whole.told)
    assert whole.told[-1][0] == whole.told[-1][1]
    with pytest.raises(JobCancelledError):
        method.compute(tiny_data(), Pressed(TinyModel(), "cancel", 1))


@pytest.mark.parametrize("method", METHODS, ids=["occlusion", "rise"])
def test_samples_without_a_finite_output_are_left_out(method, asking):
    data = tiny_data(white=1)
    result = method.compute(data, asking(TinyModel()))
    assert result["sample"].values.tolist() == [4, 6]
    assert "1 left out" in result.attrs["caption"]
    with pytest.raises(AnalysisError, match="not finite"):
        method.compute(data.isel(sample=[1]), asking(TinyModel()))


@pytest.mark.parametrize("method", METHODS, ids=["occlusion", "rise"])
def test_of_a_unit_its_activation_is_watched(method, asking):
    model, data = TinyModel(), tiny_data()
    found = {target: method.compute(data, asking(model, target=target)) for target in ("fc2:1", "conv:2", 1)}
    inputs = model.prepare(data["image"].values)
    assert np.allclose(
        found["conv:2"]["probability"], model.activations(inputs, ["conv"])["conv"][:, 2].max((1, 2))
    )
    if isinstance(method, Occlusion):  # which watches the logit, and the last layer gives that
        assert np.allclose(found["fc2:1"]["attribution"], found[1]["attribution"], atol=1e-5)
