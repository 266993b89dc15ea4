"""nnlens: see a whole data set the way a trained image classifier sees it.

The grammar of the library, in the order in which data flows::

    model + samples ── capture ──▶ store ── analysis ──▶ result ── view ──▶ what you see
                                                                    ▲
                                              selection ────────────┘ links the views

A *model* is a trained network with named *layers* (`load_model`); *samples* are a data set whose every image has a
stable id (`load_samples`); a `Preprocess` says how images become inputs. `capture` runs the samples through the
model once and fills a *store*: a folder with labels, predictions, losses and activations, opened lazily as xarray
(`open_store`); `capture_embeddings` fills one with vectors that were made elsewhere, without a model. An `Analysis`
turns what the store holds into a *result*, a Dataset whose variables and dimensions have agreed names, kept under its
key and shared. A `View` shows results that have the variables it names; a `Page` is a tab of its own. A `Selection`
holds sample ids, never data, and links the views. A `Lens` joins all of it: scripts and the page use the same one::

    import nnlens

    preprocess = nnlens.Preprocess(28, order="grey")
    model = nnlens.load_model("lenet.pth", architecture="lenet.py:LeNet", preprocess=preprocess)
    nnlens.capture(model, nnlens.load_samples("fashion-mnist"), "run")
    lens = nnlens.Lens("run", model=model)
    lens.run("tsne", layer="fc1", perplexity=30)    # an xarray.Dataset with the variable `projection`
    lens.explore()                                  # the same, in the browser

Analyses and views come from pip packages by entry points (``nnlens plugins`` lists them), from single files and from
`register`. Everything raised on purpose is an `nnlens.errors.NNLensError`.

Importing this module brings in no framework and no interface: each name below is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnlens.analysis import Analysis, Context, Need, Request
    from nnlens.capturing import capture, capture_embeddings
    from nnlens.lens import Lens
    from nnlens.models import load_model, with_weights
    from nnlens.models.preprocess import Preprocess
    from nnlens.registry import register
    from nnlens.samples import load_samples
    from nnlens.state import Selection
    from nnlens.store import open_store
    from nnlens.view import Page, View

__all__ = [
    "Analysis",
    "Context",
    "Lens",
    "Need",
    "Page",
    "Preprocess",
    "Request",
    "Selection",
    "View",
    "capture",
    "capture_embeddings",
    "load_model",
    "load_samples",
    "open_store",
    "register",
    "with_weights",
]

_HOMES = {
    "Analysis": "analysis",
    "Context": "analysis",
    "Lens": "lens",
    "Need": "analysis",
    "Page": "view",
    "Preprocess": "models.preprocess",
    "Request": "analysis",
    "Selection": "state",
    "View": "view",
    "capture": "capturing",
    "capture_embeddings": "capturing",
    "load_model": "models",
    "load_samples": "samples",
    "open_store": "store",
    "register": "registry",
    "with_weights": "models",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``import nnlens`` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nnlens' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"nnlens.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
