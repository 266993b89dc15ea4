"""What in a picture counts: a map of the sample that is looked at, details, and their product, side by side."""

from __future__ import annotations

import threading
from typing import Any

from markupsafe import Markup

from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.record import read
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.checks import Checks
from nnlens.ui.inspector.explanations import Explanations
from nnlens.ui.inspector.figures import Drawer, Figure, trouble
from nnlens.ui.inspector.looking import LABEL, PICTURE, PREDICTED, Looking
from nnlens.ui.look.absent import WHY_SHORT
from nnlens.ui.look.forms import parameters_of
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import control, line, menu, slider
from nnlens.ui.look.parts import icon
from nnlens.ui.look.text import fill, joined, plain

LISTED = 200
"""Classes that the menu of targets lists; the table of all classes has the others."""
FEW = 3
"""Parameters that are shown before the others are asked for."""


class Attributions:
    """A map of the sample that is looked at, by any method, for any output, with what belongs to it.

    Parameters
    ----------
    session : Session
    work : Work
    looking : Looking
        What is looked at, and how.
    checks : list of Tool
        What judges a map.
    """

    def __init__(self, session: Session, work: Work, looking: Looking, checks: list[Tool]) -> None:
        self.session, self.looking = session, looking
        self.explanations = Explanations(session, work, self.paint)
        self.checks = Checks(session, work, looking, checks, self.paint)
        self._drawer = Drawer(session)
        self._all = False
        self._asked_at: str | None = None
        self._due = False
        self._lock = threading.RLock()  # without a server results come by threads of their own
        self.view = Live(actions=self._actions(), guard=session.guard, css=["inspector.css", "explain.css"])
        if looking.tools:
            asked = ["sample", "passing", "target", "first", "second", "layer", "channel", "values", "check"]
            looking.param.watch(session.guard(lambda *_: self._soon()), asked)
            looking.param.watch(session.guard(lambda *_: self.paint()), ["view", "large", "strength"])
            session.param.watch(session.guard(lambda _: self.paint()), "theme")
            session.state.param.watch(session.guard(lambda _: self._follow()), "map_a")
            self.ask()

    def _actions(self) -> dict[str, Any]:
        looking = self.looking
        own = {
            f"set {parameter.name}": lambda value, _, name=parameter.name: looking.set_value(
                looking.first, name, value
            )
            for tool in looking.tools
            for parameter in parameters_of(tool.cls)
        }
        return own | {
            "first": lambda value, _: self._pick("first", value),
            "second": lambda value, _: self._pick("second", value),
            "target": lambda value, _: looking.choose_target(value),
            "at": lambda value, _: looking.choose_layer(value),
            "channel": lambda value, _: looking.choose_channel(value),
            "strength": lambda value, _: looking.param.update(strength=min(max(int(float(value)), 0), 100)),
            "view": lambda value, _: self._view(value),
            "settings": lambda *_: self._toggle(),
            "compute": lambda value, _: self.explanations.compute(value),
            "cancel": lambda value, _: self.explanations.cancel(value),
            **self.checks.actions,
        }

    # ---------------------------------------------------------------------------------------------------- asking
    def _soon(self) -> None:
        """Ask once what has changed is drawn: the sample's record does not wait for its maps."""
        if not self._due:
            self._due = True
            self.session.later(self.ask)

    def ask(self) -> None:
        """Have the methods explain the sample; what was asked for the one before is left."""
        self._due = False
        looking = self.looking
        self._asked_at = looking.at
        wanted = {}
        if self.session.data.scored and looking.sample is not None:
            for analysis in looking.methods:
                wanted[analysis] = (self._title(analysis), looking.request(analysis))
        self.explanations.ask(wanted, looking.passing)
        self.checks.ask()
        self.paint()

    def _title(self, analysis: str) -> str:
        return f"{self.looking.tool(analysis).title} of sample {self.looking.sample}"

    def _follow(self) -> None:
        """Look at the layer of map A where no other was chosen."""
        if self.looking.at != self._asked_at and any(map(self.looking.on_layer, self.looking.methods)):
            self.ask()

    def _pick(self, slot: str, value: str) -> None:
        known = {tool.id for tool in self.looking.tools} | ({PICTURE} if slot == "second" else set())
        if value in known:
            self.looking.param.update(**{slot: value, "view": slot if value != PICTURE else "product"})

    def _view(self, name: str) -> None:
        """Choose a picture; the chosen one is shown large, and small again."""
        looking = self.looking
        looking.param.update(view=name, large=not looking.large if name == looking.view else looking.large)

    def _toggle(self) -> None:
        self._all = not self._all
        self.paint()

    # ---------------------------------------------------------------------------------------------------- drawing
    def paint(self) -> None:
        """Draw the pictures, or what keeps them from being there."""
        with self._lock:
            self.view.show(self._drawn())

    def _drawn(self) -> Markup:
        if self.looking.sample is None:
            return fill("")
        if not self.session.data.scored:
            return fill(
                '<div class="part"><div class="h3">Attribution</div><div class="cap">{why}</div></div>',
                why=WHY_SHORT,
            )
        return self._part(self.figures(), self.looking.sample)

    def figures(self) -> list[Figure]:
        """Return the pictures that belong side by side, those that are on their way included."""
        with self._lock:
            return self._row_of_figures()

    def _row_of_figures(self) -> list[Figure]:
        looking, found = self.looking, self.explanations.found
        made = {
            slot: self._drawer.mapped(slot, looking.tool(analysis).title, found.get(analysis), analysis)
            for slot, analysis in (("first", looking.first), ("second", looking.second))
            if analysis not in ("", PICTURE)
        }
        second = made.get("second")
        last = (
            self._drawer.multiplied(made["first"], second)
            if made["first"].analysis != looking.second
            else None
        )
        whole = [Figure("input", "input", "what the network saw"), *made.values()]
        return [*whole, last] if last else whole

    def _part(self, figures: list[Figure], sample: int) -> Markup:
        chosen = next((figure for figure in figures if figure.name == self.looking.view), figures[0])
        return fill(
            '<div class="part" style="--strength:{strength}"><div class="h3"><span>Attribution</span>'
            '<span class="picks">{method}<span class="cap">for</span>{target}</span></div>{settings}'
            '{row}<div class="cap cut explained" title="{told}">{told}</div>{troubles}{large}{scale}{checks}</div>',
            strength=f"{self.looking.strength}%",
            method=menu("first", "method", [(t.id, t.title) for t in self.looking.tools], self.looking.first),
            target=self._target_menu(),
            settings=self._settings(),
            row=self._drawer.row(figures, sample, chosen.name),
            told=_told(chosen),
            troubles=joined(trouble(figure) for figure in figures if figure.analysis),
            large=fill('<div class="large">{body}</div>', body=self._drawer.body(chosen, sample))
            if self.looking.large and not chosen.failed
            else "",
            scale=self._drawer.scale(chosen, self._slider()),
            checks=self.checks.markup(),
        )

    def _slider(self) -> Markup:
        words = "how much the map covers the picture"
        return fill(
            '<span class="cover">{icon}{slider}</span>',
            icon=icon("opacity"),
            slider=slider("strength", words, self.looking.strength, "--strength"),
        )

    # ---------------------------------------------------------------------------------------------------- controls
    def _target_menu(self) -> Markup:
        session = self.session
        found = read(session, self.looking.sample)
        best = [
            (str(code), plain(session.data.class_name(code), 24)) for code in (found.best if found else [])
        ]
        names = [(str(code), plain(name, 24)) for code, name in enumerate(session.data.class_names[:LISTED])]
        rest = [option for option in names if option not in best]
        chosen = self.looking.target
        if chosen.isdecimal() and chosen not in dict([*best, *names]):
            rest.append((chosen, plain(session.data.class_name(int(chosen)), 24)))
        words = [(PREDICTED, "prediction"), (LABEL, "label")]
        groups = [("most probable first", best), ("other classes", rest)]
        return menu(
            "target", "which output is explained", words, chosen, groups=[each for each in groups if each[1]]
        )

    def _settings(self) -> Markup:
        """Write the controls that the methods have, and no others."""
        looking = self.looking
        fields = parameters_of(looking.tool(looking.first).cls)
        values = looking.values.get(looking.first, {})
        shown = [control(field, values.get(field.name, field.default)) for field in fields]
        more = fill(
            '<button type="button" class="link cap" data-act="settings" data-key="settings" '
            'aria-expanded="{state}">{words}</button>',
            state="true" if self._all else "false",
            words="fewer" if self._all else f"{len(shown) - FEW} more",
        )
        return fill(
            '<div class="settings">{second}{layer}{channel}{shown}{more}</div>',
            second=self._second_menu(),
            layer=self._layer_menu(),
            channel=self._channel_field(),
            shown=joined(shown if self._all else shown[:FEW]),
            more=more if len(shown) > FEW else "",
        )

    def _second_menu(self) -> Markup:
        looking = self.looking
        others = [(tool.id, tool.title) for tool in looking.tools if tool.id != looking.first]
        options = [*others, (PICTURE, "the picture")]
        return _setting("×", menu("second", "what the map is multiplied with", options, looking.second))

    def _layer_menu(self) -> Markup:
        looking = self.looking
        if not looking.spatial or not any(map(looking.on_layer, looking.methods)):
            return Markup("")
        options = [(stop.name, plain(stop.title, 16)) for stop in looking.spatial]
        return _setting("layer", menu("at", "layer that is looked at", options, looking.at or ""))

    def _channel_field(self) -> Markup:
        looking = self.looking
        if not any(map(looking.takes_channel, looking.methods)):
            return Markup("")
        count = next((stop.shape[0] for stop in looking.spatial if stop.name == looking.at), 1)
        words = f"channel, 0 to {count - 1}; empty: the one that responds most strongly"
        limits = {"min": 0, "max": count - 1}
        return _setting("channel", line("channel", words, looking.channel, "strongest", "number", **limits))


def _told(figure: Figure) -> str:
    """Say what the chosen picture shows."""
    if figure.failed:
        return "no map"
    return "what the network saw" if figure.name == "input" else figure.about or figure.caption


def _setting(name: str, control: Markup) -> Markup:
    return fill(
        '<label class="setting"><span class="cap">{name}</span>{control}</label>', name=name, control=control
    )
