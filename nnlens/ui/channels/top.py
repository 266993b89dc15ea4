"""The samples that drive a channel most, over all of the run, with the patch that does; a click selects them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.channels.frames import frames
from nnlens.ui.channels.known import latest, on_layer
from nnlens.ui.channels.source import ChannelSource
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import button, class_mark, picture
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import decimal, error_words, fill, joined, name, plain, seconds

KIND = "top"
"""Of the origin of a selection: the first samples of a channel in a result."""
SHOWN = 12
SELECTED = 50
KEY_LENGTH = 64
WHOLE = 0.995
"""Share of a picture from which a frame about it says nothing."""


class TopPhotos:
    """What drives the channel that was clicked.

    Parameters
    ----------
    source : ChannelSource
    """

    def __init__(self, source: ChannelSource) -> None:
        self.source = source
        self._found: dict[str, xr.Dataset | None] = {}
        self._tasks: dict[str, Task] = {}
        self._troubles: dict[str, BaseException] = {}
        session = source.session
        actions = {
            "focus": lambda sample, _: setattr(session.state, "focus", int(sample)),
            "find": lambda *_: self.find(),
            "stop": lambda *_: source.work.cancel(self._tasks[source.layer]),
            "select": lambda *_: self.select(),
        }
        self.view = Live(
            actions=actions, guard=session.guard, css=["bottom.css", "channels.css", "dialog.css"]
        )
        source.work.param.watch(session.guard(lambda _: self._moved()), "changes")

    @property
    def result(self) -> xr.Dataset | None:
        """What is known of this layer."""
        source, layer = self.source, self.source.layer
        if self._found.get(layer) is None:
            infos = on_layer(source.lens, layer)
            results = (latest(source.lens, tool, infos) for tool in source.catalog.top_samples)
            self._found[layer] = next((result for result in results if result is not None), None)
        return self._found[layer]

    def find(self) -> None:
        """Compute it for all channels of the layer."""
        source, layer, tool = self.source, self.source.layer, self.source.catalog.top_samples[0]
        self._troubles.pop(layer, None)

        def done(result: xr.Dataset) -> None:
            self._found[layer] = result
            source.session.resume()  # a selection of the address may stand on it
            self.paint()

        def failed(error: BaseException) -> None:
            self._troubles[layer] = error
            self.paint()

        title = f"{tool.title} of {source.stop.title}"
        try:
            self._tasks[layer] = source.work.submit(
                tool.id, title, done, {"layer": layer}, failed=failed, left=self.paint
            )
        except NNLensError as error:
            failed(error)
        self.paint()

    def select(self) -> None:
        """Choose the samples that drive the channel most."""
        result, session = self.result, self.source.session
        if result is not None and session.state.channel is not None:
            count = min(SELECTED, result.sizes["rank"])
            origin = {
                "kind": KIND, "result": str(result.attrs["key"]), "channel": session.state.channel, "count": count,
            }  # fmt: skip
            session.state.select(session.replay(origin), origin)

    def _moved(self) -> None:
        task = self._tasks.get(self.source.layer)
        if task is not None and task.running:
            self.paint()

    # ---------------------------------------------------------------------------------------------------- drawing
    def paint(self) -> None:
        """Draw the photos, or how to get them."""
        channel, task = self.source.session.state.channel, self._tasks.get(self.source.layer)
        result = self.result if self.source.catalog.top_samples and channel is not None else None
        if not self.source.catalog.top_samples or channel is None:
            self.view.show(Markup(""))
        elif result is not None:
            self.view.show(self._photos(result, channel))
        elif task is not None and task.running:
            self.view.show(_titled("", self._progress(task)))
        else:
            self.view.show(_titled("", self._offer()))

    def _progress(self, task: Task) -> Markup:
        return fill(
            '<div class="told"><div class="grow"><div class="cap cut">{words}</div>{bar}</div>{cancel}</div>'
            '<div class="photos" role="status" aria-label="computing">{bones}</div>',
            words=state_words(task),
            bar=bar(task),
            cancel=button("Cancel", "stop"),
            bones=joined(fill('<div class="bone photo"></div>') for _ in range(SHOWN)),
        )

    def _offer(self) -> Markup:
        trouble = self._troubles.get(self.source.layer)
        words = Markup("")
        if trouble is not None:
            text, hint = error_words(trouble)
            words = fill('<div><b class="bad">{text}</b> {hint}</div>', text=text, hint=hint)
        return fill(
            '<div class="offer sec">{words}<span>Not computed yet: one pass over all samples finds those of '
            "every channel{time}.</span> {button}</div>",
            words=words,
            time=self._time(),
            button=button("Find them", "find", kind="main"),
        )

    def _time(self) -> str:
        """Say how long it takes; nothing where the network has a part in it, which nobody has timed."""
        source, tool = self.source, self.source.catalog.top_samples[0]
        try:
            steps = source.lens.plan(tool.id, layer=source.layer).walk()
            known = not any(step.needs_model for step in steps) and source.lens.estimate(
                tool.id, layer=source.layer
            )
        except NNLensError:
            return ""
        return f", in {seconds(known)}" if known else ""

    def _photos(self, result: xr.Dataset, channel: int) -> Markup:
        row = result.isel(channel=channel)
        session = self.source.session
        ids = [int(sample) for sample in row["rank_sample"].values[:SHOWN]]
        urls, framed = session.image_urls(ids), _frames(session, row, ids)
        value = row["value"].values if "value" in row else None
        tiles = joined(
            self._photo(sample, urls[rank], framed[rank], None if value is None else float(value[rank]))
            for rank, sample in enumerate(ids)
        )
        count = min(SELECTED, result.sizes["rank"])
        return _titled(
            plain(result.attrs.get("caption", ""), 200),
            fill(
                '<div class="photos" data-walk>{tiles}</div>'
                '<div class="taken">{button}<span class="cap cut">{mix}</span></div>',
                tiles=tiles,
                button=button(f"Select its top {count}", "select"),
                mix=mix(session, row["rank_sample"].values[:count], value),
            ),
        )

    def _photo(self, sample: int, url: str, frame: Markup, value: float | None) -> Markup:
        session = self.source.session
        label = int(session.data.label[session.data.position(sample) or 0])
        strength = "" if value is None else f" · its largest value {decimal(value)}"
        return fill(
            '<button class="photo {on}" type="button" data-act="focus" data-value="{id}" data-key="photo{id}">'
            '<span class="framed">{image}{frame}</span><span class="cap cut">{label}</span></button>',
            on="on" if sample == session.state.focus else "",
            id=sample,
            image=picture(session, sample, url, title=f"sample {sample:,}{strength}"),
            frame=frame,
            label=class_mark(session, label, 16) if label != UNLABELLED else name("unlabelled"),
        )


def _titled(caption: str, body: Markup) -> Markup:
    return fill(
        '<div class="h3"><span>Photos that drive it most</span>'
        '<span class="cap cut" title="{full}">{caption}</span></div><div class="driven">{body}</div>',
        full=caption,
        caption=caption,
        body=body,
    )


def _frames(session: Session, row: xr.Dataset, ids: list[int]) -> list[Markup]:
    """Frame the patches that drive the channel; nothing where that is all of the picture."""
    size = tuple(int(row.attrs.get(f"input_{side}", 0)) for side in ("height", "width"))
    if "patch" not in row or not all(size) or not session.data.pictured:
        return [Markup("")] * len(ids)
    boxes = frames(session, ids, row["patch"].values[: len(ids)], (size[0], size[1]))
    return [
        fill(
            '<i class="patch" style="left:{x:.2f}%;top:{y:.2f}%;width:{w:.2f}%;height:{h:.2f}%"></i>',
            **{key: 100 * share for key, share in zip("xywh", box, strict=True)},
        )
        if min(box[2:]) < WHOLE
        else Markup("")
        for box in boxes
    ]


def mix(session: Session, ids: Any, value: Any) -> str:
    """Say which class is the most frequent, or that the channel says nothing."""
    if value is not None and len(value) and float(np.max(value)) == float(np.min(value)):
        return "all with the same value: those of the lowest ids"
    positions = session.data.positions(ids)
    labels = session.data.label[positions[positions >= 0]]
    labels = labels[labels != UNLABELLED]
    if not len(labels):
        return ""
    classes, counts = np.unique(labels, return_counts=True)
    best = int(counts.argmax())
    return f"{counts[best]} of {len(ids)} are {plain(session.data.class_name(int(classes[best])), 20)}"


def resolve(session: Session, origin: Mapping[str, Any]) -> Mask | None:
    """Make the selection of a channel's top samples again; None while the result is not there.

    Parameters
    ----------
    session : Session
    origin : mapping
        ``result`` (a key), ``channel`` and ``count``; may come from an address, so nothing in it is trusted.
    """
    key, channel, count = str(origin.get("result", "")), origin.get("channel"), origin.get("count")
    if session.lens is None or len(key) != KEY_LENGTH or not key.isalnum():
        return None
    result = session.lens.result(key)
    if result is None or "rank_sample" not in result or type(channel) is not int or type(count) is not int:
        return None
    if not (0 <= channel < result.sizes["channel"] and count > 0):
        return None
    positions = session.data.positions(result["rank_sample"].values[channel, :count])
    return session.data.mask(positions[positions >= 0])
