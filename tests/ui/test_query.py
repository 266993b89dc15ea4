"""What is nearest in a search space, against a sort of all distances; what a browser may send as a picture."""

import base64
from pathlib import Path

import numpy as np
import pytest

from nnlens import Lens
from nnlens.capturing import capture
from nnlens.errors import JobError, ModelError, SamplesError
from nnlens.jobs import Job
from nnlens.lens.outside import LARGEST_FILE, Outside
from nnlens.lens.weights import Weights
from nnlens.models import load_model
from nnlens.samples import load_samples
from nnlens.testing import wait_until
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.work import Work
from nnlens.ui.query.arriving import PIECE, Arriving
from nnlens.ui.query.drop import ImageDrop
from nnlens.ui.query.explained import Explained
from nnlens.ui.query.nearest import nearest
from nnlens.ui.query.networks import OTHER, OWN, Networks
from nnlens.ui.query.panel import Query


@pytest.mark.parametrize("metric", ["L2", "cosine"])
def test_the_nearest_are_those_of_a_sort(metric):
    rng = np.random.default_rng(0)
    vectors = np.round(rng.normal(size=(500, 6)), 1).astype(np.float32)
    vectors[40:60] = vectors[3]  # equally near ones come in the order of the rows
    vectors[70] = 0
    for place in (vectors[3], rng.normal(size=6)):
        rows, away = nearest(vectors, place, 25, metric)
        x, q = vectors.astype(float), np.asarray(place, float)
        expected = np.linalg.norm(x - q, axis=1)
        if metric == "cosine":
            lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(q)
            expected = 1 - (x @ q) / np.where(lengths > 0, lengths, 1)
        assert np.allclose(away, np.sort(expected)[:25], atol=1e-9)
        assert (np.diff(away) >= 0).all()
        assert np.allclose(expected[rows], away, atol=1e-9)
    rows, _ = nearest(vectors, vectors[3], 5, metric)
    assert rows.tolist() == [3, 40, 41, 42, 43]
    assert len(nearest(vectors[:3], vectors[3], 5, metric)[0]) == 3
    assert not len(nearest(vectors[:0], vectors[3], 5, metric)[0])


class Jobs:
    """Jobs that end when the test says so."""

    def __init__(self):
        self.asked = []

    def submit(self, analysis, title, done, request, *, failed, left):
        self.asked.append((request["layer"], done, left))


@pytest.fixture
def query(tmp_path):
    """A query over forty digits, with jobs that stand still and the space that they would give."""
    lens = Lens(capture(load_model("zoo:digits"), load_samples("digits", "test", limit=40), tmp_path / "run"))
    session, catalog, jobs = Session(lens), Catalog(lens.registry), Jobs()
    made = Query(session, lens, jobs, catalog.searches[0])
    return made, jobs, lambda layer: lens.run(made.tool.id, layer=layer)


def test_one_space_is_computed_once_however_often_it_is_asked_for(query):
    made, jobs, space = query
    ids = made.lens.store.ids
    for sample in ids[[3, 4, 5]]:
        made.session.state.focus = int(sample)
    assert [layer for layer, _, _ in jobs.asked] == [made.layer]
    assert "looking" in made.body.html
    jobs.asked[0][1](space(made.layer))
    assert made.asked.sample == ids[5] and len(made.near) == 12 and "12 nearest" in made.body.html


def test_a_space_that_was_not_computed_is_offered_again(query):
    made, jobs, _ = query
    made.session.state.focus = int(made.lens.store.ids[3])
    jobs.asked[0][2]()
    assert "looking" not in made.body.html and "Try again" in made.body.html
    made.search()
    assert len(jobs.asked) == 2 and "looking" in made.body.html


def test_what_nobody_sees_is_not_looked_for(query):
    made, jobs, _ = query
    made.hidden = True
    made.session.state.focus = int(made.lens.store.ids[3])
    made.session.state.focus = int(made.lens.store.ids[4])
    assert not jobs.asked
    made.hidden = False
    assert len(jobs.asked) == 1 and made.asked.sample == made.lens.store.ids[4]


def test_where_there_is_no_other_sample_it_says_so(query):
    made, jobs, space = query
    first = int(made.lens.store.ids[3])
    made.session.state.focus = first
    jobs.asked[0][1](space(made.layer).sel(sample=[first]))
    assert "No other sample" in made.body.html and "looking" not in made.body.html


