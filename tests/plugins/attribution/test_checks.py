"""Checks of explanations, of methods of ours and of a stranger's, against naive versions and what must come out."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nnlens_attribution.checks.curves import area, curve, ranking, shares
from nnlens_attribution.checks.similarity import similarity

from nnlens import Analysis, Lens
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.jobs.reporting import Report
from nnlens.registry import Registry
from nnlens.testing import tiny_model, tiny_store

stats = pytest.importorskip("scipy.stats", reason="scipy is a test dependency")

CHECKS = ("sanity-check", "deletion-insertion", "noise-sensitivity")
CHOSEN = [3, 7, 8, 22]


class Edges(Analysis):
    """Find edges, whatever the network: the map of a stranger who never asks it."""

    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = {"attribution": ("sample", "channel", "y", "x")}

    def compute(self, data, context):
        picture = data["image"].values.astype(np.float32).transpose(0, 3, 1, 2)
        steps = np.abs(np.diff(picture, axis=3, append=0))
        return xr.Dataset(
            {"attribution": (("sample", "channel", "y", "x"), steps)}, {"sample": data["sample"]}
        )


class Gradient(Analysis):
    """Take the gradient, as a stranger would."""

    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = {"attribution": ("sample", "y", "x")}
    needs_model = True

    def compute(self, data, context):
        inputs, target = context.model.prepare(data["image"].values), context.request.target
        given = data["label"].values if target == "label" else np.full(len(inputs), target or 0)
        classes = context.model.predict(inputs).argmax(1) if target is None else given
        maps = saliency(context.model, inputs, classes)
        return xr.Dataset({"attribution": (("sample", "y", "x"), maps)}, {"sample": data["sample"]})


@pytest.fixture(scope="module")
def lens(tmp_path_factory):
    registry = Registry()
    registry.register(Edges)
    registry.register(Gradient)
    return Lens(tiny_store(tmp_path_factory.mktemp("run") / "run"), tiny_model(), registry)


def inputs_of(lens, ids=CHOSEN):
    return tiny_model().prepare(lens.store.images(np.asarray(ids)))


def saliency(model, inputs, classes):
    """The absolute gradient of the logits of these classes, of grey inputs."""
    seed = np.eye(3, dtype=np.float32)[classes]
    return np.abs(model.vjp(inputs, seed).gradients["@input"])[:, 0]


def spearman(one, two):
    if np.array_equal(one, two):
        return 1.0
    if np.ptp(one) == 0:  # it ranks nothing
        return np.nan
    return stats.spearmanr(one, two)[0] if np.ptp(two) else 0.0


def drawn_seed():
    return int(np.random.default_rng(0).integers(2**31))


def test_a_map_that_ignores_the_network_is_the_same_under_all_weights(lens):
    result = lens.run("sanity-check", sample=CHOSEN, method="edges")
    assert result["stage"].values.tolist() == ["fc2", "fc1", "conv"]
    assert (result["similarity"].values == 1).all()
    assert "hardly depends on the weights" in result.attrs["caption"]
    assert result.attrs["caption"].startswith("Edges · fc2 drawn anew: rank correlation 1.00")


@pytest.mark.parametrize("target", [None, 1, "label"])
def test_the_gradient_changes_as_a_naive_cascade_says(lens, target):
    result = lens.run("sanity-check", sample=CHOSEN, target=target, method="gradient")
    inputs, model = inputs_of(lens), tiny_model()
    # the same outputs are explained under all weights, though other networks predict others
    predicted, label = model.predict(inputs).argmax(1), lens.store.samples["label"].sel(sample=CHOSEN).values
    classes = predicted if target is None else label if target == "label" else np.full(4, target)
    before = saliency(model, inputs, classes)
    for stage, drawn in enumerate((["fc2"], ["fc2", "fc1"], ["fc2", "fc1", "conv"])):
        after = saliency(model.randomized(drawn, drawn_seed()), inputs, classes)
        naive = [spearman(one.ravel(), two.ravel()) for one, two in zip(before, after, strict=True)]
        np.testing.assert_allclose(result["similarity"][:, stage], naive, atol=1e-5)
    assert abs(result["similarity"].values[:, -1].mean()) < 0.5


def test_stages_are_spread_from_the_last_layer_to_the_first(lens):
    assert lens.run("sanity-check", sample=CHOSEN, stages=2)["stage"].values.tolist() == ["fc2", "conv"]
    assert lens.run("sanity-check", sample=CHOSEN, stages=1)["stage"].values.tolist() == ["fc2"]


@given(arrays(np.int8, (2, 12), elements=st.integers(-3, 3)))
def test_similarity_is_spearmans_of_absolute_values(maps):
    one, two = maps.astype(np.float32)
    assert similarity(one, two) == pytest.approx(spearman(np.abs(one), np.abs(two)), abs=1e-9, nan_ok=True)


def test_curves_of_a_linear_network_are_sums_of_the_weights_in_their_order():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 5, 6)).astype(np.float32)
    image = rng.normal(size=(2, 5, 6)).astype(np.float32)
    share = weight * image  # gradient × input: the exact part of every pixel
    order = ranking(share, rng)
    counts, steps = shares(30, 30)
    inserted = curve(np.zeros_like(image), image, order, counts, lambda x: (x * weight).sum((1, 2, 3)), 7)
    parts = np.sort(share.sum(0).ravel())[::-1]
    np.testing.assert_allclose(inserted, np.concatenate([[0], parts.cumsum()]), atol=1e-4)
    deleted = curve(image, np.zeros_like(image), order, counts, lambda x: (x * weight).sum((1, 2, 3)), 7)
    np.testing.assert_allclose(inserted + deleted, share.sum(), atol=1e-4)
    # of all orders this one has the largest area
    others = [
        curve(
            np.zeros_like(image), image, rng.permutation(30), counts, lambda x: (x * weight).sum((1, 2, 3)), 7
        )
    ]
    assert area(inserted[None], steps) > area(others[0][None], steps)
    assert area(np.ones((1, 31)), steps) == pytest.approx(1)


def test_equal_pixels_come_in_random_order_and_others_by_value():
    values = np.repeat(np.array([0.0, 2, 1], np.float32), 40).reshape(10, 12)
    one, two = (ranking(values, np.random.default_rng(seed)) for seed in (0, 1))
    assert values.ravel()[one].tolist() == sorted(values.ravel().tolist(), reverse=True)
    assert one.tolist() != two.tolist()
    assert sorted(one.tolist()) == list(range(120))


def test_deletion_and_insertion_are_a_naive_loops(lens):
    result = lens.run("deletion-insertion", sample=CHOSEN, steps=16, insertion_fill="black")
    model, inputs = tiny_model(), inputs_of(lens)
    maps = lens.run("saliency", sample=CHOSEN)["attribution"].values
    assert np.allclose(result["step"], np.arange(17) / 16)
    for place, (image, attribution) in enumerate(zip(inputs, maps, strict=True)):
        best = model.predict(image[None]).argmax()
        order = np.argsort(-attribution.ravel(), kind="stable")
        for step in range(17):
            gone, back = image.copy(), np.zeros_like(image)
            for pixel in order[: 4 * step]:
                gone[0, pixel // 8, pixel % 8] = 0
                back[0, pixel // 8, pixel % 8] = image[0, pixel // 8, pixel % 8]
            for name, changed in (("deletion", gone), ("insertion", back)):
                logits = model.predict(changed[None])[0].astype(float)
                probability = (np.exp(logits) / np.exp(logits).sum())[best]
                assert result[name].values[place, step] == pytest.approx(probability, abs=1e-5), (name, step)
        assert result["deletion_random"].values[place, [0, -1]] == pytest.approx(
            result["deletion"].values[place, [0, -1]], abs=1e-5
        )
    oracle = np.trapezoid(result["deletion"].values, dx=1 / 16, axis=1)
    assert np.allclose(result["deletion_area"], oracle, atol=1e-5)


def test_of_a_unit_its_activation_is_watched(lens):
    result = lens.run("deletion-insertion", sample=CHOSEN, target="relu2:4", steps=8, method="edges")
    unit = tiny_model().activations(inputs_of(lens), ["relu2"])["relu2"][:, 4]
    assert np.allclose(result["deletion"].values[:, 0], unit, atol=1e-5)
    assert np.allclose(result["insertion"].values[:, -1], unit, atol=1e-5)


def test_sensitivity_to_noise_is_a_naive_loops(lens):
    result = lens.run("noise-sensitivity", sample=CHOSEN, draws=3, radius=0.1)
    model, inputs, images = tiny_model(), inputs_of(lens), lens.store.images(np.asarray(CHOSEN))
    classes = model.predict(inputs).argmax(1)
    before = saliency(model, inputs, classes)
    shares_of = np.zeros((3, 4))
    for draw in range(3):
        for place in range(4):
            rng = np.random.default_rng((drawn_seed(), draw, zlib.crc32(images[place].tobytes())))
            noise = 0.1 * rng.uniform(-1, 1, (1, 8, 8))
            after = saliency(
                model, inputs[place : place + 1] + noise.astype(np.float32), classes[place : place + 1]
            )
            shares_of[draw, place] = np.linalg.norm(after - before[place]) / np.linalg.norm(before[place])
    assert shares_of.max() > 0
    np.testing.assert_allclose(result["sensitivity"], shares_of.max(0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(result["mean_sensitivity"], shares_of.mean(0), rtol=1e-3, atol=1e-6)
    alone = lens.run("noise-sensitivity", sample=[22], draws=3, radius=0.1)
    np.testing.assert_allclose(alone["sensitivity"], result["sensitivity"][3:], rtol=1e-4)
    assert (lens.run("noise-sensitivity", sample=CHOSEN, draws=2, radius=0)["sensitivity"] < 1e-6).all()


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_takes_any_method_with_its_parameters_and_layer(lens, name):
    by_layer = lens.run(name, sample=[3], method="gradcam")
    assert by_layer.attrs["layer"] == "relu1"
    assert by_layer.attrs["caption"].startswith("Grad-CAM of relu1")
    assert lens.run(name, sample=[3], using="edges").attrs["caption"].startswith("Edges")
    plan = lens.plan(name, sample=[3], settings="join=sum")
    assert plan.sources["attribution"].plan.request.parameters == {"join": "sum"}
    for arguments in ({"settings": "join"}, {"settings": "join=most"}, {"method": "pca"}, {"method": name}):
        with pytest.raises(AnalysisError):
            lens.plan(name, sample=[3], **arguments)


@pytest.mark.parametrize("name", CHECKS)
def test_a_cancelled_check_ends(lens, name):
    class Cancelled(Report):
        cancelled = True

    plan = lens.plan(name, sample=[5], method="edges")
    with pytest.raises(JobCancelledError):
        lens.runner.compute(plan, Cancelled())
