"""Open every file of a folder of `make_hostile.py` under an audit hook, and print what each did: JSON.

``python open_watched.py FOLDER CACHE``; CACHE is where temporary files and caches may be written.
"""

from __future__ import annotations

import collections
import dataclasses
import inspect
import io
import json
import os
import sys
import tempfile
import typing
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

FOLDER, CACHE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
TRUSTED = tuple(
    str(Path(place).resolve()) for place in {sys.prefix, sys.base_prefix, Path(__file__).parents[2]}
)
FORBIDDEN = (
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pickle.find_class",
    "pty.spawn", "shutil.unpack_archive", "socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen",
    "urllib.Request", "webbrowser.open",
)  # fmt: skip
CHANGES = (
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
)
WRITES_CODE = {module.__file__ for module in (collections, dataclasses, inspect, typing)}
"""What of Python itself evaluates texts that it wrote, or annotations of modules."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """The hook: notes what nobody who only opens a file needs to do, while something is watched."""

    def __init__(self) -> None:
        self.events: list[str] | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.events is None:
            return
        events, self.events = self.events, None  # what follows opens no files that count
        try:
            if self.is_forbidden(event, arguments):
                events.append(f"{event} {arguments!r:.300}")
        finally:
            self.events = events

    def is_forbidden(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "exec":  # every module that is imported runs so, too
            place = getattr(arguments[0], "co_filename", "?")
            caller = sys._getframe(2).f_code.co_filename
            return not (is_trusted(place) or (place == "<string>" and caller in WRITES_CODE))
        if event == "open":
            path, mode, flags = arguments
            writes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & WRITING)
            return writes and not is_cache(path)
        return event in FORBIDDEN or (event in CHANGES and not is_cache(arguments[0]))


def is_trusted(place: str) -> bool:
    return place.startswith("<frozen") or str(Path(place).resolve()).startswith(TRUSTED)


def is_cache(path: object) -> bool:
    if isinstance(path, int):  # a file that is open already
        return True
    place = Path(os.fsdecode(path)).resolve() if isinstance(path, str | bytes | os.PathLike) else Path("/")
    own = place.is_relative_to(FOLDER / "runs") and "results" in place.parts  # where results of a run belong
    return place.is_relative_to(CACHE) or own or place == Path(os.devnull)


def model(path: Path) -> None:
    from nnlens import load_model
    from nnlens.cli import main

    architecture = {".keras": None, ".h5": "evil.json" if path.name == "weights.weights.h5" else None}
    chosen = architecture.get(path.suffix, "net.py:net")
    try:
        load_model(path.name, chosen)
    finally:
        words = ["capture", path.name, "digits", str(CACHE / f"run of {path.name}"), "--limit", "3"]
        main([*words, *(["--architecture", chosen] if chosen else [])])


def samples(path: Path) -> None:
    from nnlens import load_samples
    from nnlens.cli import main

    try:
        load_samples(path.name).images(slice(None))
    finally:
        main(["capture", "zoo:digits", path.name, str(CACHE / f"run of {path.name}")])


def run(path: Path) -> None:
    from nnlens import Lens
    from nnlens.cli import main

    for words in (["info"], ["verify"], ["run", "loss"], ["run", "saliency", "--sample", "1"]):
        main([words[0], str(path.name), *words[1:]])
    lens = Lens(path.name)
    try:
        lens.store.samples.load()
    finally:
        print(lens.store.zarr()["samples/label"][:])


def every() -> Iterator[tuple[str, Path, Callable[[Path], None]]]:
    """Yield what is to be opened, with the function for it: good ones first."""
    for folder, name, open_it in GOOD:
        yield "good", FOLDER / folder / name, open_it
    for folder, open_it in (("models", model), ("samples", samples), ("runs", run)):
        for path in sorted((FOLDER / folder).iterdir()):
            if path.suffix != ".py" and path.name not in (
                "evil.json",
                "secret.h5",
                "evil.pth",
                "ran",
                "__pycache__",
            ):
                yield folder, path, open_it


GOOD = [
    *[("good", name, model) for name in ("net.pth", "net.keras", "net.h5")],
    *[
        ("good", name, samples)
        for name in ("images.npy", "images.npz", "folder", "table.csv", "table.parquet", "cifar")
    ],
    ("good", "run", run),
]


def control(kind: str) -> None:
    """Open a file as nobody should."""
    if kind == "torch":
        import torch

        torch.load("zip open.pth", weights_only=False)
    elif kind == "pickle":
        import pickle

        pickle.loads(Path("pickle system.pth").read_bytes())
    elif kind == "exec":
        import pickle

        pickle.loads(Path("pickle exec.pth").read_bytes())
    else:
        import pickle

        sys.path.insert(0, "")
        pickle.loads(Path("pickle import.pth").read_bytes())
        sys.path.remove("")
        del sys.modules["evil"]


def watched(watch: Watch, path: Path, work: Callable[[], None]) -> dict[str, Any]:
    """Return what happened while a file was opened."""
    os.chdir(path.parent)
    said = io.StringIO()
    watch.events = []
    try:
        with redirect_stdout(said), redirect_stderr(said):
            work()
        ended = "opened"
    except Exception as error:  # which is what the test is about
        ended = f"{type(error).__module__}.{type(error).__name__}: {error}"
    events, watch.events = watch.events, None
    ran = Path("ran").exists()
    Path("ran").unlink(missing_ok=True)
    return {"ended": ended, "events": events, "ran": ran, "said": said.getvalue()}


def main() -> None:
    warnings.simplefilter("ignore")
    tempfile.tempdir = str(CACHE)
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")  # as with python -m nnlens: what lies beside a file could be imported

    watch = Watch()
    sys.addaudithook(watch)
    found = {}
    for kind, path, open_it in every():
        found[f"{kind}/{path.name}"] = watched(watch, path, lambda path=path, open_it=open_it: open_it(path))
    for kind in ("torch", "pickle", "exec", "import"):
        found[f"control/{kind}"] = watched(watch, FOLDER / "models" / "x", lambda kind=kind: control(kind))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