class Asked:
    """In place of `submit_explained`: jobs that end when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, lens, content, method, **request):
        if content == b"wrong":
            raise SamplesError("No picture.", "Give one.")
        self.jobs.append((Job(f"{len(self.jobs)}", method), method, request))
        return self.jobs[-1][0]


def test_of_several_maps_the_last_one_is_shown(query, monkeypatch):
    made, _, _ = query
    lens, session, asked = made.lens, made.session, Asked()
    monkeypatch.setattr("nnlens.ui.query.explained.submit_explained", asked)
    tools = Catalog(lens.registry).attributions
    shown = Explained(session, lens, Work(session), tools, stops(lens.store), lambda: "conv1")
    blank = np.zeros(10, np.float32)
    seen = Outside(blank, blank, b"", b"", 8, 8)
    shown.explain()
    assert not asked.jobs, "there is no picture"
    shown.take(b"one")
    shown.explain()
    shown.explain()
    (first, _, request), *more = asked.jobs
    assert not more and request == {"layer": "conv1"} and "bone" in shown.markup(seen)
    flat = next(tool.id for tool in tools if not shown._on_layer(tool.id))
    shown.actions["method"](flat, None)
    shown.actions["method"]("unknown", None)
    shown.explain()
    assert first.state == "cancelled" and asked.jobs[1][1:] == (flat, {})
    sample = int(lens.store.ids[0])
    result = Lens(lens.store, load_model("zoo:digits")).run(flat, sample=[sample])
    asked.jobs[1][0].end("done", result)
    assert shown.figure.heat is not None and "(predicted)" in shown.markup(seen)
    shown.explain()
    shown.cancel()
    assert asked.jobs[2][0].state == "cancelled" and "press Explain" in shown.markup(seen)
    shown.explain()
    asked.jobs[3][0].end("failed", error=JobError("It failed.", "Do this."))
    assert "It failed." in shown.markup(seen) and "Do this." in shown.markup(seen)
    shown.take(b"wrong")
    assert shown.markup(None) == "", "another picture is not seen yet"
    shown.explain()
    assert "No picture." in shown.markup(seen)


def test_what_a_browser_sends_is_checked():
    taken = []
    drop = ImageDrop(lambda name, content: taken.append((name, content)), lambda function: function)
    drop._take({"name": "a.png", "size": 3, "data": base64.b64encode(b"abc").decode()})
    drop._take("nonsense")
    assert taken == [("a.png", b"abc")]
    large = base64.b64encode(b"x" * (LARGEST_FILE + 10)).decode()
    for sent, words in (
        ({"name": "a", "size": 3, "data": large}, "at most 8 MB"),
        ({"name": "a", "size": 16_000_000}, "has 16.0 MB"),
        ({"name": "a", "size": 3, "data": "%%%"}, "did not arrive whole"),
        ({"name": "a", "size": 0, "data": ""}, "is empty"),
        ({"name": "a", "size": "x", "data": 7}, "at most 8 MB"),
        ({"name": "a", "size": 3, "failed": True}, "did not arrive whole"),
    ):
        with pytest.raises(SamplesError, match=words):
            drop._take(sent)
    assert len(taken) == 1


HOSTILE = "<img src=x onerror=window.hacked=1>.pth"


class Sent(ImageDrop):
    """A drop whose browser does what is asked, until it is told otherwise."""

    def send(self, name, content, size=None):
        """Send a file as the browser does; returns what was sent in how many pieces."""
        self.begin(name, len(content) if size is None else size)
        for sent in range(1000):
            if not self.wanted:
                return sent
            self.answer(self.wanted.pop(), content)
        raise AssertionError("there is no end")

    def begin(self, name, size):
        """Tell of a file; returns its count."""
        self.wanted, self.last = [], getattr(self, "last", 0) + 1
        self._take({"name": name, "size": size, "weights": self.last})
        return self.last

    def answer(self, wanted, content):
        """Send the piece that is wanted."""
        at = wanted["at"]
        self._take({**wanted, "data": base64.b64encode(content[at : at + PIECE]).decode()})

    def _send_msg(self, data):
        self.wanted.append(data)


@pytest.fixture
def arriving():
    """What takes weights, with what came of them."""
    came = []

    def check(name, size):
        if size > 3 * PIECE:
            raise ModelError("Too large.")

    made = Arriving(check, lambda path: came.append((path.name, path.read_bytes())))
    yield made, came
    made.close()


@pytest.mark.parametrize("size", [1, PIECE, PIECE + 1, 3 * PIECE])
def test_weights_arrive_whole_in_pieces(arriving, size):
    made, came = arriving
    content = np.random.default_rng(0).bytes(size)
    drop = Sent(None, lambda function: function, made)
    told: list[str] = []
    made._moved = lambda begun: told.append(made.coming)
    assert drop.send("net.pth", content) == -(-size // PIECE) and came == [("net.pth", content)]
    assert told == [f"net.pth · {100 * at // size} %" for at in range(0, size, PIECE)] and not made.coming


def test_what_is_no_piece_ends_a_file(arriving):
    made, came = arriving
    drop = Sent(None, lambda function: function, made)
    with pytest.raises(ModelError, match="Too large"):
        drop.send("net.pth", b"", 3 * PIECE + 1)
    assert made._folder is None, "nothing was written"
    drop._take({"at": 0, "count": drop.last, "data": "AAAA"})  # of a file that was refused
    piece = base64.b64encode(bytes(PIECE)).decode()
    for wrong in (
        {"at": 1, "data": "AAAA"},
        {"at": "0", "data": "AAAA"},
        {"at": 0, "data": ""},
        {"at": 0, "data": None},
        {"at": 0, "data": "A" * 4 * PIECE},
        {"at": 0, "data": piece},
        {"at": 0, "data": "%%%"},
        {"at": -1},  # the browser could not read on
    ):
        count = drop.begin("net.pth", 10)
        with pytest.raises(ModelError, match="did not arrive whole"):
            drop._take({**wrong, "count": count})
        drop._take({"at": 0, "count": count, "data": "AAAA"})
        assert not list(made._folder.iterdir()) and not made.coming
    for wrong in ("10", None, True, 1.5, [1]):
        for sent in ({"size": wrong, "weights": 1}, {"size": 10, "weights": wrong}):
            with pytest.raises(ModelError, match="did not arrive whole"):
                drop._take({"name": "net.pth", **sent})
    assert not came


def test_of_two_files_at_once_no_piece_is_taken_for_one_of_the_other(arriving):
    made, came = arriving
    drop = Sent(None, lambda function: function, made)
    rng = np.random.default_rng(1)
    one, two = rng.bytes(2 * PIECE + 5), rng.bytes(2 * PIECE + 5)
    drop.begin("one.pth", len(one))
    drop.answer(drop.wanted.pop(), one)
    late = drop.wanted.pop()
    with pytest.raises(ModelError, match="Too large"):
        drop.begin("huge.pth", 3 * PIECE + 1)
    drop._take({"at": late["at"], "count": drop.last, "data": base64.b64encode(two[:PIECE]).decode()})
    assert made.coming.startswith("one.pth · 49 %") and not drop.wanted, (
        "a refused file leaves the one before"
    )
    drop.begin("two.pth", len(two))
    for stray in (late, {"at": 0, "count": late["count"]}, {"at": 0}, {"at": 0, "count": True}):
        drop.answer(stray, one)
        assert len(drop.wanted) == 1 and made.coming == "two.pth · 0 %"
    while drop.wanted:
        drop.answer(drop.wanted.pop(), two)
    assert came == [("two.pth", two)]


def test_where_there_is_no_room_for_weights_it_says_so(arriving, monkeypatch):
    made, came = arriving
    drop = Sent(None, lambda function: function, made)
    drop.begin("net.pth", 10)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for refused in ("touch", "mkdir"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, refused, full)
            with pytest.raises(ModelError, match="cannot be kept: No space left") as caught:
                drop.begin("net.pth", 10)
            assert "Make room" in caught.value.hint and not made.coming
    assert drop.send("net.pth", b"abc") == 1 and came == [("net.pth", b"abc")]


def test_the_veil_names_weights_where_they_are_taken():
    guard = lambda function: function  # noqa: E731
    for more, named in (((), False), ((Arriving(None, None), False), False), ((Arriving(None, None),), True)):
        words = ImageDrop(None, guard, *more).words
        assert words.startswith("Drop a picture") and ("weights" in words) == named


NAMES = [
    "../../out.pth",
    "..",
    ".",
    "/etc/passwd",
    "a\0b.pth",
    "x" * 300,
    "\U0001f600" * 80,
    "\ud800.pth",
    "",
    7,
]


@pytest.mark.parametrize("name", [*NAMES, "\u202e.pth", HOSTILE])
def test_weights_of_any_name_stay_in_their_folder(arriving, name):
    made, came = arriving
    assert Sent(None, lambda function: function, made).send(name, b"abc") == 1
    files = [path for path in made._folder.rglob("*") if path.is_file()]
    assert [path.parent.parent for path in files] == [made._folder] and came[0][1] == b"abc"
    assert not isinstance(name, str) or not name.endswith(".pth") or came[0][0].endswith(".pth")


def saved(path, state):
    from safetensors.torch import save_file

    path.parent.mkdir()
    save_file(state, path)
    return path


def test_of_several_weights_the_last_that_fit_are_kept(query, tmp_path):
    made, _, _ = query
    model = load_model("zoo:digits")
    lens, session = Lens(made.lens.store, model.module), made.session  # a live one works in a thread
    networks = Networks(session, lens, Work(session))
    assert networks.takes and networks.menu() == ""
    told = []
    session.report = lambda what, *more: told.append(str(what))
    states = [model.randomized(seed=seed).module.state_dict() for seed in (1, 2)]
    one, two = (saved(tmp_path / f"{place}" / "net.safetensors", state) for place, state in enumerate(states))
    done = lambda: not networks.coming  # noqa: E731
    networks.take(one)
    wait_until(done, 60, what="the first")
    first = networks.used
    assert first.path == one and "net.safetensors" in networks.menu() and not told
    networks.choose(OWN)
    wrong = saved(
        tmp_path / "wrong" / "wrong.safetensors", states[0] | {"fc2.bias": states[0]["fc2.bias"][:3]}
    )
    networks.take(wrong)
    wait_until(done, 60, what="the wrong one")
    assert networks.weights is first and networks.used is None and one.exists()
    assert not wrong.exists() and "fc2" in told[0]
    networks.take(two)
    wait_until(done, 60, what="the second")
    assert networks.used.path == two and two.exists() and not one.exists()
    networks.choose(OWN)
    networks.choose("nonsense")
    assert networks.used is None
    networks.choose(OTHER)
    assert networks.used.path == two
    networks.close()
    assert not two.exists() and networks.used is None and networks.seen is None


def test_a_sample_is_explained_with_other_weights_too(query, tmp_path, monkeypatch):
    monkeypatch.setattr("nnlens.lens.outside.LARGEST_FILE", 10)  # no limit for pictures of the run
    made, _, _ = query
    model = load_model("zoo:digits")
    lens, session = Lens(made.lens.store, model.module), made.session
    tools = Catalog(lens.registry).attributions
    shown = Explained(session, lens, Work(session), tools, stops(lens.store))
    sample = int(lens.store.ids[3])
    shown.take(b"", sample)
    assert shown.markup(None) == "", "the inspector explains samples of the run"
    other = model.randomized(seed=1)
    shown.networks.take(saved(tmp_path / "0" / "net.safetensors", other.module.state_dict()))
    wait_until(lambda: shown.networks.seen is not None, 60, what="the sample as it was seen")
    image = lens.store.images([sample])
    np.testing.assert_array_equal(shown.networks.seen.logits, other.predict(other.prepare(image))[0])
    shown.explain()
    wait_until(lambda: hasattr(shown.outcome, "attrs"), 60, what="the map")
    monkeypatch.undo()
    expected = lens.outside(shown._picture, shown.method, model=other, layer=shown.at)
    np.testing.assert_array_equal(shown.outcome["attribution"], expected["attribution"])
    assert "net.safetensors" in shown.markup(None)
    shown.actions["network"](OWN, None)  # what was explained is explained again
    wait_until(lambda: hasattr(shown.outcome, "attrs"), 60, what="the map of the run's own")
    own = lens.run(shown.method, sample=[sample], layer=shown.at)
    np.testing.assert_array_equal(shown.outcome["attribution"], own["attribution"])
    shown.take(b"", int(lens.store.ids[4]))
    assert shown.outcome is None
    shown.networks.close()


class Looks:
    """In place of `submit_outside`: jobs that end when the test says so."""

    def __init__(self):
        self.jobs = []

    def __call__(self, lens, content, layer, weights, own):
        assert own == (content != b"dropped")
        self.jobs.append(Job(f"{len(self.jobs)}", "A picture"))
        return self.jobs[-1]


@pytest.fixture
def asking(query, monkeypatch):
    """A query with weights that fit, about a sample, whose pictures are looked at when the test says so."""
    made, jobs, _ = query
    looks = Looks()
    monkeypatch.setattr("nnlens.ui.query.networks.submit_outside", looks)
    lens, session = Lens(made.lens.store, load_model("zoo:digits").module), made.session
    explained = Explained(session, lens, Work(session), Catalog(lens.registry).attributions)
    asked = Query(session, lens, jobs, made.tool, explained)
    return asked, explained.networks, looks


def test_why_other_weights_make_nothing_of_a_sample_is_said_once_more_and_tried_again(asking):
    asked, networks, looks = asking
    shown = lambda: asked.body.html  # noqa: E731
    asked.session.state.focus = int(asked.lens.store.ids[3])
    networks._fit(Weights(Path("one/net.pth")))
    assert "with <bdi>net.pth" in shown() and "bone line" in shown()
    looks.jobs[0].end("failed", error=JobError("It took too long.", "Do this."))
    assert "It took too long." in shown() and "Do this." in shown() and "bone line" not in shown()
    assert 'value="own"' in shown(), "the way back"
    asked.explained.actions["look"]("", {})
    assert "bone line" in shown() and "too long" not in shown()
    blank = np.zeros(10, np.float32)
    looks.jobs[1].end("done", Outside(blank + np.nan, blank, b"", b"", 8, 8))
    assert "not finite" in shown() and "nan" not in shown() and "bone line" not in shown()
    asked.session.state.focus = int(asked.lens.store.ids[4])
    looks.jobs[2].cancel()
    assert "was not looked at" in shown()
    asked.explained.actions["network"](OWN, {})
    assert "was not looked at" not in shown()
    asked.by_picture("a.png", b"dropped")
    looks.jobs[3].end("done", Outside(blank, blank, b"", b"", 8, 8))
    assert networks.seen is not None and networks.problem is None


def test_a_sample_whose_picture_is_gone_has_no_bones_forever(asking, monkeypatch):
    asked, networks, looks = asking

    def gone(sample):
        raise SamplesError("The data set is gone.", "Find it.")

    monkeypatch.setattr(asked.lens.pictures, "full", gone)
    told = []
    asked.session.report = lambda what, *more: told.append(str(what))
    networks._fit(Weights(Path("one/net.pth")))
    for place in (3, 4):
        asked.session.state.focus = int(asked.lens.store.ids[place])
        assert "The data set is gone." in asked.body.html and "bone line" not in asked.body.html
        assert "Try again" not in asked.body.html and not looks.jobs
    assert len(told) == 1


def test_weights_on_their_way_are_told_of_whatever_is_asked(asking):
    asked, networks, _ = asking
    comes = lambda: "eading <bdi>net.pth · 0 %" in asked.body.html  # noqa: E731
    networks.arriving.begin("net.pth", 100, 1)
    assert comes()
    asked.session.state.focus = int(asked.lens.store.ids[3])
    assert "looking" in asked.body.html and comes()
    asked.by_id("nonsense")
    assert "is no sample id" in asked.body.html and comes()
    with pytest.raises(ModelError):
        networks.arriving.add(-1, b"", 1)
    assert "is no sample id" in asked.body.html and not comes()
    networks.close()


def test_a_link_chooses_layer_and_measure(query):
    """Not only in the menus: what is asked for next is looked up there."""
    made, _, _ = query
    other = next(name for name in made._layers.options.values() if name != made.layer)
    made.session.state.choices = {"query": f'["{other}", "cosine"]'}
    assert (made.layer, made.metric) == (other, "cosine") == (made._layers.value, made._metrics.value)
    made.session.state.choices = {"query": '["gone", "cosine", 3]'}
    assert (made.layer, made.metric) == (other, "cosine")
