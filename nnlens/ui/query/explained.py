"""What in a picture from outside counts, by any method that explains single samples, when it is asked for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.lens.explaining import submit_explained
from nnlens.lens.outside import Outside, png
from nnlens.ui.core.aside import aside
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.explanations import LISTED, Outcome, Waiting
from nnlens.ui.inspector.figures import Drawer, Figure, trouble
from nnlens.ui.inspector.looking import first_method, layer_of, with_places
from nnlens.ui.look.menus import menu
from nnlens.ui.look.parts import button
from nnlens.ui.look.text import fill, plain
from nnlens.ui.query.networks import Networks

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.lens.weights import Weights


class Explained:
    """A map of the picture that is asked about.

    Parameters
    ----------
    session : Session
    lens : Lens
    work : Work
    tools : list of Tool
        What explains one sample.
    layers : list of Stop
    map_layer : callable
        Tells the layer of map A, which is looked at where no other was chosen.
    networks : Networks, optional
        Which network explains.

    Attributes
    ----------
    changed : callable
        Called when there is something else to draw.
    """

    def __init__(
        self,
        session: Session,
        lens: Lens,
        work: Work,
        tools: list[Tool],
        layers: list[Stop] | None = None,
        map_layer: Callable[[], str | None] = lambda: None,
        networks: Networks | None = None,
    ) -> None:
        self.session, self.lens, self.work, self.tools = session, lens, work, tools
        self.networks = networks or Networks(session, lens, work)
        self.networks.changed, self.networks.renewed = lambda: self.changed(), self._renewed
        self.changed: Callable[[], Any] = lambda: None
        self.method = first_method(tools, self._on_layer)
        self.layer = ""
        self.outcome: Outcome | None = None
        self._asked: tuple[str, str | None, Weights | None] = self.method, None, None
        self._sample: int | None = None
        self._told = False
        self._picture, self._seen = b"", cast("Outside | None", None)
        self._spatial, self._map_layer = with_places(layers or []), map_layer
        self._drawer = Drawer(session)
        self.actions: dict[str, Callable[[Any, Any], Any]] = {
            "network": lambda value, _: self.networks.choose(value),
            "look": lambda *_: self.networks.again(),
            "method": lambda value, _: self._choose(value),
            "at": lambda value, _: self._look_at(value),
            "explain": lambda *_: self.explain(),
            "cancel": lambda *_: self.cancel(),
        }
        if tools:
            work.param.watch(session.guard(lambda _: self._moved()), "changes")
            session.param.watch(session.guard(lambda _: self.changed()), "theme")

    def _on_layer(self, analysis: str) -> bool:
        return self._tool(analysis).on_layer or self.lens.wants_layer(analysis)

    def _tool(self, analysis: str) -> Tool:
        return next(tool for tool in self.tools if tool.id == analysis)

    # ----------------------------------------------------------------------------------------------------- asking
    def take(self, picture: bytes, sample: int | None = None) -> None:
        """Take another picture, nothing for none; the map of the one before is left.

        Of a sample of the run the inspector shows maps: here it is a picture only where there are other weights.
        """
        if sample is not None and sample == self._sample and self._picture:
            return
        if sample != self._sample:
            self.networks.problem = None  # it was that of another picture
        self._sample = sample
        self._hold(picture)
        if sample is not None and self.networks.weights is not None:
            aside(self.session, lambda: self._file_of(sample), lambda file: self._arrived(sample, file))

    def _file_of(self, sample: int) -> bytes | NNLensError:
        """Return the picture of a sample as a file, or why it cannot be had."""
        try:
            return png(self.lens.pictures.full(sample))
        except NNLensError as error:
            return error

    def _arrived(self, sample: int, file: bytes | NNLensError) -> None:
        if isinstance(file, NNLensError):
            if not self._told:  # once, not at each sample
                self.session.report(file)
            self._told = True
            if sample == self._sample:
                self.networks.lack(file)
        elif sample == self._sample:
            self._hold(file)
            self.changed()

    def _hold(self, picture: bytes) -> None:
        if picture != self._picture:
            self._leave()
            self._picture, self._seen, self.outcome = picture, None, None
            self.networks.show(picture, self._sample is not None)

    def explain(self) -> None:
        """Have the chosen method explain the picture; what was asked for before is left."""
        asked: dict[str, Any] = {"layer": self.at} if self.tools and self._on_layer(self.method) else {}
        weights = self.networks.used
        other: dict[str, Any] = {} if weights is None else {"weights": weights}
        if self._sample is not None:
            other["own"] = True
        wanted = self.method, asked.get("layer"), weights
        on_its_way = isinstance(self.outcome, Waiting) and wanted == self._asked
        if not self._picture or not self.tools or on_its_way:
            return
        self._leave()
        waiting, self._asked = Waiting(), wanted
        self.outcome = waiting
        title = f"{self._tool(self.method).title} of a picture"
        try:
            job = submit_explained(self.lens, self._picture, self.method, **asked, **other)
            waiting.task = self.work.follow(
                job,
                title,
                lambda result: self._settle(waiting, result),
                failed=lambda error: self._settle(waiting, error),
                left=lambda: self._settle(waiting, None),
                listed=self._seconds(asked) >= LISTED,
            )
        except NNLensError as error:
            self.outcome = error
        self.changed()

    def _renewed(self) -> None:
        """Have the other network explain the picture where one has done so: what is shown is of one network."""
        again = self.outcome is not None
        self._leave()
        self.outcome = None
        self.take(self._picture, self._sample)
        if again:
            self.explain()
        self.changed()

    def _seconds(self, asked: dict[str, Any]) -> float:
        """Tell how long it takes, as far as anybody knows: as long as a sample."""
        sample = [int(self.session.data.ids[0])]
        return self.lens.estimate(self.method, sample=sample, **asked) or 0.0

    def cancel(self) -> None:
        """Do not wait any longer."""
        if isinstance(self.outcome, Waiting) and self.outcome.task is not None:
            self.work.cancel(self.outcome.task)

    def _leave(self) -> None:
        if isinstance(self.outcome, Waiting) and self.outcome.task is not None:
            self.work.drop(self.outcome.task)

    def _settle(self, waiting: Waiting, outcome: Outcome | None) -> None:
        """Take what came of it, unless something else was asked for since."""
        if self.outcome is waiting:
            self.outcome = outcome
            self.changed()

    def _moved(self) -> None:
        if isinstance(self.outcome, Waiting) and self.outcome.task is not None:
            self.changed()

    # --------------------------------------------------------------------------------------------------- choosing
    @property
    def at(self) -> str | None:
        """The layer of methods on a layer: the chosen one, else that of map A, else the last with space."""
        return layer_of(self._spatial, self.layer or self._map_layer())

    def _choose(self, method: str) -> None:
        if method in {tool.id for tool in self.tools}:
            self.method = method
            self.changed()

    def _look_at(self, layer: str) -> None:
        self.layer = layer
        self.changed()

    # ---------------------------------------------------------------------------------------------------- drawing
    def predicted(self, outside: Outside | None) -> Outside | None:
        """Return what the network that is asked makes of the picture, as far as it is there."""
        return outside if self.networks.used is None else self.networks.seen

    @property
    def figure(self) -> Figure:
        """The map, or what stands in its place."""
        method = self._asked[0]
        return self._drawer.mapped("first", self._tool(method).title, self.outcome, method)

    def markup(self, outside: Outside | None) -> Markup:
        """Draw the menus, what the network saw, and the map over it; nothing until it has seen it.

        On another layer the picture is looked at once more; until then it stays as it was seen. What cannot be seen
        with other weights leaves the way back.
        """
        seen = self._seen = outside or self.networks.seen or self._seen
        if not self.tools:
            return Markup("")
        if seen is None:
            return self._way_back()
        figure = self.figure
        return fill(
            '<div class="explained-picture"><div class="h3"><span>Attribution</span>{network}</div>'
            '<div class="choices">{method}{layer}{button}</div>{body}</div>',
            network=self.networks.menu() or fill('<span class="cap cut grow">of the predicted class</span>'),
            method=menu("method", "method", [(tool.id, tool.title) for tool in self.tools], self.method),
            layer=self._layer_menu(),
            button=button("Explain", "explain", title="explain the picture by this method"),
            body=self._body(figure, seen),
        )

    def _way_back(self) -> Markup:
        """Draw the menu of networks alone, where the one that is asked makes nothing of a sample."""
        if self.networks.problem is None:
            return Markup("")
        return fill(
            '<div class="explained-picture"><div class="h3">{menu}</div></div>', menu=self.networks.menu()
        )

    def _layer_menu(self) -> Markup:
        if not self._spatial or not self._on_layer(self.method):
            return Markup("")
        options = [(stop.name, plain(stop.title, 16)) for stop in self._spatial]
        return menu("at", "layer that is looked at", options, self.at or "")

    def _body(self, figure: Figure, seen: Outside) -> Markup:
        if self.outcome is None:
            return fill(
                '<div class="cap">Choose a method and press Explain: the map shows what in the picture speaks '
                "for the class.</div>"
            )
        return fill(
            '<div class="two"><figure>{input}<figcaption class="cap cut">input</figcaption></figure>'
            '<figure class="map">{map}<figcaption class="cap cut" title="{words}">{caption}</figcaption></figure>'
            "</div>{told}{scale}{trouble}",
            input=self._drawer.over(Figure("input", "input"), self._under(seen)),
            map=self._drawer.over(figure, self._under(seen))
            if figure.heat
            else self._drawer.body(figure, -1),
            words=plain(figure.words or figure.caption, 300),
            caption=figure.caption,
            told=fill('<div class="cap cut explained" title="{told}">{told}</div>', told=figure.about)
            if isinstance(self.outcome, xr.Dataset)
            else "",
            scale=self._drawer.scale(figure, "") if figure.heat else "",
            trouble=trouble(figure),
        )

    def _under(self, seen: Outside) -> Markup:
        """Draw what the network saw, its pixels as squares where those of samples are."""
        return fill(
            '<img class="{kind}" src="data:image/png;base64,{data}" alt="what the network saw">',
            kind=self.session.photo,
            data=base64.b64encode(seen.seen).decode(),
        )
