"""Analyses in other processes: the same results as in this one, shared, kept once, with every failure in words."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nnlens
from nnlens.errors import AnalysisError, JobError
from nnlens.jobs import JobManager, attending
from nnlens.lens.running import recent
from nnlens.lens.submitting import is_quick
from nnlens.registry import Registry
from nnlens.testing import tiny_model, wait_until

FILE = Path(__file__).parent / "work" / "analyses.py"
NAMES = ("Gated", "Deaf", "First", "Second", "Failing", "Process", "Whole")


@pytest.fixture
def registry():
    registry = Registry(discover=None)
    for name in NAMES:
        assert registry.register_file(f"{FILE}:{name}").error is None
    return registry


@pytest.fixture
def lens(tiny_store, registry, manager):
    recent.__init__()
    return nnlens.Lens(tiny_store, registry=registry, jobs=manager)


@pytest.fixture
def torch_lens(tmp_path, tiny_torch_model, registry, manager):
    """A run of a torch network whose weights lie in a file, so that workers can open it."""
    import torch

    from nnlens.testing import tiny_images

    recent.__init__()
    torch.save(tiny_torch_model.state_dict(), tmp_path / "weights.pth")
    (tmp_path / "tiny_torch.py").write_text(
        "import torch\n\n\ndef build():\n    return torch.nn.Sequential(\n"
        "        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),\n"
        "        torch.nn.Linear(64, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))\n"
    )
    preprocess = nnlens.Preprocess(8, order="grey")
    architecture = f"{tmp_path / 'tiny_torch.py'}:build"
    model = nnlens.load_model(tmp_path / "weights.pth", architecture=architecture, preprocess=preprocess)
    with pytest.warns(UserWarning, match="Accuracy"):
        store = nnlens.capture(model, nnlens.load_samples(tiny_images()), tmp_path / "torch run")
    return nnlens.Lens(store, model, registry, manager)


def test_a_job_gives_the_result_that_running_gives(lens, registry, tmp_path):
    result = lens.submit("gated", value=3).result(60)
    from nnlens.testing import tiny_store

    here = nnlens.Lens(tiny_store(tmp_path / "same"), registry=registry).run("gated", value=3)
    xr.testing.assert_equal(result, here)
    times = ("seconds",)
    assert {k: v for k, v in result.attrs.items() if k not in times} == {
        k: v for k, v in here.attrs.items() if k not in times
    }


def test_a_result_is_kept_once_and_taken_by_all(lens, registry):
    result = lens.submit("gated").result(60)
    assert [info.key for info in lens.results()] == [result.attrs["key"]]
    again = lens.submit("gated")
    assert again.state == "done"
    xr.testing.assert_identical(again.result(0), result)
    xr.testing.assert_identical(lens.run("gated"), result)


def test_the_same_request_is_one_job(lens, tmp_path):
    gate = tmp_path / "gate"
    first = lens.submit("gated", gate=str(gate))
    assert lens.submit("gated", gate=str(gate), value=1.0) is first
    assert lens.submit("gated", gate=str(gate), value=2) is not first
    gate.touch()
    first.result(60)


def test_progress_and_pictures_come_on_the_way(lens, tmp_path):
    gate = tmp_path / "gate"
    job = lens.submit("gated", gate=str(gate))
    wait_until(lambda: job.partial is not None, 60)
    assert (job.done, job.total, job.message) == (1, 4, "waiting")
    assert job.title == "Gated map"
    np.testing.assert_array_equal(job.partial["projection"].values, -1)
    np.testing.assert_array_equal(job.partial["sample"].values, lens.store.ids)
    assert job.partial.attrs["title"] == "Gated map"
    assert "key" not in job.partial.attrs
    gate.touch()
    job.result(60)


def test_what_is_run_first_is_kept_under_its_own_key(lens):
    top = lens.submit("second").result(60)
    base = lens.cached("first")
    assert base is not None
    np.testing.assert_allclose(top["top"].values, 2 * (lens.store.samples["loss"].values + 1))
    assert lens.key(lens.request("second", using=base)) == lens.key(lens.request("second"))


def test_stop_keeps_what_there_is_but_never_as_the_finished_result(lens, tmp_path):
    arguments = {"gate": str(tmp_path / "gate"), "value": 5}
    job = lens.submit("gated", **arguments)
    wait_until(lambda: job.message, 60)
    job.stop()
    result = job.result(60)
    assert job.state == "stopped"
    assert result.attrs["stopped"]
    assert lens.cached("gated", **arguments) is None
    xr.testing.assert_identical(lens.result(result.attrs["key"]), result)


def test_stop_keeps_the_last_picture_of_one_that_hears_nothing(lens, monkeypatch):
    monkeypatch.setattr(attending, "STOP_GRACE", 0.2)
    job = lens.submit("deaf")
    wait_until(lambda: job.partial is not None, 60)
    job.stop()
    result = job.result(60)
    np.testing.assert_array_equal(result["projection"].values, 7)
    assert result.attrs["stopped"]
    assert result.attrs["title"] == "Deaf"
    assert [info.key for info in lens.results()] == [result.attrs["key"]]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", "RuntimeError: the matrix is singular"),
        ("refuse", "All losses are zero. Choose another run."),
        ("exit", "sys.exit(4)"),
        ("abort", "Failing crashed: it aborted itself"),
        ("wrong", "failing promised the variable 'x' and did not return it"),
        ("nothing", "failing returned a NoneType, not a Dataset"),
    ],
)
def test_every_failure_is_a_job_error_in_words(lens, how, words):
    job = lens.submit("failing", how=how)
    with pytest.raises(JobError) as caught:
        job.result(60)
    assert words in str(caught.value)
    assert lens.results() == []


def test_an_analysis_may_print(lens):
    assert "x" in lens.submit("failing", how="print").result(60)


def test_a_wrong_request_is_refused_before_anything_starts(lens, manager):
    with pytest.raises(AnalysisError, match="no parameter"):
        lens.submit("gated", speed=3)
    assert manager.jobs == []


def test_what_needs_the_model_is_refused_without_one(lens):
    with pytest.raises(AnalysisError, match=r"(?i)process needs the model"):
        lens.submit("process", sample=[0])


def test_a_live_model_cannot_be_submitted(tiny_store, registry, manager):
    recent.__init__()
    lens = nnlens.Lens(tiny_store, tiny_model(), registry, manager)
    for name, samples in (("process", [0]), ("whole", None)):
        with pytest.raises(
            JobError, match=r"live object that no other process can open. Use run\(\) instead"
        ):
            lens.submit(name, sample=samples)
        assert "attribution" in lens.run(name, sample=samples)
    assert "projection" in lens.submit("gated").result(60)  # what needs no model can


def test_a_class_of_a_function_cannot_be_submitted(tiny_store, registry, manager):
    class Inside(nnlens.Analysis):
        """Stand inside a function."""

        provides = {"x": ("sample",)}
        requires = {"loss": ("sample",)}

        def compute(self, data, context):
            return data.rename(loss="x")

    registry.register(Inside)
    lens = nnlens.Lens(tiny_store, registry=registry, jobs=manager)
    with pytest.raises(nnlens.errors.PluginError, match=r"use run\(\) instead of submit\(\)"):
        lens.submit("inside")


def test_single_samples_are_answered_by_one_worker_that_keeps_the_model(torch_lens):
    results = [torch_lens.submit("process", sample=[sample]).result(120) for sample in range(4)]
    assert len({result.attrs["pid"] for result in results}) == 1
    expected = torch_lens.run("process", sample=[9])["attribution"].values
    np.testing.assert_allclose(
        torch_lens.submit("process", sample=[9]).result(60)["attribution"].values, expected, rtol=1e-5
    )
    assert torch_lens.submit("process", sample=[2]).state == "done"  # remembered in this process
    assert torch_lens.results() == []


def test_many_samples_do_not_keep_those_waiting_who_ask_about_one(torch_lens):
    one, few, all_of_them = (
        torch_lens.submit("process", sample=sample).result(120) for sample in (0, [1, 2, 3], None)
    )
    assert one.attrs["pid"] == few.attrs["pid"] != all_of_them.attrs["pid"]
    assert [each.sizes["sample"] for each in (one, few, all_of_them)] == [1, 3, torch_lens.store.committed]
    kept = {few.attrs["key"], all_of_them.attrs["key"]}
    assert {info.key for info in torch_lens.results()} == kept
    plan = torch_lens.plan("process", sample=0)
    assert is_quick(plan, None)
    assert not is_quick(plan, 60.0)  # such as occlusion of one sample by a large network


def test_a_warm_answer_about_one_sample_comes_at_once(torch_lens):
    torch_lens.submit("process", sample=[0]).result(120)
    seconds = []
    for sample in range(1, 12):
        started = time.perf_counter()
        torch_lens.submit("process", sample=[sample]).result(60)
        seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[5] < 0.2  # measured .01 s on an idle machine


def test_the_whole_data_set_through_the_model_is_a_job_of_its_own(torch_lens):
    result = torch_lens.submit("whole").result(120)
    assert result["attribution"].shape == (60, 8, 8)
    assert [info.key for info in torch_lens.results()] == [result.attrs["key"]]


def test_a_run_that_grew_meanwhile_is_seen_as_it_was(lens, registry, manager):
    from dataclasses import replace

    from nnlens.store import Store

    half = nnlens.Lens(
        Store(lens.store.path, replace(lens.store.commit, rows=30)), registry=registry, jobs=manager
    )
    result = half.submit("gated").result(60)
    assert result.sizes["sample"] == 30
    assert result.attrs["key"] != lens.submit("gated").result(60).attrs["key"]


def test_a_run_that_was_replaced_is_noticed(lens, tmp_path, manager, registry):
    import shutil

    from nnlens.testing import tiny_store

    lens.plan("gated")  # it was looked at before
    shutil.rmtree(lens.store.path)
    tiny_store(lens.store.path, seed=3)
    with pytest.raises(JobError, match="replaced by another"):
        lens.submit("gated").result(60)


def test_code_that_changed_meanwhile_is_noticed(tiny_store, manager, tmp_path):
    registry = Registry(discover=None)
    file = tmp_path / "changing.py"
    file.write_text(FILE.read_text())
    registry.register_file(f"{file}:First")
    lens = nnlens.Lens(tiny_store, registry=registry, jobs=manager)
    file.write_text(FILE.read_text() + "\n# edited\n")
    with pytest.raises(JobError, match="first was changed since this process was started"):
        lens.submit("first").result(60)


@pytest.mark.slow
def test_what_stands_on_a_result_of_the_model_needs_it_no_more(manager, tmp_path):
    model = nnlens.load_model("zoo:digits")
    store = nnlens.capture(
        model, nnlens.load_samples("digits", split="test", limit=64), tmp_path / "run", keep=[]
    )
    layer = next(layer.name for layer in store.layers if layer.info.spatial)
    lens = nnlens.Lens(store, model, jobs=manager)
    pca = lens.submit("pca", layer=layer).result(120)  # computes the layer, pools and reduces it
    again = lens.submit("pca", layer=layer, components=3).result(120)  # what it stands on is there
    assert "reduce" in {info.analysis.rpartition(":")[2] for info in lens.results()}
    assert pca.sizes["component"] == 2
    assert again.sizes["component"] == 3


@pytest.mark.slow
def test_a_capture_can_be_a_job(manager, tmp_path):
    reference = nnlens.load_model("zoo:digits").reference
    samples = nnlens.load_samples("digits", split="test", limit=64).reference
    seen = []
    job = manager.submit_capture(reference.to_dict(), samples, tmp_path / "run", {"batch_size": 16})
    job.watch(lambda job: seen.append((job.state, job.done)))
    path = job.result(120)
    assert path == tmp_path / "run"
    assert nnlens.open_store(path).complete
    assert seen[-1][0] == "done"


@pytest.mark.slow
def test_one_job_at_a_time_writes_a_run(manager, tmp_path):
    reference = nnlens.load_model("zoo:digits").reference.to_dict()
    samples = nnlens.load_samples("digits", split="test", limit=64).reference
    first = manager.submit_capture(reference, samples, tmp_path / "run")
    assert manager.submit_capture(reference, samples, tmp_path / "run") is first
    first.result(120)
    with pytest.raises(JobError, match="holds a run already"):
        manager.submit_capture(reference, samples, tmp_path / "run").result(120)


def test_the_jobs_of_a_lens_are_those_of_the_process_by_default(tiny_store, registry):
    from nnlens.jobs import shared_manager

    assert nnlens.Lens(tiny_store, registry=registry).jobs is shared_manager()
    assert isinstance(shared_manager(), JobManager)


SCRIPT = """
import sys
import nnlens


