"""The tiny network's gradients are right, and tiny runs are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens.errors import ModelError
from nnlens.models import Model
from nnlens.testing import tiny_images, tiny_model, tiny_store, wait_until


@pytest.mark.parametrize("layer", ["@input", "conv", "relu1", "fc1", "relu2"])
def test_gradients_equal_finite_differences(layer):
    model = tiny_model()
    inputs = model.prepare(tiny_images(2)[0])
    seed = np.eye(3, dtype=np.float32)[[0, 2]]
    found = model.vjp(inputs, lambda logits, kept: seed, wrt=[layer]).gradients[layer]
    names = ["@input", *model._steps]

    def score(values):
        x = values
        for name in names[names.index(layer) + 1 :]:
            x = model._steps[name].forward(x)
        return (x * seed).sum()

    values = model.activations(inputs, [layer])[layer]
    rng = np.random.default_rng(0)
    for _ in range(20):
        place = tuple(int(rng.integers(size)) for size in values.shape)
        up, down = values.copy(), values.copy()
        up[place] += 1e-3
        down[place] -= 1e-3
        assert found[place] == pytest.approx((score(up) - score(down)) / 2e-3, abs=2e-2)


def test_it_speaks_the_protocol_and_refuses_what_is_not_there():
    model = tiny_model()
    assert isinstance(model, Model)
    inputs = model.prepare(tiny_images(3)[0])
    np.testing.assert_array_equal(model.activations(inputs, ["@logits"])["@logits"], model.predict(inputs))
    kept = model.vjp(inputs, np.ones((3, 12), np.float32), at="fc1", wrt=["@input"], keep=["conv"])
    assert kept.activations["conv"].shape == (3, 4, 8, 8)
    with pytest.raises(ModelError, match="no layer"):
        model.activations(inputs, ["conv9"])
    with pytest.raises(ModelError, match="no backward rule"):
        model.vjp(inputs, np.ones((3, 3), np.float32), rule="guided")


def test_a_tiny_run_is_better_than_guessing_and_the_same_each_time(tmp_path):
    one, other = tiny_store(tmp_path / "one"), tiny_store(tmp_path / "other")
    assert one.metadata["accuracy"] > 0.9
    assert one.fingerprint == other.fingerprint
    assert one.metadata["model"]["fingerprint"] == tiny_model().fingerprint


def test_hard_runs(tmp_path):
    constant = tiny_store(tmp_path / "constant", constant=True).activation("conv").values
    assert (constant == constant[0]).all()
    invalid = tiny_store(tmp_path / "invalid", invalid=4)
    assert np.isnan(invalid.activation("fc1").values[:4]).any(axis=1).all()
    assert np.isfinite(invalid.activation("fc1").values[4:]).all()
    assert list(invalid.samples["prediction"].values[:4]) == [-1] * 4


def test_waiting_ends_with_what_is_waited_for():
    answers = iter([0, "", [3]])
    assert wait_until(lambda: next(answers)) == [3]
    with pytest.raises(AssertionError, match="the moon"):
        wait_until(lambda: False, timeout=0.02, what="the moon")


def test_the_isolated_registry_is_the_process_own_until_the_test_ends(isolated_registry):
    import nnlens
    from nnlens import registry

    assert registry.current() is isolated_registry
    assert registry.list_plugins() == []

    @nnlens.register
    class Fresh(nnlens.Analysis):
        """Do nothing."""

        provides = {"x": ()}

        def compute(self, data, context):
            return data

    assert [info.name for info in registry.list_plugins()] == ["fresh"]
