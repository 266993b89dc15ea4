"""Downloads, from a server of the test's own: right, wrong, cut off, missing, endless, and killed midway."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples import downloads, load_samples, places, remote
from nnlens.samples.remote import File, Remote


def idx_files():
    """The four files of a data set of two images."""
    found = {}
    for prefix, value in (("train", 3), ("t10k", 5)):
        images = struct.pack(">4B3I", 0, 0, 8, 3, 2, 4, 4) + bytes([value] * 32)
        labels = struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([0, 9])
        found[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(images, mtime=0)
        found[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(labels, mtime=0)
    return found


def archive_of(**members):
    """A .tgz; a member is bytes, or a TarInfo."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return file.getvalue()


def picture(value):
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (value, 0, 0)).save(file, "PNG")
    return file.getvalue()


TINY_IMAGENETTE = {
    f"imagenette2-320/{split}/{synset}/{place}.png": picture(value + place)
    for split, value in (("train", 10), ("val", 100))
    for synset in ("n01440764", "n02102040")
    for place in range(2)
}


class Server(http.server.ThreadingHTTPServer):
    """Serves what `files` holds by path; `slow` blocks half-way until it is set, `cut` breaks off there."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.sent = {}, [], 0
        self.cut, self.slow = set(), set()
        self.halves, self.change = [], threading.Condition()
        self.go_on = threading.Event()

    def wait_for_halves(self, *names):
        with self.change:
            assert self.change.wait_for(lambda: self.halves[-len(names) :] == list(names), 120)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, server = self.path.lstrip("/"), self.server
        server.asked.append(name)
        content = server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        if name.endswith("gz") and "identity" not in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")  # as some servers do
        self.end_headers()
        half = len(content) // 2
        self.send(content[:half])
        with server.change:
            server.halves.append(name)
            server.change.notify_all()
        if name in server.slow:
            server.go_on.wait(60)
        if name not in server.cut:
            self.send(content[half:])

    def send(self, content):
        try:
            for start in range(0, len(content), 1 << 16):
                self.wfile.write(content[start : start + (1 << 16)])
                self.server.sent += 1 << 16
        except OSError:  # the other side has enough
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


def entry(name, content, server, algorithm="sha256"):
    return File(
        server.address + name, f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}", len(content)
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without data sets, and where it downloads to."""
    for name in ("home", "here", "debian", "data"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")
    monkeypatch.chdir(tmp_path / "here")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def mnist(server, home, monkeypatch):
    """The server has a small MNIST."""
    server.files |= idx_files()
    files = tuple(entry(name, content, server, "md5") for name, content in idx_files().items())
    monkeypatch.setitem(remote.REMOTES, "mnist", Remote("mnist", files))
    return server


@pytest.fixture
def imagenette(server, home, monkeypatch):
    """Let the server have an archive as Imagenette."""

    def serve(members, unpacked=100_000):
        content = archive_of(**members)
        server.files["imagenette2-320.tgz"] = content
        file = entry("imagenette2-320.tgz", content, server)
        monkeypatch.setitem(
            remote.REMOTES, "imagenette", Remote("imagenette2-320", (file,), archive=True, unpacked=unpacked)
        )

    return serve


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_downloaded_unasked_and_the_error_says_how_to_ask(mnist):
    with pytest.raises(SamplesError, match=r"hold no mnist\. Add --download \(download=True\)"):
        load_samples("mnist")
    assert mnist.asked == []


def test_a_data_set_of_files_is_fetched_once_and_then_here(mnist, home):
    told = []
    samples = load_samples("mnist", "test", download=True, progress=lambda *each: told.append(each))
    assert set(samples.images(slice(None)).ravel()) == {5}
    assert samples.labels.tolist() == [0, 9]
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint
    assert set(load_samples("mnist", download=True).images(slice(None)).ravel()) == {3}
    assert sorted(mnist.asked) == sorted(idx_files())
    assert left_in(home / "data") == ["mnist"]
    total = sum(map(len, idx_files().values()))
    assert told[-1] == (total, total, "downloading mnist (0 MB)")


def test_without_a_folder_of_the_users_it_goes_into_the_cache(mnist, home, monkeypatch):
    monkeypatch.delenv(places.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    load_samples("mnist", download=True)
    assert left_in(home / "cache" / "nnlens" / "data") == ["mnist"]
    assert len(load_samples("mnist")) == 2


def test_an_archive_of_pictures_is_fetched_and_unpacked(imagenette, server, home):
    imagenette(TINY_IMAGENETTE)
    samples = load_samples("imagenette", download=True)
    assert samples.class_names == ("tench", "English springer")
    assert samples.labels.tolist() == [0, 0, 1, 1]
    assert samples.images(slice(None))[:, 0, 0, 0].tolist() == [10, 11, 10, 11]
    assert samples.for_outputs(1000).labels.tolist() == [0, 0, 217, 217]
    for split in ("val", "test"):
        assert load_samples("imagenette", split).images([0])[0, 0, 0, 0] == 100
    assert load_samples(**samples.reference).fingerprint == samples.fingerprint
    assert left_in(home / "data") == ["imagenette2-320"]
    assert server.asked == ["imagenette2-320.tgz"]


@pytest.mark.parametrize("folder", ["imagenette2", "imagenette2-160", "imagenette2-320", "imagenette"])
def test_pictures_that_are_here_already_are_not_fetched(imagenette, server, home, folder):
    imagenette(TINY_IMAGENETTE)
    for name, content in TINY_IMAGENETTE.items():
        path = home / "data" / folder / name.partition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert len(load_samples("imagenette", "val", download=True)) == 4
    assert server.asked == []
    with pytest.raises(SamplesError, match=r"has no split 'extra'. Its splits are train, val and test"):
        load_samples("imagenette", "extra", download=True)


@pytest.mark.parametrize("name", list(idx_files()))
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda server, name: server.files.pop(name), r"127\.0\.0\.1 answers 404 for"),
        (lambda server, name: server.cut.add(name), r"connection to 127\.0\.0\.1"),
        (lambda server, name: server.files.update({name: b"other"}), "checksum differs"),
        (lambda server, name: server.files.update({name: b"\0" * 1_000_000}), "checksum differs"),
        (lambda server, name: server.files.update({name: b"<html>log in</html>"}), "checksum differs"),
    ],
    ids=["404", "cut", "other", "endless", "page"],
)
def test_what_goes_wrong_is_told_and_leaves_nothing(mnist, home, name, spoil, words):
    spoil(mnist, name)
    with pytest.raises(SamplesError, match=words) as caught:
        load_samples("mnist", download=True)
    assert str(home) not in str(caught.value)
    assert left_in(home / "data") == []
    mnist.cut.clear()
    mnist.files |= idx_files()
    assert len(load_samples("mnist", download=True)) == 2