class Mine(nnlens.Analysis):
    "Double the loss."

    requires = {"loss": ("sample",)}
    provides = {"twice": ("sample",)}

    def compute(self, data, context):
        return (2 * data).rename(loss="twice").load()


nnlens.register(Mine)
"""
USE = """
lens = nnlens.Lens(sys.argv[1])
print(lens.submit("mine").result(60)["twice"].shape)
"""


def run_script(tmp_path, code, store):
    import subprocess
    import sys

    path = tmp_path / "script.py"
    path.write_text(code)
    return subprocess.run(
        [sys.executable, path, store.path], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_class_of_a_script_can_be_submitted_where_the_script_is_guarded(tiny_store, tmp_path):
    guarded = "\nif __name__ == '__main__':" + USE.replace("\n", "\n    ")
    answer = run_script(tmp_path, SCRIPT + guarded, tiny_store)
    assert answer.stdout == "(60,)\n", answer.stderr


def test_a_script_without_a_guard_is_told_so_and_does_not_start_itself_again_and_again(tiny_store, tmp_path):
    answer = run_script(tmp_path, SCRIPT + USE, tiny_store)
    assert answer.returncode == 1
    assert "if __name__ == '__main__'" in answer.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_damaged_result_of_a_model_is_computed_again(torch_lens):
    first = torch_lens.submit("whole").result(120)
    (chunk,) = torch_lens.store.path.glob(f"results/*/{first.attrs['key']}.zarr/attribution/c/0/0/0")
    chunk.unlink()
    recent.__init__()
    xr.testing.assert_equal(torch_lens.submit("whole").result(120), first)
