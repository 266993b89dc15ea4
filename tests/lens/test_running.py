"""Running: computed once, kept under its key, told what it is made of."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import nnlens
from nnlens import Analysis
from nnlens.errors import AnalysisError
from nnlens.lens.recent import Recent
from nnlens.lens.running import recent
from nnlens.testing import tiny_model


@pytest.fixture(autouse=True)
def forgetful():
    recent.__init__()


def test_a_result_is_computed_once_and_shared(lens, registry, calls):
    assert lens.cached("worth") is None
    first = lens.run("worth")
    second = lens.run("worth")
    elsewhere = nnlens.Lens(lens.store.path, registry=registry).cached("worth")
    assert calls == [("worth", {})]
    xr.testing.assert_identical(first, second)
    xr.testing.assert_identical(first, elsewhere)
    assert [info.key for info in lens.results()] == [first.attrs["key"]]
    xr.testing.assert_identical(lens.result(first.attrs["key"]), first)
    assert lens.result("0" * 64) is None


def test_a_result_tells_what_it_is_made_of(lens):
    attrs = lens.run("map", layer="fc1", perplexity=3, seed=2).attrs
    assert attrs["analysis"] == "local:map"
    assert attrs["distribution"] == "local"
    assert attrs["layer"] == "fc1"
    assert json.loads(attrs["parameters"]) == {"perplexity": 3.0, "rounds": 3}
    assert attrs["seed"] == 2
    assert attrs["title"] == "Map of fc1"
    assert attrs["caption"] == "perplexity 3"
    assert attrs["seconds"] >= 0
    assert set(json.loads(attrs["libraries"])) >= {"nnlens", "numpy", "xarray"}
    assert len(attrs["key"]) == 64


def test_a_caption_is_made_where_the_analysis_gives_none(lens):
    assert lens.run("worth", only_label=1).attrs["caption"] == "only label 1 · 60 samples · 40 left out"
    assert lens.run("strongest", layer="conv", channel=2).attrs["title"] == "Strongest of conv channel 2"


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(lens):
    plan = lens.plan("map", layer="fc1", seed=1)
    from nnlens.jobs.reporting import Report

    one, two = (lens.runner.compute(plan, Report()) for _ in range(2))
    np.testing.assert_array_equal(one["projection"].values, two["projection"].values)
    other = lens.run("map", layer="fc1", seed=2)
    assert not np.array_equal(other["projection"].values, one["projection"].values)


def test_progress_goes_from_nothing_to_all_over_every_step(lens):
    seen = []
    lens.run("map", layer="conv", progress=lambda *report: seen.append(report))
    shares = [done / total for done, total, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert [message for *_, message in seen] == ["Neighbors", "round 0", "round 1", "round 2"]


def test_progress_of_one_step_is_in_its_own_unit(lens):
    lens.run("neighbors", layer="fc1", k=6)
    seen = []
    lens.run("map", layer="fc1", progress=lambda *report: seen.append(report))
    assert seen == [(1, 3, "round 0"), (2, 3, "round 1"), (3, 3, "round 2")]


def test_an_estimate_counts_what_must_be_run_first(lens, registry):
    assert lens.estimate("worth") is None
    assert lens.estimate("map", layer="fc1") is None  # nobody knows how long the neighbors take
    lens.run("neighbors", layer="fc1", k=6)
    assert lens.estimate("map", layer="fc1") == pytest.approx(60 * 12 / 1000)
    lens.run("map", layer="fc1")
    assert lens.estimate("map", layer="fc1") == 0


def test_an_estimate_that_raises_is_no_estimate(lens, registry):
    class Rash(Analysis):
        """Guess."""

        provides = {"x": ("sample",)}

        def estimate(self, sizes):
            return 1 / 0

        def compute(self, data, context):
            return data

    registry.register(Rash)
    assert lens.estimate("rash") is None


def test_one_sample_is_kept_in_memory_and_several_beside_the_run(lens, calls):
    lens.run("gradient", sample=[3])
    lens.run("gradient", sample=[3])
    assert calls == [("gradient", {})]
    assert lens.results() == []
    result = lens.run("gradient", sample=[3, 4])
    assert [info.key for info in lens.results()] == [result.attrs["key"]]


def test_what_needs_the_model_says_so(blind, lens, tmp_path):
    with pytest.raises(AnalysisError, match=r"(?i)gradient needs the model. Give it: Lens\(run, model=…\)"):
        blind.run("gradient", sample=[0])
    assert lens.run("gradient", sample=[0], target=1).attrs["target"] == 1


def test_thumbnails_do_not_go_into_the_network(lens, monkeypatch):
    monkeypatch.setattr(lens.store, "metadata", {**lens.store.metadata, "thumbnails": True})
    with pytest.raises(AnalysisError, match="holds thumbnails"):
        lens.run("gradient", sample=[0])


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        (lambda data: None, "returned a NoneType"),
        (lambda data: data, "promised the variable 'x'"),
        (lambda data: xr.Dataset({"x": ("unit", [1.0])}), "promised 'x' with dims"),
        (lambda data: xr.Dataset({"x": ("sample", [1.0])}), "without their int64 ids"),
        (
            lambda data: data.rename(loss="x").assign_attrs(bad=object()),
            "the attribute 'bad', which is no plain",
        ),
        (lambda data: data.rename(loss="x").astype(object).map(lambda a: a + 0), "Python objects in 'x'"),
    ],
)
def test_a_wrong_return_is_refused_and_nothing_is_kept(lens, registry, returns, words):
    class Liar(Analysis):
        """Promise."""

        requires = {"loss": ("sample",)}
        provides = {"x": ("sample",)}

        def compute(self, data, context):
            return returns(data)

    registry.register(Liar)
    with pytest.raises(AnalysisError, match=words):
        lens.run("liar")
    assert lens.results() == []


def test_a_result_that_was_stopped_never_stands_for_the_finished_one(lens, registry):
    from nnlens.jobs.reporting import Report

    class Patient(Analysis):
        """Stop when told."""

        requires = {"loss": ("sample",)}
        provides = {"x": ("sample",)}

        def compute(self, data, context):
            rounds = 0
            while rounds < 5 and not context.stopping:
                rounds += 1
            return (data * rounds).rename(loss="x").assign_attrs(rounds=rounds)

    class Stop(Report):
        stopping = True

    registry.register(Patient)
    stopped = lens.runner.run(lens.plan("patient"), Stop())
    assert stopped.attrs["stopped"]
    assert stopped.attrs["rounds"] == 0
    assert stopped.attrs["key"] != lens.plan("patient").key
    assert lens.run("patient").attrs["rounds"] == 5
    xr.testing.assert_identical(lens.result(stopped.attrs["key"]), stopped)


def test_the_model_is_used_by_one_thread_at_a_time(lens, monkeypatch):
    import threading

    inside = threading.Semaphore(1)
    vjp = lens.model.vjp

    def alone(*args, **kwargs):
        assert inside.acquire(blocking=False)
        try:
            return vjp(*args, **kwargs)
        finally:
            inside.release()

    monkeypatch.setattr(lens.model, "vjp", alone)
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(lens.run("gradient", sample=[n])))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 16


def test_refresh_gives_a_new_lens_only_when_there_is_more(lens):
    assert lens.refresh() is lens


def test_what_is_recent_goes_when_there_is_too_much():
    one = xr.Dataset({"x": ("sample", np.zeros(100))})
    kept = Recent(limit=2 * one.nbytes)
    for key in "abc":
        kept.put(key, one)
        kept.get("a")
    assert [key for key in "abc" if kept.get(key) is not None] == ["a", "c"]
    kept.put("large", xr.concat([one] * 3, "sample"))
    assert kept.get("large") is None
    kept.get("a").attrs["mine"] = True
    assert "mine" not in kept.get("a").attrs


def test_a_live_framework_model_is_opened_with_the_preprocessing_of_the_run(
    tmp_path, tiny_torch_model, registry
):
    from nnlens import capture, load_model, load_samples
    from nnlens.testing import tiny_images

    preprocess = nnlens.Preprocess(8, order="grey", mean=0.5, std=0.25)
    model = load_model(tiny_torch_model, preprocess=preprocess)
    with pytest.warns(UserWarning, match="Accuracy"):
        store = capture(model, load_samples(tiny_images()), tmp_path / "run")
    lens = nnlens.Lens(store, tiny_torch_model, registry)
    assert lens.model.preprocess == preprocess
    assert lens.run("gradient", sample=[1])["attribution"].shape == (1, 8, 8)


def test_exploring_without_the_interface_says_what_to_install(lens, monkeypatch):
    import sys

    from nnlens.errors import StoreError

    monkeypatch.setitem(sys.modules, "nnlens.ui.serving.server", None)
    with pytest.raises((StoreError, ModuleNotFoundError)):
        lens.explore()


def test_a_lens_has_a_face(lens, blind):
    assert repr(lens) == "Lens(<Store 'run': 60 of 60 samples, 5 layers>, model=tiny)"
    assert "None" in repr(blind)
    assert tiny_model().fingerprint == lens.model.fingerprint


def test_a_deleted_result_is_computed_again(lens, calls):
    key = lens.run("worth").attrs["key"]
    assert lens.store.results.delete("local:worth", key)
    assert lens.cached("worth") is None
    assert lens.result(key) is None
    lens.run("worth")
    assert calls == [("worth", {})] * 2


def test_a_damaged_result_is_computed_again_also_where_another_stands_on_it(lens, registry, calls):
    first = lens.run("map", layer="fc1")
    lens.store.results.delete("local:map", first.attrs["key"])
    recent.__init__()
    neighbors = next(info for info in lens.results() if info.analysis == "local:neighbors")
    chunk = next(lens.store.path.glob(f"results/*/{neighbors.key}.zarr/neighbor/c/0/0"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    again = nnlens.Lens(lens.store.path, registry=registry).run("map", layer="fc1")
    np.testing.assert_array_equal(again["projection"].values, first["projection"].values)
    assert [name for name, _ in calls] == ["neighbors", "map", "neighbors", "map"]


def test_nobody_can_spoil_a_result_for_others(lens):
    first = lens.run("worth")
    expected = first["worth"].values.copy()
    lens.cached("worth")["worth"].values[:] = -1
    lens.cached("worth").attrs["title"] = "spoilt"
    np.testing.assert_array_equal(lens.cached("worth")["worth"].values, expected)
    assert lens.cached("worth").attrs["title"] == first.attrs["title"]
