"""Torch networks on which attributions went wrong in some library, and what the tests ask of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
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
    """Functional ReLUs, one ReLU module called twice, batch normalization, a shortcut."""

    functional = F

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.norm(self.first(x)))
        x = self.relu(x + self.inner(self.functional.relu(x)))
        return self.head(x.mean((2, 3)))


class Mobile(nn.Module):
    """MobileNetV2's inverted residual: ReLU6 in place, a depthwise convolution, normalizations, a linear end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6(inplace=True)
        )
        self.block = nn.Sequential(
            *(nn.Conv2d(6, 18, 1, bias=False), nn.BatchNorm2d(18), nn.ReLU6(inplace=True)),
            *(nn.Conv2d(18, 18, 3, 1, 1, groups=18, bias=False), nn.BatchNorm2d(18), nn.ReLU6(inplace=True)),
            *(nn.Conv2d(18, 6, 1, bias=False), nn.BatchNorm2d(6)),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(3 * x)
        return self.head(self.pool(x + self.block(x)).flatten(1))


class Inception(nn.Module):
    """GoogLeNet's module: functional ReLUs, branches that are joined, overlapping pooling with a rounded-up border."""

    functional = F

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, bias=False)
        self.stem_norm = nn.BatchNorm2d(6)
        self.one = nn.Conv2d(6, 4, 1)
        self.three = nn.Conv2d(6, 4, 3, padding=1)
        self.end = nn.Conv2d(14, 6, 3, dilation=2)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        relu = self.functional.relu
        x = F.max_pool2d(relu(self.stem_norm(self.stem(x)), inplace=True), 3, 2, ceil_mode=True)
        x = torch.cat([relu(self.one(x)), relu(self.three(x)), F.max_pool2d(x, 3, 1, 1)], 1)
        x = self.functional.leaky_relu(self.end(x), 0.1)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


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


# the name of a layer for class activation maps
NETWORKS = {
    "plain": (plain, "3"),
    "residual": (Residual, "inner"),
    "in place": (in_place, "2"),
    "MobileNetV2-like": (Mobile, "block.5"),
    "GoogLeNet-like": (Inception, "one"),
}


def made(name: str) -> tuple[Any, Any, str]:
    """Return a torch module with random weights, the nnlens model over it, and a spatial layer."""
    make, layer = NETWORKS[name]
    torch.manual_seed(0)
    module = make().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module, load_model(module, preprocess=Preprocess((16, 18), mean=0.4, std=0.3)), layer


@pytest.fixture(params=["plain", "residual", "in place"])
def network(request: pytest.FixtureRequest) -> tuple[Any, Any, str]:
    """Some of the networks."""
    return made(request.param)


@pytest.fixture(params=NETWORKS)
def family(request: pytest.FixtureRequest) -> tuple[str, Any, Any, str]:
    """Every network, after its name."""
    return request.param, *made(request.param)


@pytest.fixture
def network_named() -> Any:
    """Make a network by its name."""
    return made


@pytest.fixture
def agree() -> Any:
    """Assert that a map is the oracle's, and note by how much it is not: `docs/write_agreement.py` asks for it."""

    def check(
        method: str, network: str, oracle: str, found: Any, expected: Any, tolerance: float = 1e-3
    ) -> None:
        found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        assert found.shape == expected.shape
        scale = float(np.abs(expected).max())
        assert scale > 0, "two maps of nothing agree without a meaning"
        largest = float(np.abs(found - expected).max()) / scale
        page = os.environ.get("NNLENS_AGREEMENT")
        if page:
            with Path(page).open("a") as file:
                row = {"method": method, "network": network, "oracle": oracle, "difference": largest}
                file.write(json.dumps(row) + "\n")
        assert largest <= tolerance

    return check


@pytest.fixture
def pictures() -> xr.Dataset:
    """Seven color images of odd size, with ids."""
    images = np.random.default_rng(0).integers(0, 256, (7, 21, 17, 3), dtype=np.uint8)
    return xr.Dataset(
        {"image": (("sample", "y", "x", "channel"), images)}, coords={"sample": np.arange(7) * 11}
    )


@pytest.fixture
def asking() -> Any:
    """Make the context of a request: model, layer, target, channel."""

    def ask(
        model: Any, layer: str | None = None, target: int | str | None = None, channel: int | None = None
    ) -> Context:
        return Context(Request("test", layer=layer, target=target, channel=channel), model)

    return ask
