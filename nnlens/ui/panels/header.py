"""The bar at the top: which run, how good; what is selected; jobs, link, theme, help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import panel as pn
from markupsafe import Markup

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import Download, TakeOut
from nnlens.ui.look.live import Action, Live
from nnlens.ui.look.parts import WIDE, button, icon, icon_button
from nnlens.ui.look.text import count, fill, joined, percent, plain
from nnlens.ui.look.theme import HEADER

VISIBLE_SHARE = 0.004
"""A class with less of the selection than this is too thin to be drawn in the pill's bar."""
NEAR_CHANCE = 1.5
"""Times chance; below it the accuracy is shown as a warning."""
AT_ONCE = 0.05
"""Seconds in which the browser has what stands in the bar, before the server is busy with another run."""


def accuracy(session: Session, mask: Mask | None = None) -> float:
    """Return the share of right predictions among the samples with a label; NaN where none has one."""
    label, correct = session.data.label, session.data.correct
    if mask is not None:
        chosen = np.flatnonzero(mask)
        label, correct = label[chosen], correct[chosen]
    counted = correct[label != UNLABELLED]
    return float(counted.mean()) if len(counted) else float("nan")


def _part(session: Session, actions: Mapping[str, Action], width: int) -> Live:
    """Return a piece of the bar, as high as it."""
    return Live(
        actions=actions,
        guard=session.guard,
        css="header.css",
        sizing_mode="fixed",
        width=width,
        height=HEADER,
    )


class Facts:
    """The run: its name, or a menu of runs, with the number of samples and the accuracy."""

    def __init__(
        self, session: Session, runs: Sequence[str] = (), open_run: Callable[[str], Any] | None = None
    ) -> None:
        self.session, self._open_run, self._runs, self._opening = session, open_run, dict[str, str](), ""
        self.view = _part(session, {"run": lambda value, _: self.open(value)}, 480)
        self.view.css_classes = ["run-facts"]
        self.offer(dict.fromkeys(runs, ""))

    def offer(self, runs: Mapping[str, str]) -> None:
        """Offer runs, by name with why one cannot be opened."""
        self._runs = dict(runs) if self._open_run else {}
        self._paint()

    def open(self, run: str) -> None:
        """Open another run, once the page says so: that takes seconds, and no other is taken meanwhile."""
        if run in self._runs and not self._opening:
            self._opening = run
            self._paint()
            if self.session.served:
                self.session.soon(AT_ONCE, self._go_there)
            else:
                self._go_there()

    def _go_there(self) -> None:
        run, opened = self._opening, False
        try:
            if self._open_run is not None:
                self._open_run(run)
                opened = True
        finally:
            if not opened:  # what is here stays, and the menu with it
                self._opening = ""
                self._paint()

    def _paint(self) -> None:
        opening = fill(
            '<div class="facts"><span class="ring busy" style="--at:25%"></span>'
            '<span class="run cut" data-key="run" tabindex="-1">Opening {run}…</span></div>',
            run=plain(self._opening),
        )
        self.view.show(opening if self._opening else self._markup(self.session, self._runs))

    def _markup(self, session: Session, runs: Mapping[str, str]) -> Markup:
        share = accuracy(session)
        chance = 1 / max(len(session.data.class_names), 1)
        near = share < NEAR_CHANCE * chance and len(session.data.class_names) > 1
        warning = fill(
            '<span class="warn" title="Near chance: check the preprocessing (size, order of colors, '
            'scale, mean).">{i}</span>',
            i=icon("warning_amber"),
        )
        return fill(
            '<div class="facts">{run}<span class="sec few">{n} samples</span>{share}{warning}</div>',
            run=_run_menu(session, runs),
            n=_held(session),
            share=_accuracy(percent(share)) if session.data.scored else "",
            warning=warning if near and session.data.scored else "",
        )


def _held(session: Session) -> str:
    """Say how many samples there are, and of how many where the capture is not finished."""
    store = session.lens.store if session.lens else None
    held = count(len(session.data))
    return held if store is None or store.complete else f"{held} of {count(store.total)}"


def _accuracy(share: str) -> Markup:
    return fill('<span class="sec">accuracy <b>{share}</b></span>', share=share)


def run_title(session: Session) -> str:
    """Name a run by its model and samples: ``lenet × mnist``; by its folder where it does not tell them.

    One without a network is named by its samples alone.
    """
    metadata = session.lens.store.metadata if session.lens else {}
    names = [
        plain(metadata.get(part, {}).get("name", ""), 32) for part in ("model", "samples") if part in metadata
    ]
    whole = len(names) == 2 or (names and not session.data.scored)
    return " × ".join(names) if whole else plain(session.data.name)


def _run_menu(session: Session, runs: Mapping[str, str]) -> Markup:
    current = session.data.name
    if len(runs) < 2:
        return fill(
            '<span class="run cut" title="run {full}">{run}</span>', run=run_title(session), full=current
        )
    options = joined(
        fill(
            '<option value="{run}" {on}>{short}</option>',
            run=run,
            short=plain(f"{plain(run, 32)}: {why}", 100) if why else plain(run),
            on="selected" if run == current else "disabled" if why else "",
        )
        for run, why in runs.items()
    )
    return fill(
        '<select data-act="run" data-key="run" aria-label="run" title="open another run">{options}</select>',
        options=options,
    )


