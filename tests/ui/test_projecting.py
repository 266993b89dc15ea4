"""What a map shows, from the wish to the result: nothing is computed twice, drawn wrongly or left behind."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
import xarray as xr

from nnlens import Analysis
from nnlens.errors import AnalysisError, JobError
from nnlens.jobs import Job
from nnlens.registry import Registry
from nnlens.state import Draw, MapState, Selection
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work
from nnlens.ui.maps.first_maps import FirstMaps
from nnlens.ui.maps.map_jobs import MapJob
from nnlens.ui.maps.projecting import Projecting, default_layer

MAP = {"projection": ("sample", "component")}
SECONDS = {"quick": 1.0, "slow": 100.0, "best": 20.0}


class Quick(Analysis):
    """Be there at once."""

    requires, provides, priority = {"embedding": ("sample", "unit")}, MAP, 0

    def compute(self, data, context):
        raise AssertionError


class Slow(Quick):
    """Take long."""

    priority = 1


class Best(Quick):
    """Be the best."""

    priority = 9


class Judge(Quick):
    """Say how good a map is."""

    requires, provides, priority = MAP, {"figure": ()}, 0


def result_of(analysis, layer, samples=30):
    return xr.Dataset(
        {"projection": (("sample", "component"), np.random.default_rng(1).normal(size=(samples, 2)))},
        {"sample": np.arange(samples)},
        {"title": f"{analysis} of {layer}", "caption": "", "key": f"{analysis}-{layer}"},
    )


class FakeLens:
    """Knows which results there are, and hands out jobs that the test ends."""

    def __init__(self):
        self.model = None
        self.registry = Registry(None)
        self.registry.recipe = lambda names: {}
        for cls in (Quick, Slow, Best, Judge):
            self.registry.register(cls)
        self.store = SimpleNamespace(metadata={"model": {"hidden_layer": "fc1"}})
        self.there, self.jobs, self.failing = {}, {}, set()

    def wants_layer(self, analysis):
        return True

    def request(self, analysis, **request):
        if "nonsense" in request:
            raise AnalysisError("There is no parameter 'nonsense'.")

    def cached(self, analysis, **request):
        return self.there.get((analysis, request.get("layer")))

    def estimate(self, analysis, **request):
        return SECONDS.get(analysis.partition(":")[2])

    def plan(self, analysis, **request):
        return SimpleNamespace(walk=lambda: [SimpleNamespace(request=SimpleNamespace(analysis=analysis))])

    def submit(self, analysis, **request):
        self.asked = request.get("sample")
        if analysis in self.failing:
            raise AnalysisError("It does not fit.", "Take another.")
        job = Job(analysis, analysis)
        job.begin(lambda: None)
        self.jobs[analysis, request.get("layer")] = job
        return job


class FakeMap:
    def __init__(self):
        self.drawn, self.facts, self.partial, self.of, self.awaited = None, "", False, "", ""
        self.foot, self.notice = pn.Row(pn.Spacer()), pn.Column()

    def set_result(self, result, partial=False, of=""):
        self.drawn, self.partial, self.of = result, partial, of

    def set_awaited(self, title):
        self.awaited = title

    def set_facts(self, text):
        self.facts = text

    @property
    def title(self):
        return None if self.drawn is None else self.drawn.attrs["title"]


@pytest.fixture
def page():
    zeros = np.zeros(30, np.int32)
    data = RunData(
        np.arange(30),
        zeros,
        zeros,
        np.ones(30, "f4"),
        ("a",),
        lambda ids: np.zeros((len(ids), 2, 2, 1), np.uint8),
    )
    lens = FakeLens()
    session = Session(lens, data=data)
    work, layers = (
        Work(session),
        [Stop("@input", "input", "image", (1, 2, 2)), Stop("fc1", "fc1", "Linear", (5,))],
    )
    maps = {"a": FakeMap(), "b": FakeMap()}
    projecting = Projecting(session, work, Catalog(lens.registry), layers, maps)
    jobs = {which: MapJob(projecting, which) for which in maps}
    return SimpleNamespace(session=session, lens=lens, work=work, projecting=projecting, maps=maps, jobs=jobs)


def end(page, analysis, layer):
    page.lens.jobs["local:" + analysis, layer].end("done", result_of(analysis, layer))


def test_the_quickest_comes_first_then_the_best_one_map_after_the_other(page):
    FirstMaps(page.projecting).start()
    assert set(page.lens.jobs) == {("local:quick", "fc1"), ("local:quick", "@input")}
    assert page.maps["a"].awaited == "Quick of fc1"
    end(page, "quick", "fc1")
    assert page.maps["a"].title == "quick of fc1" and ("local:best", "fc1") in page.lens.jobs
    end(page, "quick", "@input")
    assert page.maps["b"].title == "quick of @input" and ("local:best", "@input") not in page.lens.jobs
    job = page.lens.jobs["local:best", "fc1"]
    job.show(result_of("half", "fc1"))
    assert page.maps["a"].partial and page.maps["a"].title == "half of fc1"
    end(page, "best", "fc1")
    assert page.maps["a"].title == "best of fc1" and not page.maps["a"].partial
    end(page, "best", "@input")
    assert page.maps["b"].title == "best of @input"
    assert page.session.state.map_b == MapState("@input", "local:best")


def test_what_is_there_already_is_shown_at_once_and_the_best_of_it(page):
    for analysis in ("quick", "slow"):
        page.lens.there["local:" + analysis, "fc1"] = result_of(analysis, "fc1")
    FirstMaps(page.projecting).start()
    assert page.maps["a"].title == "slow of fc1"


def test_what_is_there_is_shown_before_anything_is_computed(page):
    page.lens.there["local:best", "fc1"] = result_of("best", "fc1")
    first = FirstMaps(page.projecting)
    first.show()
    assert page.maps["a"].title == "best of fc1"
    assert page.projecting.places["b"].shown is None and not page.lens.jobs
    first.start()
    assert set(page.lens.jobs) == {("local:judge", "fc1"), ("local:quick", "@input")}


def test_where_both_maps_have_one_layer_they_end_at_two_methods(page):
    page.projecting.layers[:] = [stop for stop in page.projecting.layers if stop.name == "fc1"]
    page.lens.there["local:quick", "fc1"] = result_of("quick", "fc1")
    FirstMaps(page.projecting).start()
    assert page.maps["a"].title == page.maps["b"].title == "quick of fc1"
    end(page, "best", "fc1")
    assert page.maps["a"].title == "best of fc1"
    end(page, "slow", "fc1")  # the second best, though it takes long: else both maps were the same
    assert page.maps["b"].title == "slow of fc1"


def test_a_long_one_is_not_started_unless_asked(page):
    SECONDS["best"] = 500.0
    try:
        FirstMaps(page.projecting).start()
        end(page, "quick", "fc1")
        assert ("local:best", "fc1") not in page.lens.jobs
        FirstMaps(page.projecting, improve=True)._improve(["a"])
        assert ("local:best", "fc1") in page.lens.jobs
    finally:
        SECONDS["best"] = 20.0


def test_a_long_wish_is_offered_and_the_old_map_stays(page):
    page.lens.there["local:best", "fc1"] = page.lens.there["local:best", "@input"] = result_of("best", "x")
    FirstMaps(page.projecting).start()
    page.projecting.want("a", analysis="local:slow")
    place = page.projecting.places["a"]
    assert (
        place.offer == 100.0
        and page.maps["a"].title == "best of x"
        and not page.lens.jobs.get(("local:slow", "fc1"))
    )
    page.projecting.compute("a")
    assert place.task.running and place.offer is None
    page.work.cancel(place.task)
    assert place.task is None and place.offer == 100.0 and page.maps["a"].title == "best of x"
    assert page.lens.jobs["local:slow", "fc1"].state == "cancelled"


def test_a_short_wish_is_computed_without_asking(page):
    page.lens.there["local:best", "fc1"] = result_of("best", "fc1")
    FirstMaps(page.projecting).start()
    page.projecting.want("a", analysis="local:quick")
    end(page, "quick", "fc1")
    assert page.maps["a"].title == "quick of fc1"


def test_another_wish_leaves_the_job_of_the_one_before(page):
    FirstMaps(page.projecting).start()
    first = page.lens.jobs["local:quick", "fc1"]
    page.lens.there["local:slow", "fc1"] = result_of("slow", "fc1")
    page.projecting.want("a", analysis="local:slow")
    assert first.state == "cancelled" and page.maps["a"].title == "slow of fc1"


def test_a_shared_job_goes_on_for_the_others(page):
    FirstMaps(page.projecting).start()
    job = page.lens.jobs["local:quick", "fc1"]
    assert job.join()
    page.work.close()
    assert job.state == "running"


def test_a_failed_job_is_told_and_the_place_offers_to_try_again(page):
    FirstMaps(page.projecting).start()
    page.lens.jobs["local:quick", "fc1"].end(
        "failed", error=JobError("It ran out of memory.", "Take fewer samples.")
    )
    assert page.session.messages[-1].text.endswith("It ran out of memory.")
    assert page.projecting.places["a"].trouble == ("It ran out of memory.", "Take fewer samples.")
    assert page.maps["a"].notice.visible
    page.projecting.compute("a")
    assert not page.maps["a"].notice.visible and page.projecting.places["a"].task.running


def test_a_request_that_is_refused_is_told(page):
    page.lens.failing.add("local:quick")
    FirstMaps(page.projecting).start()
    assert "It does not fit." in page.session.messages[-1].text and page.projecting.places["a"].trouble


def test_stop_keeps_what_is_there(page):
    FirstMaps(page.projecting).start()
    task = page.projecting.places["a"].task
    page.work.stop(task)
    assert task.job.stop_asked.is_set()


def test_figures_of_quality_are_computed_and_written(page):
    FirstMaps(page.projecting).start()
    end(page, "quick", "fc1")
    judge = page.lens.jobs["local:judge", "fc1"]
    judge.end(
        "done",
        xr.Dataset(
            {"figure": ((), 0.98), "other_one": ((), 0.4), "unknown": ((), np.nan)}, attrs={"probed": 1500}
        ),
    )
    assert page.maps["a"].facts == "figure .98 · other one .40 · 1,500 probed"


def test_figures_of_a_map_that_is_gone_are_not_written(page):
    FirstMaps(page.projecting).start()
    end(page, "quick", "fc1")
    judge = page.lens.jobs["local:judge", "fc1"]
    end(page, "best", "fc1")
    judge.end("done", xr.Dataset({"figure": ((), 0.5)}))
    assert page.maps["a"].facts == ""


@pytest.mark.parametrize(
    "asked",
    [
        MapState("gone", "local:quick"),
        MapState("fc1", "gone"),
        MapState("fc1", "local:quick", {"nonsense": 1}),
    ],
    ids=["layer", "analysis", "parameter"],
)
def test_what_an_address_asks_for_wrongly_is_dropped_with_a_word(page, asked):
    page.session.state.map_a = asked
    page.session.state.map_a = MapState()
    page.projecting.set_quietly("a", asked)
    FirstMaps(page.projecting).start()
    assert page.session.messages and page.session.messages[0].level == "info"
    assert page.session.state.map_a.layer == "fc1" and page.projecting.places["a"].task.running


def test_what_an_address_asks_for_is_shown(page):
    page.projecting.set_quietly("a", MapState("@input", "local:slow", {}, None, (0.0, 0.0, 1.0, 1.0)))
    page.lens.there["local:slow", "@input"] = result_of("slow", "@input")
    FirstMaps(page.projecting).start()
    assert page.maps["a"].title == "slow of @input" and page.session.state.map_a.extent == (
        0.0,
        0.0,
        1.0,
        1.0,
    )


def test_the_hidden_layer_is_told_by_the_run_or_is_the_last_before_the_outputs(page):
    layers = [
        Stop("@input", "input", "i", (1, 2, 2)),
        *(Stop(n, n, "Linear", (3,)) for n in ("h1", "h2", "out")),
    ]
    assert default_layer(page.session, layers) == "h2"
    assert default_layer(page.session, [*layers, Stop("fc1", "fc1", "Linear", (3,))]) == "fc1"


def test_without_plugins_the_maps_say_what_to_install(page):
    page.projecting.catalog.projections.clear()
    notes = []
    for each in page.maps.values():
        each.set_note = lambda text, hint="": notes.append(f"{text} {hint}")
    FirstMaps(page.projecting).start()
    assert len(notes) == 2 and "pip install nnlens-embedding" in notes[0]


@pytest.mark.parametrize(
    ("samples", "ids", "words"),
    [
        (Selection([3, 5, 8]), [3, 5, 8], "3 selected"),
        (
            Draw(4, 7),
            np.sort(np.random.default_rng(7).choice(30, 4, replace=False)).tolist(),
            "random 4, seed 7",
        ),
        (Draw(30, 7), None, ""),
        (None, None, ""),
    ],
    ids=["selection", "draw", "draw of all", "all"],
)
def test_a_map_is_computed_of_the_samples_chosen_and_says_so(page, samples, ids, words):
    FirstMaps(page.projecting).start()
    page.projecting.want("a", analysis="local:quick", layer="@input")
    page.projecting.want("a", samples=Draw(2))
    page.projecting.want("a", samples=samples)
    asked = page.lens.asked
    assert ids is asked is None or asked.tolist() == ids
    end(page, "quick", "@input")
    assert page.maps["a"].of == words


def test_of_what_is_dropped_after_its_end_nothing_is_told(page, monkeypatch):
    """The end waits for its turn on the page's thread; a late result would lie on the map that is asked for since."""
    told, turns = [], []
    monkeypatch.setattr(type(page.session), "later", lambda _, turn: turns.append(turn))
    job = Job("slow", "slow")
    job.begin(lambda: None)
    task = page.work.follow(job, "slow", told.append, failed=told.append)
    job.end("done", result_of("slow", "fc1"))
    page.work.drop(task)
    for turn in turns:
        turn()
    assert turns and not told
