"""What relevance propagation says of itself: what is absorbed, and where it does not add up."""

from __future__ import annotations

import numpy as np
import pytest
from nnlens_attribution.lrp import LRP

from nnlens import Preprocess, load_model
from nnlens.errors import AnalysisError

torch = pytest.importorskip("torch", reason="torch is an extra")
nn = torch.nn


class Gate(nn.Module):
    """A convolution whose output is multiplied by another's: relevance would count twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3), nn.Linear(6, 5)

    def forward(self, x):
        return self.head((self.conv(x) * self.gate(x).sigmoid()).mean((2, 3)))


def test_map_and_what_is_absorbed_make_up_the_logit(family, pictures, asking):
    _, _, model, _ = family
    found = LRP().compute(pictures, asking(model))
    logits = model.predict(model.prepare(pictures["image"].values)).max(1)
    kept = np.isin(pictures["sample"], found["sample"])
    total = found["attribution"].sum(("channel", "y", "x")) + found["absorbed"]
    np.testing.assert_allclose(total - found["delta"], logits[kept], rtol=1e-4, atol=1e-4)
    assert (np.abs(found["delta"]) <= 0.05 * np.abs(logits[kept]) + 1e-6).all()


@pytest.mark.parametrize(("rule", "hint"), [("composite", "rule=z-plus"), ("z-plus", "a larger epsilon")])
def test_a_network_that_multiplies_is_refused(pictures, asking, rule, hint):
    torch.manual_seed(0)
    model = load_model(Gate().eval(), preprocess=Preprocess((16, 18), mean=0.4, std=0.3))
    with pytest.raises(AnalysisError, match="not conserved") as caught:
        LRP(rule=rule, tolerance=1e-6).compute(pictures, asking(model))
    assert caught.value.hint.startswith(f"Try {hint}")


def test_the_caption_says_of_how_many_relevance_is_not_conserved(pictures, asking):
    torch.manual_seed(0)
    model = load_model(Gate().eval(), preprocess=Preprocess((16, 18), mean=0.4, std=0.3))
    lost = []
    for sample in range(7):
        try:
            made = LRP(tolerance=1).compute(pictures.isel(sample=[sample]), asking(model))
            score = made["attribution"].sum() + made["absorbed"][0] - made["delta"][0]
            lost.append(abs(float(made["delta"][0] / score)))
        except AnalysisError:
            lost.append(np.inf)
    middle = float(np.median([each for each in lost if np.isfinite(each)]))
    found = LRP(tolerance=middle).compute(pictures, asking(model))
    left_out = sum(each > middle * 1.0001 for each in lost)
    assert f"{left_out} left out" in found.attrs["caption"]
    assert found.attrs["caption"].endswith(f"relevance not conserved in {left_out}")
