"""The key: the same for the same numbers, another for anything that could change them."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import param
import pytest

import nnlens
from nnlens.testing import tiny_model, tiny_store


def key(lens, *args, **kwargs):
    return lens.key(lens.request(*args, **kwargs))


def test_the_key_is_the_hash_that_the_design_says(lens):
    """Built again, slowly, from the words of the design."""
    found = key(lens, "map", layer="fc1", perplexity=4, sample=[9, 2], seed=3)

    def hashed(analysis, parameters, samples, seed, using):
        content = {
            "analysis": f"local:{analysis}",
            "channel": None,
            "layer": "fc1",
            "parameters": parameters,
            "rows": 60,
            "sample": hashlib.sha256(np.array(samples, "<i8").tobytes()).hexdigest(),
            "seed": seed,
            "store": lens.store.fingerprint,
            "target": None,
            "using": using,
            "version": lens.registry.code_version(analysis),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    neighbors = hashed("neighbors", {"k": 12}, [2, 9], 0, {})
    using = {"neighbor": neighbors, "distance": neighbors}
    assert found == hashed("map", {"perplexity": 4.0, "rounds": 3}, [2, 9], 3, using)


def test_ways_to_say_the_same_give_one_key(lens):
    plain = key(lens, "map", layer="fc1")
    assert key(lens, "local:map", layer="fc1", perplexity=2) == plain
    assert key(lens, "map", layer="fc1", perplexity=2.0, rounds="3", seed=0, sample=lens.store.ids) == plain
    assert key(lens, "worth", sample=[1, 2]) == key(lens, "worth", sample=(2, 1, 2))


def test_whatever_changes_the_numbers_changes_the_key(lens):
    asked = [
        ("map", {"layer": "fc1"}),
        ("map", {"layer": "relu2"}),
        ("map", {"layer": "conv"}),
        ("map", {"layer": "fc1", "perplexity": 3}),
        ("map", {"layer": "fc1", "seed": 1}),
        ("map", {"layer": "fc1", "seed": None}),
        ("map", {"layer": "fc1", "sample": [1, 2, 3]}),
        ("map", {"layer": "fc1", "sample": [1, 2, 4]}),
        ("neighbors", {"layer": "fc1"}),
        ("strongest", {"layer": "conv", "channel": 0}),
        ("strongest", {"layer": "conv", "channel": 1}),
        ("gradient", {"sample": [0]}),
        ("gradient", {"sample": [0], "target": 0}),
    ]
    keys = [key(lens, name, **arguments) for name, arguments in asked]
    assert len(set(keys)) == len(asked)


def test_what_was_used_is_part_of_the_key(lens):
    one, other = lens.run("map", layer="fc1"), lens.run("map", layer="fc1", perplexity=3)
    keys = {key(lens, "quality", layer="fc1", using=result) for result in (one, other)}
    assert len(keys) == 2
    assert key(lens, "quality", layer="fc1", using="map") == key(lens, "quality", layer="fc1", using=one)


def test_the_mean_over_space_and_a_reduction_have_two_keys(tmp_path, registry):
    store = tiny_store(tmp_path / "poor", keep=[])
    pooled = nnlens.Lens(store, registry=registry)
    reduced = nnlens.Lens(store, tiny_model(), registry=registry)
    assert key(pooled, "neighbors", layer="conv") != key(reduced, "neighbors", layer="conv")


def test_another_run_has_another_key_and_the_same_run_elsewhere_the_same(lens, registry, tmp_path):
    assert key(nnlens.Lens(tiny_store(tmp_path / "copy"), registry=registry), "worth") == key(lens, "worth")
    assert key(nnlens.Lens(tiny_store(tmp_path / "more", 61), registry=registry), "worth") != key(
        lens, "worth"
    )


def test_a_run_that_is_still_growing_has_another_key(lens, registry):
    from dataclasses import replace

    from nnlens.store import Store

    half = nnlens.Lens(Store(lens.store.path, replace(lens.store.commit, rows=30)), registry=registry)
    assert key(half, "worth") != key(lens, "worth")


def test_the_version_of_the_code_is_part_of_the_key(lens, registry, monkeypatch):
    before = key(lens, "worth")
    monkeypatch.setattr(type(registry), "code_version", lambda self, name: "other")
    assert key(lens, "worth") != before


def test_the_name_that_param_gives_an_instance_is_not(lens, registry):
    class Named(nnlens.Analysis):
        """Have a value."""

        provides = {"x": ("sample",)}
        value = param.Number(1, doc="A value.")

        def compute(self, data, context):
            return data

    registry.register(Named)
    assert "name" not in lens.request("named").parameters
    assert Named().name != Named().name
    assert key(lens, "named") == key(lens, "named")


@pytest.mark.parametrize("names", [("layer", "sample"), ("seed", "using")])
def test_a_key_does_not_depend_on_the_order_of_words(lens, names):
    arguments = {"layer": "fc1", "sample": [1, 2], "seed": 4, "using": (), "perplexity": 3}
    backwards = dict(reversed(arguments.items()))
    assert key(lens, "map", **arguments) == key(lens, "map", **backwards)
