"""The inspector: one sample with its picture, its record and what the network made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core import record as records
from nnlens.ui.core.pinning import toggle
from nnlens.ui.core.record import Record
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.inspector.scores import Scores
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import class_mark, empty, icon, icon_button, picture, pin_button
from nnlens.ui.look.text import count, decimal, fill, joined, name, share
from nnlens.ui.look.tiles import tiles

FIRST_MISTAKES = 10
LONG = 8
"""Letters of label and prediction together, above which they are written smaller."""

ENDING = 18
"""Letters of a file's name that are shown."""

Places = Callable[[int], Mapping[str, Any]]


class Inspector:
    """The sample in focus; a sample under a resting pointer is shown in passing.

    Parameters
    ----------
    session : Session
    walk : Walk
    places : callable
        Position → where each map shows it, by the map's title.
    looking : Looking
        Which sample is shown.
    """

    def __init__(self, session: Session, walk: Walk, places: Places, looking: Looking) -> None:
        self.session, self.walk, self.places, self.looking = session, walk, places, looking
        self.scores = Scores(session, looking, self._paint)
        self.large = False
        actions = {
            "step": lambda by, _: walk.step(int(by)),
            "focus": lambda sample, _: setattr(session.state, "focus", int(sample)),
            "pin": lambda sample, _: toggle(session, int(sample)),
            "enlarge": lambda *_: self._enlarge(),
            **self.scores.actions,
        }
        self.view = Live(
            actions=actions, guard=session.guard, css=["inspector.css", "scores.css", "tiles.css"]
        )
        looking.param.watch(session.guard(lambda *_: self._paint()), ["sample", "passing", "target"])
        session.hub.register("pin", lambda _: self._paint(), "pinned")
        session.hub.register("place", self._selected)
        self._paint()

    def _paint(self) -> None:
        found = records.read(self.session, self.looking.sample)
        self.view.show(self._nothing() if found is None else self._record(found, self.looking.passing))

    def _enlarge(self) -> None:
        """Show the picture as wide as the pane, or small again."""
        self.large = not self.large
        self._paint()

    def _selected(self, _: Mask | None) -> None:
        self._paint()  # the place among the wrong ones of the selection

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
            '{head}<div class="who {large}">{image}<div class="grow">{verdict}{rows}</div></div>{bars}',
            large="large" if self.large else "",
            head=self._head(found, passing),
            image=self._picture(found.sample) if self.session.data.pictured else "",
            verdict=self._verdict(found),
            rows=self._rows(found),
            bars=self.scores.markup(found) if found.scored else "",
        )

    def _picture(self, sample: int) -> Markup:
        """Draw the picture at its true pixels; over a thumbnail, which is there first. A press makes it large."""
        session, full = self.session, self.session.form_url(sample, "full")
        small = (
            picture(session, sample, session.image_url(sample), classes="photo") if session.thumbnails else ""
        )
        return fill(
            '<div class="shown"><button type="button" class="subject {over}" data-act="enlarge" data-key="enlarge" '
            'aria-pressed="{on}" title="{words}">{small}{whole}</button>{alone}</div>',
            over="over" if small else "",
            on="true" if self.large else "false",
            words="show it small" if self.large else "show it large",
            small=small,
            whole=picture(session, sample, full, classes=f"{session.photo} full"),
            alone=self._alone(full) if self.large else "",
        )

    def _alone(self, url: str) -> Markup:
        """Offer the picture for itself, where it has an address."""
        if url.startswith("data:"):
            return Markup("")
        return fill(
            '<a class="cap" href="{url}" target="_blank" rel="noopener">open it alone, pixel for pixel</a>',
            url=url,
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
            '<div class="head"><div class="b grow cut">Sample {id}</div>{middle}{pin}{copy}</div>',
            id=count(found.sample),
            middle=fill('<span class="tag">under the pointer</span>') if passing else steps,
            pin="" if passing else pin_button(found.sample, found.sample in self.session.state.pinned),
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
            '<div class="verdict {long}"><span>{label}</span><span class="to"><span class="arrow">→</span>'
            "<span>{prediction}</span>{tag}</span></div>",
            long="long" if len(label.striptags() + prediction.striptags()) > LONG else "",
            label=label,
            prediction=prediction,
            tag=fill(tags[found.correct]),
        )

    def _rows(self, found: Record) -> Markup:
        rows = {}
        if found.scored:
            rows = {"loss": decimal(found.loss)}
        if found.scored and found.rank is not None:
            rows["rank"] = f"{found.rank:,} of {len(self.session.data):,}"
        rows |= {"margin": share(found.margin)} if found.margin == found.margin else {}
        rows |= records.facts(self.session, found)
        return fill(
            '<div class="kv">{rows}</div>',
            rows=joined(
                fill(
                    '<span>{key}</span><span class="cut" title="{full}">{value}</span>',
                    key=k,
                    full=v,
                    value=name(v if k != "path" else _file(v)),
                )
                for k, v in rows.items()
            ),
        )


def _file(path: str) -> str:
    """Write the end of a file's name, which tells it from its neighbors."""
    last = path.rstrip("/").rpartition("/")[2]
    return last if len(last) <= ENDING else "…" + last[1 - ENDING :]
