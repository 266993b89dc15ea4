"""Which layer a request is about where it names none, and whether it is about one at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nnlens.analysis import LAYER_VARIABLES, Analysis, Need
from nnlens.lens.plan import model_facts
from nnlens.lens.requesting import find_analysis
from nnlens.registry import Registry

if TYPE_CHECKING:
    from nnlens.store import Store


class LayerChoice:
    """Finds out who works on a layer, and on which.

    Parameters
    ----------
    store : Store
    registry : Registry
    """

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def user(
        self,
        cls: type[Analysis],
        above: tuple[str, ...] = (),
        have: frozenset[str] = frozenset(),
        needs: Mapping[str, Need] | None = None,
    ) -> type[Analysis] | None:
        """Return the analysis for which a request must name a layer: itself, one that is run first, or None.

        Parameters
        ----------
        cls : type of Analysis
        above : tuple of str
            Analyses that wait for this one, and so cannot be run first.
        have : frozenset of str
            Variables that are there.
        needs : mapping, optional
            What `Analysis.needs` says with the parameters of the request; with the defaults when left out.
        """
        missing = set(cls.requires) - have
        if cls.needs_layer or missing & LAYER_VARIABLES:
            return cls
        needs = cls().needs() if needs is None else needs
        columns = {str(name) for name in self._store.samples.data_vars} - set(needs)
        users = (self._of_provider(name, cls, above, needs.get(name, Need())) for name in missing - columns)
        return next((user for user in users if user is not None), None)

    def _of_provider(
        self, variable: str, cls: type[Analysis], above: tuple[str, ...], need: Need
    ) -> type[Analysis] | None:
        if need.analysis:
            names = [find_analysis(self._registry, need.analysis)[0]]
        else:
            names = [info.id for info in self._registry.providers(variable, cls.requires[variable])]
        first = next((name for name in names if name not in above), None)
        return self.user(self._registry.load_analysis(first), (*above, first)) if first else None

    def default(self, cls: type[Analysis]) -> str | None:
        """Return the hidden vector; for what looks into a layer by itself the last one with height and width.

        One of a single place tells nothing of where: it is taken only where there is no other.
        """
        layers = [info for info in self._store.graph if info.spatial and info.capturable]
        spatial = [info.name for info in layers if math.prod(info.shape[1:]) > 1] or [i.name for i in layers]
        looks = cls.needs_layer and not LAYER_VARIABLES & set(cls.requires)
        if spatial and (looks or len(cls.requires.get("activation", ())) == 4):
            return spatial[-1]
        hidden = model_facts(self._store).get("hidden_layer")
        if not hidden and len(self._store.layers) == 1:
            return self._store.layers[0].name
        return str(hidden) if hidden else None
