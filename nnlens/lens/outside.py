"""A picture from outside of a run, as the network of the run sees it: its logits and its vector on a layer.

::

    job = submit_outside(lens, Path("cat.jpg").read_bytes(), "fc1")
    job.result().vector
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.errors import AnalysisError, JobError, NNLensError, SamplesError
from nnlens.jobs import Job, Task
from nnlens.jobs.reporting import Report
from nnlens.jobs.telling import Told
from nnlens.lens.plan import model_words
from nnlens.models.base import Model
from nnlens.samples.decoding import decode, read_header

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.lens.weights import Weights

LARGEST_FILE = 8 << 20
"""Bytes of a picture file: with the third that base64 adds it stays below what a page's connection takes."""
SHOWN = 224
DEADLINE = 30.0
_ONE = threading.Lock()


@dataclass(frozen=True)
class Outside:
    """What the network makes of a picture.

    Attributes
    ----------
    logits : ndarray, dims (class_,), float32
    vector : ndarray, dims (channel,), float32
        The pooled channels of the layer.
    picture : bytes
        A small PNG of it, as its file has it.
    seen : bytes
        The same as it went into the network: cut, stretched or padded, so that a map lies over the right pixels.
    height, width : int
        Of the file's picture.
    """

    logits: NDArray[np.float32]
    vector: NDArray[np.float32]
    picture: bytes
    seen: bytes
    height: int
    width: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outside:
        """Rebuild from `to_dict`."""
        logits, vector = (np.asarray(data[name], np.float32) for name in ("logits", "vector"))
        picture, seen = (base64.b64decode(data[name]) for name in ("picture", "seen"))
        return cls(logits, vector, picture, seen, int(data["height"]), int(data["width"]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "logits": self.logits.tolist(),
            "vector": self.vector.tolist(),
            "picture": base64.b64encode(self.picture).decode(),
            "seen": base64.b64encode(self.seen).decode(),
            "height": self.height,
            "width": self.width,
        }


def check_size(size: int) -> None:
    """Refuse a file that is empty or too large.

    Raises
    ------
    SamplesError
        Saying how large it may be.
    """
    if size > LARGEST_FILE:
        raise SamplesError(
            f"The picture has {size / 1e6:,.1f} MB.", f"Give one of at most {LARGEST_FILE / 1e6:.0f} MB."
        )
    if size == 0:
        raise SamplesError("The file is empty.", "Give a picture, such as PNG or JPEG.")


def look(model: Model, content: bytes, layer: str) -> Outside:
    """Decode the bytes of a picture file and run it through the network.

    Raises
    ------
    SamplesError
        If it is no picture, of another format, or of too many pixels.
    """
    image = decoded(content, model.preprocess.channels)
    inputs = model.prepare([image])
    activation = np.asarray(model.activations(inputs, [layer])[layer][0], np.float32)
    vector = activation.mean((1, 2)) if activation.ndim == 3 else activation
    used = model.preprocess
    seen = image if used.code else used.place(image[None])[0]
    return Outside(model.predict(inputs)[0], vector, png(image, SHOWN), png(seen, SHOWN), *image.shape[:2])


def decoded(content: bytes, channels: int) -> NDArray[np.uint8]:
    """Decode a picture, dims (y, x, channel), as those of a data set are.

    Raises
    ------
    SamplesError
        If it is no picture, of another format, damaged, or too large.
    """
    with tempfile.NamedTemporaryFile(suffix=".picture") as file:
        file.write(content)
        file.flush()
        try:
            read_header(Path(file.name))
            return decode(Path(file.name), channels)
        except SamplesError as error:
            raise SamplesError(
                f"The file {error.message.rstrip('.')}.", "Give a picture, such as PNG or JPEG."
            ) from error


def png(image: NDArray[np.uint8], side: int | None = None) -> bytes:
    """Return a picture (y, x, channel) as PNG, shrunk where it is larger than `side` pixels."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    if side is not None:
        picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def submit_outside(
    lens: Lens, content: bytes, layer: str, weights: Weights | None = None, own: bool = False
) -> Job:
    """Have a picture looked at by the process that holds the model; a live model looks in a thread of this one.

    Parameters
    ----------
    lens : Lens
    content : bytes
        Of the file.
    layer : str
    weights : Weights, optional
        Other ones than those of the model.
    own : bool
        Whether it is a picture of the run, which may be as large as it is.

    Returns
    -------
    Job
        Its result is an `Outside`.

    Raises
    ------
    SamplesError
        If the file is too large.
    AnalysisError
        If there is no model.
    """
    if not own:
        check_size(len(content))
    model = the_model(lens)
    other = {} if weights is None else weights.told
    key = f"outside {lens.store.fingerprint} {layer} {hashlib.sha256(content).hexdigest()} {other or ''}"
    reference = model.reference
    if reference is None:
        return in_thread(
            key, "A picture", lambda _: look(weights.opened(lens) if weights else model, content, layer)
        )
    arguments = {
        **other,
        "model": reference.to_dict(),
        "layer": layer,
        "picture": base64.b64encode(content).decode(),
    }
    task = Task(
        key, "A picture", "nnlens.lens.tasks:outside", arguments, Outside.from_dict, deadline=DEADLINE
    )
    return lens.jobs.ask(owner(arguments["model"]), task)


def the_model(lens: Lens) -> Model:
    """Return the model that looks at a picture.

    Raises
    ------
    AnalysisError
        If there is none; says how to give it.
    """
    if lens.model is not None:
        return lens.model
    way = (
        f"Give it: {model_words(lens.store)}."
        if lens.store.has_model
        else "The run was made without a network."
    )
    raise AnalysisError("A picture from outside needs the model.", way)


def owner(reference: object) -> str:
    """Name whose long-lived worker answers: that of a model."""
    return json.dumps(reference, sort_keys=True)


def in_thread(key: str, title: str, work: Callable[[Report], Any]) -> Job:
    """Start a job in a thread of this process, one after the other: for a live model."""
    job = Job(key, title)

    def run() -> None:
        with _ONE:
            if not job.begin(lambda: None):
                return
            try:
                job.end("done", work(Told(job)))
            except NNLensError as error:
                job.end("failed", error=JobError(error.message, error.hint))
            except Exception as error:  # the reason is told in words, as of a job in a process
                job.end("failed", error=JobError(f"{title} failed: {type(error).__name__}."))

    threading.Thread(target=run, daemon=True, name="nnlens picture").start()
    return job
