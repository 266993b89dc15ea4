"""What rows share: a small network of torch in a file, small data, and the ways in which a program and a person go."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nnlens
from bad_rows.row import Case, Texts

Check = Callable[[Any], None]
LIMIT = 12
"""Samples; so few that nothing is said of accuracy."""
NET = """
import torch
import torch.nn.functional as F
from torch import nn
from nnlens import Preprocess

preprocess = Preprocess(8, order="grey")

def net(classes=10):
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, classes))

def head():
    return net(7)

def half():
    return net().bfloat16()
"""


def network() -> Any:
    """Write net.py and return what its `net` builds."""
    import torch
    from torch import nn

    Path("net.py").write_text(NET)
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))


def saved(name: str = "weights.pth", change: Callable[[dict[str, Any]], Any] = dict, **how: Any) -> bytes:
    """Save the weights of the small network, changed, and return the file's bytes."""
    import torch

    torch.save(change(network().state_dict()), name, **how)
    return Path(name).read_bytes()


def opened(source: str = "weights.pth", architecture: str | None = "net.py:net", **more: Any) -> Case:
    """Open a model that cannot be opened."""
    words = ["capture", source, "digits", "run"]
    if architecture is not None:
        words += ["--architecture", architecture]
    return Case(lambda: nnlens.load_model(source, architecture).notes and None, tuple(words), **more)


def captured(
    source: str = "weights.pth",
    architecture: str | None = "net.py:net",
    check: Check = lambda store: None,
    samples: str = "digits",
    options: tuple[str, ...] = (),
    **more: Any,
) -> Case:
    """Capture a few samples; `check` gets the store."""

    def program() -> Texts:
        model = nnlens.load_model(source, architecture)
        nnlens.capture(model, nnlens.load_samples(samples, limit=LIMIT), "run", keep="all")
        return list(model.notes)

    words = ("capture", source, samples, "run", "--keep", "all", "--limit", str(LIMIT), *options)
    if architecture is not None:
        words += ("--architecture", architecture)
    return Case(program, words, lambda: check(nnlens.open_store("run")), **more)


def refused(samples: str) -> Case:
    """Open data that cannot be opened."""

    def program() -> None:
        nnlens.load_samples(samples)

    return Case(program, ("capture", "zoo:digits", samples, "run"))


def labelled(name: str, labels: np.ndarray, **more: Any) -> None:
    """Save pictures with labels as .npz."""
    np.savez(name, images=pictures(len(labels)), labels=labels, **more)


def analysis(name: str, run: str = "run", check: Check = lambda result: None, **more: Any) -> Case:
    """Compute an analysis of a run that is there already; `check` gets the result."""

    def program() -> Texts:
        result = nnlens.Lens(run).run(name, **more)
        check(result)
        return [f"{result.attrs['title']}\n{result.attrs['caption']}"]

    flags = [part for key, value in more.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    return Case(program, ("run", run, name, *flags))


def rewrite(name: str, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the members of a zip file."""
    with zipfile.ZipFile(name) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    change(members)
    with zipfile.ZipFile(name, "w") as archive:
        for each, data in members.items():
            archive.writestr(each, data)


def pictures(count: int = LIMIT, side: int = 8) -> np.ndarray:
    """Return grey images, dims (sample, y, x)."""
    return np.random.default_rng(0).integers(0, 255, (count, side, side)).astype(np.uint8)
