"""One network with one set of weights in both frameworks: every method gives the same maps."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens import Preprocess, load_model, registry

torch = pytest.importorskip("torch", reason="torch is an extra")
keras = pytest.importorskip("keras", reason="Keras is an extra")
nn = torch.nn
F = torch.nn.functional

SIDE = (16, 18)
METHODS = {
    **{name: {} for name in ("saliency", "gradient-x-input", "guided-backprop", "deconv")},
    **{name: {} for name in ("gradcam", "gradcam-plus-plus", "hirescam", "guided-gradcam", "occlusion")},
    "smoothgrad": {"count": 5},
    "integrated-gradients": {"steps": 10},
    "rise": {"masks": 40},
    **{f"lrp {rule}": {"rule": rule} for rule in ("composite", "epsilon", "gamma")},
}


class Twin(nn.Module):
    """Normalizations, ReLU6, a depthwise convolution, a shortcut, overlapping pooling, a leaky rectifier."""

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6)
        self.deep, self.deep_norm = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), nn.BatchNorm2d(6)
        self.maps, self.head = nn.Conv2d(6, 8, 1), nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu6(self.stem_norm(self.stem(x)))
        x = F.relu(x + self.deep_norm(self.deep(x)))
        x = F.leaky_relu(self.maps(F.max_pool2d(x, 3, 2)), 0.1)
        return self.head(x.mean((2, 3)))


def keras_twin(module):
    layers = keras.layers
    image = keras.Input((*SIDE, 3))
    x = layers.Conv2D(6, 3, use_bias=False, name="stem")(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization(epsilon=1e-5, name="stem_norm")(x))
    deep = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="deep")(x)
    x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization(epsilon=1e-5, name="deep_norm")(deep)]))
    x = layers.LeakyReLU(0.1)(layers.Conv2D(8, 1, name="maps")(layers.MaxPooling2D(3, 2)(x)))
    network = keras.Model(image, layers.Dense(5, name="head")(layers.GlobalAveragePooling2D()(x)))
    weights = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    for name in ("stem", "maps"):
        bias = [weights[f"{name}.bias"]] if f"{name}.bias" in weights else []
        network.get_layer(name).set_weights([weights[f"{name}.weight"].transpose(2, 3, 1, 0), *bias])
    network.get_layer("deep").set_weights([weights["deep.weight"].transpose(2, 3, 0, 1)])
    network.get_layer("head").set_weights([weights["head.weight"].T, weights["head.bias"]])
    for name in ("stem_norm", "deep_norm"):
        parts = ("weight", "bias", "running_mean", "running_var")
        network.get_layer(name).set_weights([weights[f"{name}.{part}"] for part in parts])
    return network


@pytest.fixture(scope="module")
def twins():
    torch.manual_seed(3)
    module = Twin().eval()
    for norm in (module.stem_norm, module.deep_norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    preprocess = Preprocess(SIDE, mean=0.4, std=0.3)
    return [load_model(each, preprocess=preprocess) for each in (module, keras_twin(module))]


@pytest.mark.parametrize("name", METHODS)
def test_both_frameworks_give_the_same_maps(twins, pictures, asking, agree, name):
    analysis = registry.load(name.partition(" ")[0])(**METHODS[name])
    one, other = (analysis.compute(pictures, asking(model, "maps", channel=None)) for model in twins)
    agree(name, "Twin", "Keras twin", one["attribution"], other["attribution"])
    assert one["target"].values.tolist() == other["target"].values.tolist()
    np.testing.assert_allclose(one["probability"], other["probability"], rtol=1e-3)
    assert one.attrs["caption"] == other.attrs["caption"]