def test_a_file_that_never_ends_is_not_read_to_its_end(mnist, home, monkeypatch):
    monkeypatch.setattr(downloads, "CHUNK", 1024)
    name = next(iter(idx_files()))
    mnist.files[name] = b"\0" * 200_000_000
    with pytest.raises(SamplesError, match="checksum differs"):
        load_samples("mnist", download=True)
    assert mnist.sent < 50_000_000  # what the buffers of two sockets hold, and much more


def test_offline_is_one_clear_word(home, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/mnist.gz"
    monkeypatch.setitem(remote.REMOTES, "mnist", Remote("mnist", (File(address, "md5:" + "0" * 32, 10),)))
    with pytest.raises(SamplesError, match=r"there is no connection to 127\.0\.0\.1\. .*NNLENS_DATA"):
        load_samples("mnist", download=True)
    assert left_in(home / "data") == []


def test_a_name_that_nobody_knows_is_offline_too(home, monkeypatch):
    files = (File("http://nobody.invalid/mnist.gz", "md5:" + "0" * 32, 10),)
    monkeypatch.setitem(remote.REMOTES, "mnist", Remote("mnist", files))
    with pytest.raises(SamplesError, match=r"there is no connection to nobody\.invalid"):
        load_samples("mnist", download=True)


def test_a_silent_server_is_given_up(mnist, home, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    mnist.slow.add(next(iter(idx_files())))
    with pytest.raises(SamplesError, match=r"127\.0\.0\.1 does not answer|connection to 127\.0\.0\.1"):
        load_samples("mnist", download=True)
    assert left_in(home / "data") == []


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"../outside.png": b"1"}, "leads out of its folder"),
        ({"imagenette2-320/../../outside.png": b"1"}, "leads out of its folder"),
        ({"/outside.png": b"1"}, "leads out of its folder"),
        ({"a\\..\\outside.png": b"1"}, "leads out of its folder"),
        ({"l": link("imagenette2-320/l", "/etc", tarfile.SYMTYPE)}, "has a link"),
        ({"l": link("imagenette2-320/l", "imagenette2-320/train", tarfile.LNKTYPE)}, "has a link"),
        ({"l": link("imagenette2-320/l", "", tarfile.FIFOTYPE)}, "has a link or a device"),
        ({"l": link("imagenette2-320/l", "", tarfile.CHRTYPE)}, "has a link or a device"),
        ({"imagenette2-320/bomb": b"\0" * 200_000}, "is larger"),
    ],
)
def test_an_archive_that_means_harm_is_not_unpacked(imagenette, home, member, words):
    imagenette(TINY_IMAGENETTE | member)
    with pytest.raises(SamplesError, match=words):
        load_samples("imagenette", download=True)
    assert left_in(home / "data") == []
    assert left_in(home) == ["data", "debian", "here", "home"]


