"""A network with channels last in memory is stored so, and read like any other."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens.capturing import capture
from nnlens.capturing.probing import Form, form_of
from nnlens.errors import CaptureError
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model


def channels_last_model():
    model = tiny_model()
    plain = model.activations

    def activations(inputs, layers, pooled=(), exact=True):
        found = plain(inputs, layers, pooled, exact)
        return {
            name: np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
            if values.ndim == 4
            else values
            for name, values in found.items()
        }

    model.activations = activations
    return model


def test_both_orders_give_the_same_run(tmp_path):
    samples = Samples(*tiny_images(100))
    first = capture(tiny_model(), samples, tmp_path / "first", commit_size=32)
    last = capture(channels_last_model(), samples, tmp_path / "last", commit_size=32)
    orders = {layout.path: layout.order for layout in last.layouts()}
    assert orders["layers/L0000/activation"] == (0, 2, 3, 1)
    assert orders["layers/L0002/activation"] is None
    assert all(layout.order is None for layout in first.layouts())
    for layer in ("conv", "relu1", "fc1"):
        np.testing.assert_array_equal(first.activation(layer), last.activation(layer))
    np.testing.assert_allclose(first.pooled("conv"), last.pooled("conv"), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(last.zarr()["layers/L0000/activation"][:], first.activation("conv"))
    assert first.fingerprint == last.fingerprint
    assert last.verify().ok
    some = last.activation("conv")[[70, 3], 1:3, ::2]
    np.testing.assert_array_equal(some, first.activation("conv").values[[70, 3], 1:3, ::2])


@pytest.mark.parametrize("shape", [(8, 6, 5, 7), (8, 300)])
def test_only_what_shrinks_is_compressed(shape):
    dense = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    sparse = np.where(dense > 1, dense, 0)
    assert form_of(dense) == Form(channels_last=False, compressed=False)
    assert form_of(sparse) == Form(channels_last=False, compressed=True)
    if len(shape) == 4:
        turned = np.ascontiguousarray(sparse.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        assert form_of(turned) == Form(channels_last=True, compressed=True)


def test_small_arrays_are_stored_as_they_are(tmp_path):
    store = capture(tiny_model(), Samples(*tiny_images(100)), tmp_path / "run")
    compressed = {layout.path for layout in store.layouts() if layout.compressed}
    assert {"samples/image", "samples/label", "samples/split"} < compressed
    assert not {"layers/L0000/pooled", "layers/L0002/activation", "samples/logit"} & compressed


def test_a_run_is_gone_on_with_in_its_own_order(tmp_path):
    from dataclasses import replace

    from nnlens.store.commit import read_commit, write_commit

    samples = Samples(*tiny_images(100))
    path = tmp_path / "run"
    whole = capture(channels_last_model(), samples, path, commit_size=32).activation("conv").values
    write_commit(path, replace(read_commit(path), rows=32))
    resumed = capture(tiny_model(), samples, path, resume=True)
    np.testing.assert_array_equal(resumed.activation("conv"), whole)
    assert resumed.layouts()[0].order == (0, 2, 3, 1)


def test_a_layer_of_another_shape_than_was_said_is_named(tmp_path):
    from dataclasses import replace

    model = tiny_model()
    conv, *others = model.layers
    model.layers = (replace(conv, shape=(4, 9, 9)), *others)
    with pytest.raises(CaptureError, match="'conv' gives 4×8×8, and the model said 4×9×9"):
        capture(model, Samples(*tiny_images(100)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
