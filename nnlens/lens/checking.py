"""Whether a model is that of a run."""

from __future__ import annotations

from nnlens.errors import ModelError
from nnlens.lens.plan import model_facts, model_words
from nnlens.models.base import Model
from nnlens.models.preprocess import Preprocess
from nnlens.store import Store


def check_model(store: Store, model: Model | object) -> Model:
    """Return the model of a run, opening a live one with the run's own preprocessing.

    Raises
    ------
    ModelError
        If its weights or its preprocessing are not those that the run was captured with.
    """
    check_has_model(store)
    if not isinstance(model, Model):
        from nnlens.models import load_model

        preprocess = store.metadata.get("preprocess")
        model = load_model(model, preprocess=Preprocess.from_dict(preprocess) if preprocess else None)
    facts = model_facts(store)
    if facts.get("fingerprint") not in (None, model.fingerprint):
        raise ModelError(
            f"The run {store.name!r} was captured with other weights than those of {model.name}.",
            f"Give its own model, {model_words(store)}, or capture again.",
        )
    expected = store.metadata.get("preprocess")
    if expected and Preprocess.from_dict(expected) != model.preprocess:
        raise ModelError(
            f"The run {store.name!r} was captured with another preprocessing than {model.name} is given with.",
            f"Open the model with preprocess={Preprocess.from_dict(expected)}.",
        )
    return model


def check_has_model(store: Store) -> None:
    """Refuse a model for a run that was made without one.

    Raises
    ------
    ModelError
        If it was.
    """
    if not store.has_model:
        raise ModelError(
            f"The run {store.name!r} was made of embeddings and has no model.", "Open it without one."
        )
