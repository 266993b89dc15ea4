"""The inspector: one sample with its record and the ten most probable classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core import record as records
from nnlens.ui.core.record import Record
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import class_mark, class_name, empty, icon, icon_button, picture, swatch
from nnlens.ui.look.text import count, decimal, fill, joined, name, share
from nnlens.ui.look.tiles import tiles

FIRST_MISTAKES = 10
LONG = 10
"""Letters of label and prediction together, above which they are written smaller."""

Places = Callable[[int], Mapping[str, Any]]


class Inspector:
    """The sample in focus; a sample under a resting pointer is shown in passing.

    Parameters
    ----------
    session : Session
    walk : Walk
    places : callable
        Position → where each map shows it, by the map's title.
    """

    def __init__(self, session: Session, walk: Walk, places: Places) -> None:
        self.session, self.walk, self.places = session, walk, places
        actions = {
            "step": lambda by, _: walk.step(int(by)),
            "focus": lambda sample, _: setattr(session.state, "focus", int(sample)),
        }
        self.view = Live(actions=actions, guard=session.guard, css=["inspector.css", "tiles.css"])
        session.hub.register("inspector", self._focused, "focus")
        session.hub.register("preview", self._hovered, "hover")
        session.hub.register("place", self._selected)
        self._focused(session.state.focus)

    def _focused(self, sample: int | None) -> None:
        found = records.read(self.session, sample)
        self.view.show(self._nothing() if found is None else self._record(found))

    def _hovered(self, sample: int | None) -> None:
        """Show the sample under the pointer, and give the focus back when it leaves."""
        found = records.read(self.session, sample)
        if found is None:
            self._focused(self.session.state.focus)
        else:
            self.view.show(self._record(found, passing=True))

    def _selected(self, _: Mask | None) -> None:
        self._focused(self.session.state.focus)  # the place among the wrong ones of the selection

    # ---------------------------------------------------------------------------------------------------- markup
    def _nothing(self) -> Markup:
        """Say how to begin, with the samples that the network finds hardest."""
        session, worst = self.session, self.walk.worst(None, FIRST_MISTAKES)
        scored, wrong = session.data.scored, count(self.walk.wrong.sum())
        return empty(
            "No sample in focus",
            fill(
                "Click a point, or press {j} for the {which} one.",
                j=fill("<kbd>j</kbd>"),
                which="worst" if scored else "first",
            ),
            action=fill(
                '<div class="h3"><span>{title}</span><span class="cap">{note}</span></div>'
                '<div class="tiles" data-walk>{tiles}</div>',
                title="Largest losses" if scored else "First samples",
                note=f"{wrong} wrong · label → prediction" if scored else "label",
                tiles=tiles(session, session.data.ids[worst].tolist()),
            ),
        )

    def _record(self, found: Record, passing: bool = False) -> Markup:
        return fill(
            '{head}<div class="who">{image}<div class="grow">{verdict}{rows}</div></div>{bars}',
            head=self._head(found, passing),
            image=picture(self.session, found.sample, self.session.image_url(found.sample), classes="subject")
            if self.session.data.pictured
            else "",
            verdict=self._verdict(found),
            rows=self._rows(found),
            bars=self._bars(found) if found.scored else "",
        )

    def _head(self, found: Record, passing: bool) -> Markup:
        at, total = self.walk.place()
        place = f"{at:,} of {total:,}" if at else f"{total:,}"
        kind = "wrong" if total and self.walk.wrong[self.walk.stops()[0]] else "samples"
        steps = fill(
            '{back}<span class="cap">{place} {kind}</span>{next}',
            back=icon_button("chevron_left", "the one before (k)", "step", -1),
            place=place,
            kind=kind,
            next=icon_button("chevron_right", "the next one (j)", "step", 1),
        )
        return fill(
            '<div class="head"><div class="b grow cut">Sample {id}</div>{middle}{copy}</div>',
            id=count(found.sample),
            middle=fill('<span class="tag">under the pointer</span>') if passing else steps,
            copy="" if passing else self._copy(found),
        )

    def _copy(self, found: Record) -> Markup:
        return fill(
            '<button class="icon" type="button" data-copy="{json}" title="copy the record as JSON"'
            ' aria-label="copy the record as JSON">{icon}</button>',
            json=records.to_json(self.session, found, self.places(found.position)),
            icon=icon("content_copy"),
        )

    def _verdict(self, found: Record) -> Markup:
        if not found.scored:
            return fill(
                '<div class="verdict"><span>{label}</span></div>', label=class_mark(self.session, found.label)
            )
        tags = {
            True: '<span class="tag">right</span>',
            False: '<span class="tag error">wrong</span>',
            None: "",
        }
        label = class_mark(self.session, found.label) if found.label != UNLABELLED else Markup("")
        prediction = class_mark(self.session, found.prediction) if found.prediction >= 0 else name("invalid")
        return fill(
            '<div class="verdict {long}"><span>{label}</span><span class="arrow">→</span>'
            "<span>{prediction}</span> {tag}</div>",
            long="long" if len(label.striptags() + prediction.striptags()) > LONG else "",
            label=label,
            prediction=prediction,
            tag=fill(tags[found.correct]),
        )

    def _rows(self, found: Record) -> Markup:
        rows = {}
        if found.scored:
            rows = {"loss": decimal(found.loss), "rank": f"{found.rank:,} of {len(self.session.data):,}"}
        rows |= {"margin": share(found.margin)} if found.margin == found.margin else {}
        rows |= records.facts(self.session, found)
        return fill(
            '<div class="kv">{rows}</div>',
            rows=joined(
                fill(
                    '<span>{key}</span><span class="cut" title="{full}">{value}</span>',
                    key=k,
                    full=v,
                    value=name(v),
                )
                for k, v in rows.items()
            ),
        )

    def _bars(self, found: Record) -> Markup:
        if found.probability is None:
            body = fill(
                '<div class="cap">The logits of this sample are not finite, so there are no '
                "probabilities.</div>"
            )
        else:
            chances = found.probability
            body = joined(
                self._bar(c, float(chances[c]), c == found.label, p == 0) for p, c in enumerate(found.best)
            )
        return fill(
            '<div class="part"><div class="h3"><span>Prediction</span><span '
            'class="cap">softmax{top}</span></div>{body}</div>',
            top=f", 10 of {len(found.probability):,}"
            if found.probability is not None and len(found.probability) > 10
            else "",
            body=body,
        )

    def _bar(self, code: int, value: float, label: bool, top: bool) -> Markup:
        return fill(
            '<div class="bar {top}"><span class="cut">{sw} {name}</span><span>{tag}</span><span '
            'class="track"><i style="width:'
            '{width}%"></i></span><span class="num">{value}</span></div>',
            top="top" if top else "",
            sw=swatch(self.session, code),
            name=class_name(self.session, code),
            tag=fill('<span class="tag">label</span>') if label else "",
            width=f"{np.clip(100 * value, 0.4, 100):.1f}",
            value=share(value),
        )