class Pill:
    """What is selected: how many, of which classes, how accurate, what they share; undo, redo, clear.

    Parameters
    ----------
    session : Session
    share : callable, optional
        Asks what the selected samples share; without it there is no such button.
    """

    def __init__(self, session: Session, share: Callable[[], Any] | None = None) -> None:
        self.session, self._share = session, share
        state = session.state
        actions: dict[str, Action] = {
            "share": lambda *_: share() if share else None,
            "undo": lambda *_: state.undo(),
            "redo": lambda *_: state.redo(),
            "clear": lambda *_: state.clear(),
        }
        self.view = Live(actions=actions, guard=session.guard, css="header.css", height=48)
        session.hub.register("pill", self.push)
        self.push(state.mask)

    def push(self, mask: Mask | None) -> None:
        """Show a selection."""
        self.view.show(self._nothing() if mask is None else self._some(mask))

    def _nothing(self) -> Markup:
        return fill(
            '<div class="line cap" role="status"><span>nothing selected<span class="how">: {how}</span></span>'
            "{history}</div>",
            how="drag a lasso on a map, brush the loss, or click a cell"
            if self.session.data.scored
            else "drag a lasso on a map, or write a filter",
            history=self._history() if self.session.state.can_undo else "",
        )

    def _some(self, mask: Mask) -> Markup:
        return fill(
            '<div class="line"><div class="pill" role="status" aria-label="selection"><span><b '
            'class="n">{n}</b> selected</span>'
            '<div class="mix" aria-hidden="true">{mix}</div>{share}{ask}'
            '<span class="keys">{history}{clear}</span></div></div>',
            n=count(mask.sum()),
            mix=self._mix(mask),
            share=_accuracy(percent(accuracy(self.session, mask), 1)) if self.session.data.scored else "",
            ask=button("What do these share?", "share", kind="link") if self._share else "",
            history=self._history(),
            clear=icon_button("close", "clear the selection (esc)", "clear"),
        )

    def _mix(self, mask: Mask) -> Markup:
        """Draw the share of each class, the largest first."""
        labels = self.session.data.label[np.flatnonzero(mask)]
        sizes = np.bincount(labels[labels >= 0], minlength=1)
        classes = [int(c) for c in np.argsort(-sizes) if sizes[c] > VISIBLE_SHARE * len(labels)]
        return joined(
            fill(
                '<i style="width:{width}%;background:{color}" title="{name}"></i>',
                width=f"{100 * sizes[c] / len(labels):.1f}",
                color=self.session.colors.css(c),
                name=plain(self.session.data.class_name(c)),
            )
            for c in classes
        )

    def _history(self) -> Markup:
        state = self.session.state
        return icon_button("undo", "undo (ctrl z)", "undo", off=not state.can_undo) + icon_button(
            "redo", "redo (shift ctrl z)", "redo", off=not state.can_redo
        )


def with_export(session: Session, pill: Pill, downloads: Sequence[Download]) -> pn.Row:
    """Put beside the pill what takes the selected samples out; it is there as long as any are."""
    out = TakeOut(
        session, "take the selected samples out", downloads, words="Export", width=84, margin=(10, 0)
    )
    session.hub.register("export", lambda mask: setattr(out, "visible", mask is not None))
    out.visible = session.state.mask is not None
    pill.view.sizing_mode = None
    middle = {"justify-content": "center", "align-items": "center", "gap": "4px", "min-width": "0"}
    return pn.Row(pill.view, out, **WIDE, styles=middle)


class Tools:
    """Jobs, link, theme and help, at the right."""

    def __init__(self, session: Session, actions: Mapping[str, Action]) -> None:
        self.session = session
        self.view = _part(session, actions, 230)
        self.jobs(0, None)
        session.param.watch(lambda _: self.jobs(*self._shown), "theme")

    def jobs(self, running: int, share: float | None) -> None:
        """Show how many jobs run, and how far they are: a ring that fills."""
        self._shown = (running, share)
        ring = fill(
            '<span class="ring {busy}" style="--at:{at}%"></span>',
            busy="busy" if running and share is None else "",
            at=f"{25 if running and share is None else 100 * (share or 0):.0f}",
        )
        words = f"{running} job{'' if running == 1 else 's'} running" if running else "no job is running"
        dark = self.session.dark
        self.view.show(
            fill(
                '<div class="tools"><button class="jobs" type="button" data-act="jobs" data-key="jobs" '
                'title="{words}"'
                ' aria-label="jobs: {label}">{ring}<span>{label}</span></button>{controls}{link}{theme}{help}</div>',
                words=words,
                ring=ring,
                label=f"{running} running" if running else "Jobs",
                controls=_drawer_button(),
                link=_copy_link(),
                theme=icon_button(
                    "light_mode" if dark else "dark_mode", f"{'light' if dark else 'dark'} theme", "theme"
                ),
                help=icon_button("help_outline", "keys and about (?)", "help"),
            )
        )


def _copy_link() -> Markup:
    return fill(
        '<button class="icon" type="button" data-copy="" data-act="link" data-key="link" title="copy a '
        'link to this view"'
        ' aria-label="copy a link to this view">{icon}</button>',
        icon=icon("link"),
    )


def _drawer_button() -> Markup:
    """Return the button that opens the controls where the window is too narrow for them."""
    return fill('<span class="narrow">{button}</span>', button=icon_button("tune", "controls", "drawer"))
