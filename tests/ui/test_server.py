"""The server: what each answer carries, whose pictures it gives, how many pages, and what it says when all fails."""

from __future__ import annotations

import http.client
import io
import urllib.error
import urllib.request
from contextlib import closing
from urllib.parse import quote

import numpy as np
import panel as pn
import pytest
from PIL import Image

from nnlens.errors import NNLensError
from nnlens.testing import tiny_store
from nnlens.ui.core.images import SOURCES, ImageSource, ImageSources
from nnlens.ui.look.pictures import png
from nnlens.ui.look.shell import shell
from nnlens.ui.serving import ports, server
from nnlens.ui.serving.launch import show_runs
from nnlens.ui.serving.limits import HEADERS, Seats, busy_page, error_page


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("runs") / "tiny run")


@pytest.fixture(scope="module")
def served(run):
    made = server.serve(show_runs(run.path), browser=False, block=False)
    yield made
    made.stop()
    made.wait()


def get(url):
    return urllib.request.urlopen(url, timeout=30)


def status(served, path, headers):
    port = int(served.url.rstrip("/").rpartition(":")[2])
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        with closing(connection.getresponse()) as answer:
            return answer.status


def test_every_answer_has_the_headers(served):
    with get(served.url) as answer:
        assert b"nnlens" in answer.read()
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    with get(served.url + "static/js/bokeh.min.js") as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_it_listens_on_this_machine_only(served):
    assert served.url.startswith("http://127.0.0.1:")


def test_pictures_are_those_of_the_run(served, run):
    address = SOURCES.offer(run.name, "key", run.images)
    with get(served.url + address + "/7") as answer:
        assert (
            answer.headers["Content-Type"] == "image/png" and "immutable" in answer.headers["Cache-Control"]
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        picture = np.asarray(Image.open(io.BytesIO(answer.read())))
    assert np.array_equal(picture, run.images([7])[0, ..., 0])


@pytest.mark.parametrize(
    "path",
    [
        "{run}/60",
        "{run}/-1",
        "{run}/x",
        "{run}/999999999999999999",
        "nothing/1",
        "../../etc/passwd/1",
        "%2e%2e%2fx/1",
        "{run}/1/2",
    ],
)
def test_other_pictures_are_not_there(served, run, path):
    address = SOURCES.offer(run.name, "key", run.images)
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(served.url + "image/" + path.format(run=address.partition("/")[2]))
    body = caught.value.read().decode()
    assert caught.value.code == 404 and "Traceback" not in body and str(run.path) not in body


def test_a_foreign_host_name_gets_nothing(served, run):
    picture = f"/{SOURCES.offer(run.name, 'key', run.images)}/1"
    for path in ("/", picture, "/static/js/bokeh.min.js", "/ws", "/nothing"):
        for host in (
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[x",
        ):
            assert status(served, path, {"Host": host}) in (400, 403), (path, host)
    for host in ("localhost", "127.0.0.1:80"):
        assert status(served, "/", {"Host": host}) == status(served, picture, {"Host": host}) == 200


def test_a_foreign_page_gets_no_connection(served):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "A" * 22 + "==", "Origin": "http://evil.example"}
    assert status(served, "/ws", upgrade) == 403


def test_a_taken_port_is_refused_and_the_usual_one_is_left(served):
    port = int(served.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(NNLensError, match=str(port)):
        ports.free_port(port)
    assert ports.free_port(None) != port


def test_pictures_are_encoded_once_and_a_grown_run_has_its_new_ones():
    asked = []

    def read(ids):
        asked.extend(ids)
        return np.full((len(ids), 3, 3, 1), 9, np.uint8)

    source = ImageSource(read)
    assert source.encoded(5) == source.encoded(5) == png(np.full((3, 3, 1), 9, np.uint8)) and asked == [5]
    sources = ImageSources()
    assert sources.offer("run", "key", read) is None, "without a route there is no address"
    sources.routed = True
    address = sources.offer("a/b <x>", "key", read)
    assert address == "image/" + quote("a/b <x>@key", safe="@") and "/" not in address.partition("/")[2]
    sources.offer("a/b <x>", "key", lambda ids: np.zeros((len(ids), 3, 3, 1), np.uint8))
    assert sources.find("a/b <x>@key").encoded(1) == png(np.zeros((3, 3, 1), np.uint8))


def test_seats_are_counted_and_given_back():
    seats = Seats(2)
    assert seats.take("a") and seats.take("b") and not seats.take("c")
    seats.leave("a")
    seats.leave("nobody")
    assert seats.take("c")
    assert "All places are taken" in busy_page(2).main[0].html


def test_an_error_becomes_a_page_in_words():
    html = error_page(KeyError("/some/where/secret")).main[0].html
    assert "This run cannot be shown" in html and "secret" not in html


class Broken:
    def page(self):
        raise ValueError("/some/where/secret")

    def warm(self):
        """Nothing to do."""


def test_a_visitor_never_gets_an_empty_page():
    page = server.visit(Broken(), Seats(1))
    assert "value error" in page.main[0].html and "secret" not in page.main[0].html


def test_what_one_visitor_does_touches_no_other_page():
    page, touched = shell(), []
    page.param.watch(touched.append, list(page.param))
    pn.state._add_busy_event("of another visitor")
    assert pn.state.busy
    pn.state._remove_busy_event("of another visitor")
    assert not touched, "Panel walks through all of a page that it touches, at every event of every visitor"
