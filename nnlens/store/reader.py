"""Open a run: lazy arrays with named dimensions over what is committed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import ArrayLike, NDArray

from nnlens.errors import StoreError
from nnlens.models.base import LayerInfo
from nnlens.schema import INPUT, LOGITS
from nnlens.store.arrays import IDS, IMAGES, RunArrays
from nnlens.store.checking import read_metadata, run_store
from nnlens.store.commit import Commit, read_commit
from nnlens.store.layout import (
    DATA,
    METADATA,
    ArrayLayout,
    StoredLayer,
    check_schema,
    layer_info,
    run_name,
    stored_layer,
)
from nnlens.store.results import Results
from nnlens.store.verify import Report, verify_run

EDGES = {INPUT: IMAGES, LOGITS: "samples/logit"}
"""Where the layers lie that are none of the network's."""
SMALL = ("label", "prediction", "loss")
"""Variables that are read at once; logits, images and texts wait until they are asked for."""


class Store:
    """A run as it was when it was opened: a data set as a network sees it.

    Parameters
    ----------
    path : Path
        The run's folder.
    commit : Commit
        What may be read.

    Attributes
    ----------
    path : Path
    name : str
        The name of the folder, or of the link to it.
    fingerprint : str
        Of model, samples, preprocessing and layers; the same from the first to the last commit.
    committed, total : int
        Samples that can be read, and samples that the run is made for.
    complete : bool
        Whether all are in.
    metadata : mapping
        What went in: model, framework, fingerprints, references, preprocessing; and what came out: accuracy.
    class_names : tuple of str
    layers : tuple of StoredLayer
        In order of execution.
    graph : tuple of LayerInfo
        All layers of the network, also those that were not captured.
    """

    def __init__(self, path: Path, commit: Commit) -> None:
        self.path = path
        self.commit = commit
        self.name = run_name(path)
        self.fingerprint = commit.fingerprint
        self.committed = commit.rows
        self.total = commit.total
        self.complete = commit.complete
        attributes: Mapping[str, Any] = json.loads(read_metadata(path / DATA, METADATA, commit.metadata))[
            "attributes"
        ]
        check_schema(attributes)
        self.metadata: Mapping[str, Any] = MappingProxyType({**attributes, **commit.facts})
        self.class_names: tuple[str, ...] = tuple(attributes["class_names"])
        self.layers: tuple[StoredLayer, ...] = tuple(stored_layer(layer) for layer in attributes["layers"])
        self.graph: tuple[LayerInfo, ...] = tuple(layer_info(layer) for layer in attributes["graph"])
        self._arrays = RunArrays(path, commit)

    def __repr__(self) -> str:
        return (
            f"<Store {self.name!r}: {self.committed:,} of {self.total:,} samples, {len(self.layers)} layers>"
        )

    def refresh(self) -> Store:
        """Look again: return a new Store when more was committed, else this one."""
        commit = read_commit(self.path)
        return self if commit is None or commit == self.commit else Store(self.path, commit)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Ids of the committed samples, dims (sample,): their positions in the data set."""
        return self._arrays.ids

    @cached_property
    def samples(self) -> xr.Dataset:
        """What is known of each sample: label, prediction, loss, logit, split, image, path; the large ones lazily."""
        paths = [path for path in self._arrays.paths if path.startswith("samples/") and path != IDS]
        data = {
            (name := path.rpartition("/")[2]): self._arrays.variable(path, name in SMALL) for path in paths
        }
        return xr.Dataset(data, coords=self._arrays.coords, attrs={"run": self.name})

    def layouts(self) -> list[ArrayLayout]:
        """Return how all arrays of the run are cut and laid out."""
        return [self._arrays[path].layout for path in self._arrays.paths]

    def layer(self, name: str) -> StoredLayer:
        """Find a layer by its name or another name of the same module.

        Raises
        ------
        StoreError
            If the run has no such layer.
        """
        for layer in self.layers:
            if name == layer.name or name in layer.info.aliases:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise StoreError(
            f"The run {self.name!r} has no layer {name!r}.", f"It has: {', '.join([names, *self.edges])}."
        )

    @property
    def has_model(self) -> bool:
        """Whether it was captured from a network, rather than made of embeddings."""
        return "model" in self.metadata

    @property
    def edges(self) -> tuple[str, ...]:
        """The layers that are none of the network's: pixels and logits, as far as the run has them."""
        return tuple(edge for edge, path in EDGES.items() if path in self._arrays.paths)

    def _edge(self, edge: str) -> str:
        """Return the path of pixels or logits.

        Raises
        ------
        StoreError
            If the run has none.
        """
        if edge in self.edges:
            return EDGES[edge]
        word = "images" if edge == INPUT else "logits"
        raise StoreError(
            f"The run {self.name!r} has no {word}: it was made of embeddings, without {word}.",
            "Make it again with images." if edge == INPUT else "Capture the network itself.",
        )

    def activation(self, layer: str) -> xr.DataArray:
        """Return a layer's output, lazily.

        Parameters
        ----------
        layer : str
            The framework's own name; ``"@input"`` is the pixels from 0 to 1, ``"@logits"`` the logits.

        Returns
        -------
        DataArray, dims (sample, unit) or (sample, channel, y, x), float32

        Raises
        ------
        StoreError
            If the run has no such layer or did not keep it in full.
        """
        if layer == INPUT:
            return self._arrays.pixels(self._edge(INPUT))
        if layer == LOGITS:
            return self._arrays.variable(self._edge(LOGITS)).rename(class_="unit").rename("activation")
        return self._arrays.variable(self._kept_path(layer))

    def _kept_path(self, layer: str) -> str:
        found = self.layer(layer)
        if not found.kept:
            raise StoreError(
                f"The run {self.name!r} holds {layer!r} only pooled.",
                f"Give the model to compute it, or capture with keep=[{layer!r}].",
            )
        return f"{found.path}/activation"

    def activations(
        self, ids: ArrayLike, layers: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Read the outputs of layers for a few samples at once: ten layers of one sample in a millisecond or two.

        Parameters
        ----------
        ids : sequence of int
        layers : sequence of str, optional
            Names; all that the run holds in full when left out.

        Returns
        -------
        dict of str to ndarray, dims (sample, unit) or (sample, channel, y, x), float32
            In the order of the ids.

        Raises
        ------
        StoreError
            If an id or a layer is not there, or a layer was not kept in full.
        """
        names = [layer.name for layer in self.layers if layer.kept] if layers is None else layers
        positions = self.positions(ids)
        return {name: self._arrays[self._kept_path(name)].read(positions) for name in names}

    def pooled(self, layer: str) -> xr.DataArray:
        """Return a layer's mean over space, lazily; a flat layer is its own.

        Parameters
        ----------
        layer : str
            The framework's own name.

        Returns
        -------
        DataArray, dims (sample, channel), float32

        Raises
        ------
        StoreError
            If the run has no such layer.
        """
        if layer in (INPUT, LOGITS):
            activation = self.activation(layer)
            flat = activation.rename(unit="channel") if activation.ndim == 2 else activation.mean(("y", "x"))
            return flat.rename("pooled")
        found = self.layer(layer)
        if not found.pooled:
            return self.activation(layer).rename(unit="channel").rename("pooled")
        return self._arrays.variable(f"{found.path}/pooled")

    def images(self, ids: ArrayLike) -> NDArray[np.uint8]:
        """Read images of samples.

        Parameters
        ----------
        ids : sequence of int

        Returns
        -------
        ndarray of uint8, dims (sample, y, x, channel)
            In the order of the ids.

        Raises
        ------
        StoreError
            If an id is not among the committed samples, or the run has no images.
        """
        return self._arrays[self._edge(INPUT)].read(self.positions(ids))

    def positions(self, ids: ArrayLike) -> NDArray[np.intp]:
        """Turn ids into positions in the run, dims (sample,).

        Raises
        ------
        StoreError
            If an id is not among the committed samples.
        """
        wanted = np.atleast_1d(np.asarray(ids, np.int64))
        positions = self._arrays.index.get_indexer(wanted)
        if (positions < 0).any():
            raise StoreError(f"The run {self.name!r} has no sample {int(wanted[positions < 0][0])}.")
        return positions

    @cached_property
    def results(self) -> Results:
        """Results of analyses of this run."""
        return Results(self.path, self.fingerprint)

    def verify(self) -> Report:
        """Decode every committed chunk and every result, and name what is damaged."""
        return verify_run(self.path, self.commit, self.results)

    def zarr(self) -> zarr.Group:
        """Open the run with zarr, for what nnlens does not offer; missing and changed parts raise here too."""
        return zarr.open_group(
            run_store(self.path, self.commit), mode="r", zarr_format=3, use_consolidated=False
        )
