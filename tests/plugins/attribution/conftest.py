"""Torch networks on which attributions went wrong in some library, and what the tests ask of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from nnlens import Preprocess, load_model
from nnlens.analysis import Context, Request

torch = pytest.importorskip("torch", reason="torch is an extra")
nn = torch.nn
F = torch.nn.functional


class Residual(nn.Module):
    """Functional ReLUs, one ReLU module called twice, batch normalisation, a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.norm(self.first(x)))
        x = self.relu(x + self.inner(F.relu(x)))
        return self.head(x.mean((2, 3)))


def plain() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3), nn.ReLU(), nn.Flatten()),
        nn.Linear(9 * 4 * 5, 5),
    )


def in_place() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, stride=2), nn.ReLU6(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(
            nn.Conv2d(6, 6, 3, groups=6, dilation=2, padding=2),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        ),
        *(nn.Flatten(), nn.Linear(6, 5)),
    )


# the name of a layer for Grad-CAM, and the module that Captum has to look at
NETWORKS = {
    "plain": (plain, "3", "3"),
    "residual": (Residual, "inner", "inner"),
    "in place": (in_place, "3", "3"),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[Any, Any, str]:
    """A torch module with random weights, the nnlens model over it, and a spatial layer."""
    make, layer, _ = NETWORKS[request.param]
    torch.manual_seed(0)
    module = make().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module, load_model(module, preprocess=Preprocess((16, 18), mean=0.4, std=0.3)), layer


@pytest.fixture
def pictures() -> xr.Dataset:
    """Seven color images of odd size, with ids."""
    images = np.random.default_rng(0).integers(0, 256, (7, 21, 17, 3), dtype=np.uint8)
    return xr.Dataset(
        {"image": (("sample", "y", "x", "channel"), images)}, coords={"sample": np.arange(7) * 11}
    )


@pytest.fixture
def asking() -> Any:
    """Make the context of a request: model, layer, target."""

    def ask(model: Any, layer: str | None = None, target: int | None = None) -> Context:
        return Context(Request("test", layer=layer, target=target), model)

    return ask
