"""A live network and a class of the running program work on the page too, in a thread of the server."""

from __future__ import annotations

import threading

import param
import pytest
import xarray as xr

from nnlens import Analysis, Lens
from nnlens.errors import AnalysisError, JobError
from nnlens.registry import Registry
from nnlens.testing import wait_until
from nnlens.ui.core.here import submit
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Work


class Mine(Analysis):
    """Be known to this process only."""

    requires, provides = {"loss": ("sample",)}, {"mean_loss": ()}
    factor = param.Number(1.0, doc="What the mean is multiplied with.")

    def compute(self, data, context):
        if self.factor < 0:
            raise AnalysisError("It must not be negative.", "Take another.")
        if self.factor == 0:
            raise ZeroDivisionError("/some/where")
        context.progress(1, 2, "half")
        return xr.Dataset({"mean_loss": data["loss"].mean() * self.factor})


@pytest.fixture
def lens(tiny_lens):
    registry = Registry(None)
    registry.register(Mine)
    return Lens(tiny_lens.store, tiny_lens.model, registry)


def test_a_class_of_this_process_is_computed_in_it(lens):
    session = Session(lens)
    work, found = Work(session), []
    task = work.submit("mine", "Mine", found.append, {"factor": 2.0})
    wait_until(lambda: found, 20)
    assert float(found[0]["mean_loss"]) == pytest.approx(2 * float(lens.store.samples["loss"].mean()))
    assert not task.running and work.tasks == [task]


@pytest.mark.parametrize(("factor", "words"), [(-1.0, "must not be negative"), (0.0, "ZeroDivisionError")])
def test_its_errors_are_told_in_words(lens, factor, words):
    job = submit(lens, "mine", {"factor": factor}, "Mine")
    with pytest.raises(JobError, match=words) as caught:
        job.result(timeout=20)
    assert "/some/where" not in str(caught.value)


def test_a_live_network_explains_samples(tiny_lens):
    found = []
    session = Session(tiny_lens)
    explaining = [info for info in tiny_lens.registry.providers("attribution") if info.scope == "sample"]
    Work(session).submit(
        explaining[0].id, "x", found.append, {"sample": [3], "layer": "relu1"}, failed=found.append
    )
    wait_until(lambda: found, 60)
    assert found[0]["attribution"].sizes["sample"] == 1


class Endless(Mine):
    """Tell how far it is, for ever; asked or not."""

    def compute(self, data, context):
        while not threading.Event().wait(0.001):
            context.progress(1, 2, "on and on")


def test_what_is_cancelled_makes_room_for_the_next(lens):
    lens.registry.register(Endless)
    first = submit(lens, "endless", {}, "Endless")
    wait_until(lambda: first.message, 20)
    second = submit(lens, "mine", {"factor": 3.0}, "Mine")
    assert second.state == "waiting"
    first.release()
    assert first.state == "cancelled"
    assert float(second.result(20)["mean_loss"]) == pytest.approx(
        3 * float(lens.store.samples["loss"].mean())
    )