def test_an_archive_of_something_else_is_refused(imagenette, server, home, monkeypatch):
    imagenette({"other/train/a.png": b"1"})
    with pytest.raises(SamplesError, match="has no folder imagenette2-320"):
        load_samples("imagenette", download=True)
    content = archive_of(**TINY_IMAGENETTE)[:-200]
    server.files["imagenette2-320.tgz"] = content
    broken = Remote(
        "imagenette2-320", (entry("imagenette2-320.tgz", content, server),), archive=True, unpacked=10**6
    )
    monkeypatch.setitem(remote.REMOTES, "imagenette", broken)
    with pytest.raises(SamplesError, match="is damaged and was not unpacked"):
        load_samples("imagenette", download=True)
    assert left_in(home / "data") == []


def test_a_folder_that_lacks_the_split_is_left_alone(mnist, home):
    (home / "data" / "mnist").mkdir()
    (home / "data" / "mnist" / "notes.txt").write_text("mine")
    with pytest.raises(SamplesError, match="folder mnist is there already, and has no train split"):
        load_samples("mnist", download=True)
    assert left_in(home / "data" / "mnist") == ["notes.txt"]


def test_a_full_disk_is_told_before(mnist, home, monkeypatch):
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and Full)
    with pytest.raises(SamplesError, match=r"mnist takes .* GB, and the disk has 0\.0 GB"):
        load_samples("mnist", download=True)
    assert mnist.asked == []


class Full:
    free = 3


def test_a_folder_that_cannot_be_written_is_told(mnist, home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv(places.VARIABLE, str(home / "file" / "below"))
    with pytest.raises(SamplesError, match=r"mnist cannot be stored: Not a directory\. .*NNLENS_DATA"):
        load_samples("mnist", download=True)


CHILD = """
import sys
from nnlens.samples import load_samples, remote
remote.REMOTES["mnist"] = eval(sys.argv[1], {"Remote": remote.Remote, "File": remote.File})
load_samples("mnist", download=True)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("name", [next(iter(idx_files())), list(idx_files())[-1]])
def test_a_stopped_download_leaves_nothing_that_looks_whole(mnist, home, stop, name):
    mnist.slow.add(name)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, repr(remote.REMOTES["mnist"])], stderr=subprocess.DEVNULL
    )
    mnist.wait_for_halves(name)
    child.send_signal(stop)
    child.wait(60)
    mnist.go_on.set()
    left = left_in(home / "data")
    assert "mnist" not in left
    assert left == [] or stop == signal.SIGKILL
    with pytest.raises(SamplesError, match="--download"):
        load_samples("mnist")
    for each in left:
        os.utime(home / "data" / each, (0, 0))
    mnist.slow.clear()
    assert len(load_samples("mnist", download=True)) == 2
    assert left_in(home / "data") == ["mnist"]


def test_two_at_once_both_end_with_the_data(mnist, home):
    mnist.slow |= set(idx_files())
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_samples("mnist", download=True))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    mnist.wait_for_halves(*[next(iter(idx_files()))] * 2)
    mnist.go_on.set()
    for thread in threads:
        thread.join()
    assert [len(samples) for samples in found] == [2, 2]
    assert left_in(home / "data") == ["mnist"]


def test_what_has_no_address_is_left_as_it_is(mnist, home):
    assert len(load_samples("digits", "all", download=True)) == 1797
    np.save(home / "here" / "a.npy", np.zeros((2, 3, 3), np.uint8))
    assert len(load_samples("a.npy", download=True)) == 2
    assert mnist.asked == []


def test_every_data_set_with_a_name_can_be_fetched_and_is_checked():
    from nnlens.samples.named import SETS

    assert set(remote.REMOTES) == set(SETS)
    for name, each in remote.REMOTES.items():
        assert each.folder in SETS[name].folders
        for file in each.files:
            algorithm, _, digest = file.checksum.partition(":")
            assert len(digest) == {"md5": 32, "sha256": 64}[algorithm]
            int(digest, 16)
        assert each.archive == (len(each.files) == 1)


def test_the_command_line_fetches_too(mnist, home, capsys, monkeypatch):
    from nnlens.cli import main

    model = ["zoo:digits", "mnist"]
    assert main(["doctor", *model]) == 1
    assert "--download" in capsys.readouterr().err
    assert mnist.asked == []
    main(["doctor", *model, "--download"])
    assert sorted(mnist.asked) == sorted(idx_files())
    assert Path(home / "data" / "mnist").is_dir()
    assert "downloaded" not in capsys.readouterr().err
