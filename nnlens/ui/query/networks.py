"""Which network is asked about a picture: that of the run, or the same one with weights that were dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nnlens.errors import AnalysisError, NNLensError
from nnlens.lens.outside import Outside, submit_outside
from nnlens.lens.weights import Weights, check_weights, forget, submit_weights
from nnlens.models.refilling import REFILLED
from nnlens.ui.core.page_thread import when_left
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.menus import menu
from nnlens.ui.look.text import fill, plain
from nnlens.ui.query.arriving import Arriving, remove

if TYPE_CHECKING:
    from nnlens.lens import Lens

OWN, OTHER = "own", "other"


class Networks:
    """The weights that were dropped last, and what they make of a picture.

    Parameters
    ----------
    session : Session
    lens : Lens
    work : Work
    opened : callable
        Called when weights begin to come, to show what is to be done with them.

    Attributes
    ----------
    arriving : Arriving
        Where they come in.
    weights : Weights or None
        Those that fit.
    seen : Outside or None
        What the network with these weights makes of the picture.
    problem : Exception or None
        Why it makes nothing of it.
    changed : callable
        Called when there is something else to draw.
    renewed : callable
        Called when the network that is asked is another.
    """

    def __init__(
        self, session: Session, lens: Lens, work: Work, opened: Callable[[], Any] = lambda: None
    ) -> None:
        self.session, self.lens, self.work, self._opened = session, lens, work, opened
        self.arriving = Arriving(lambda name, size: check_weights(lens, name, size), self.take, self._moved)
        self.weights: Weights | None = None
        self.seen: Outside | None = None
        self.problem: BaseException | None = None
        self.changed: Callable[[], Any] = lambda: None
        self.renewed: Callable[[], Any] = lambda: None
        self._chosen, self._picture, self._of_run = OWN, b"", False
        self._reading: tuple[Path, Task] | None = None
        self._read = ""
        self._looking: Task | None = None
        if session.served:
            when_left(self, Networks.close)

    @property
    def takes(self) -> bool:
        """Whether the run has a model that takes weights."""
        return self.lens.model is not None and self.lens.model.framework in REFILLED

    @property
    def used(self) -> Weights | None:
        """The weights that are asked about; None for those of the run."""
        return self.weights if self._chosen == OTHER else None

    @property
    def coming(self) -> str:
        """The file that comes or is being read, in words; empty where none is."""
        return self.arriving.coming or self._read

    def _moved(self, begun: bool) -> None:
        if begun:
            self._opened()
        self.changed()

    # ----------------------------------------------------------------------------------------------------- weights
    def take(self, path: Path) -> None:
        """Have a file read, aside; until it fits, all stays as it is."""
        self._leave_reading()
        try:
            job = submit_weights(self.lens, path)
        except NNLensError:
            remove(path)
            raise
        self._read = path.name
        task = self.work.follow(
            job,
            f"Weights of {plain(path.name, 40)}",
            self._fit,
            failed=lambda error: self._ended(path, error),
            left=lambda: self._ended(path, None),
        )
        # a job that has ended already has told of it before this
        self._reading = (path, task) if self._read else None
        self.changed()

    def _fit(self, weights: Weights) -> None:
        """Take weights that fit in place of those before; they are what is asked about now."""
        before, self.weights = self.weights, weights
        self._reading, self._read, self._chosen = None, "", OTHER
        if before is not None:
            self._free(before)
        for note in weights.notes:
            self.session.report(note, "info")
        self._ask()
        self.renewed()

    def _ended(self, path: Path, error: BaseException | None) -> None:
        remove(path)
        self._reading, self._read = None, ""
        if error is not None:
            self.session.report(error)
        self.changed()

    def _leave_reading(self) -> None:
        if self._reading is not None:
            path, task = self._reading
            self.work.drop(task)
            remove(path)
            self._reading, self._read = None, ""

    def _free(self, weights: Weights) -> None:
        remove(weights.path)
        forget(self.lens, weights)

    def close(self) -> None:
        """Let go of all: the page is gone."""
        self._leave_reading()
        self.arriving.close()
        if self._looking is not None:
            self.work.drop(self._looking)
        weights, self.weights, self.seen, self.problem = self.weights, None, None, None
        if weights is not None:
            self._free(weights)

    # ----------------------------------------------------------------------------------------------------- picture
    def show(self, picture: bytes, of_run: bool = False) -> None:
        """Take another picture, nothing for none; one of the run may be as large as it is."""
        if picture != self._picture:
            self._picture, self._of_run = picture, of_run
            self._ask()

    @property
    def pictured(self) -> bool:
        """Whether there is a picture to look at."""
        return bool(self._picture)

    def lack(self, error: BaseException) -> None:
        """Hear why there is no picture to look at."""
        self.show(b"")
        self.problem = error
        self.changed()

    def again(self) -> None:
        """Have the network look once more, where it made nothing of the picture."""
        if self.problem is not None and self._picture:
            self._ask()
            self.changed()

    def _ask(self) -> None:
        """Have the network with the weights look at the picture."""
        if self._looking is not None:
            self.work.drop(self._looking)
        self.seen = self._looking = self.problem = None
        if self.weights is None or not self._picture:
            return
        layer = self.lens.store.layers[-1].name
        try:
            job = submit_outside(self.lens, self._picture, layer, self.weights, self._of_run)
        except NNLensError as error:
            self.problem = error
            return
        left = AnalysisError("The picture was not looked at.", "Try again.")
        self._looking = self.work.follow(
            job,
            "A picture",
            lambda seen: self._looked(seen, None),
            failed=lambda error: self._looked(None, error),
            left=lambda: self._looked(None, left),
            listed=False,
        )

    def _looked(self, seen: Outside | None, problem: BaseException | None) -> None:
        self.seen, self.problem = seen, problem
        self.changed()

    # ---------------------------------------------------------------------------------------------------- choosing
    def choose(self, network: str) -> None:
        """Ask the network of the run, or the other."""
        if network in (OWN, OTHER) and network != self._chosen and self.weights is not None:
            self._chosen = network
            self.renewed()

    def menu(self) -> Markup:
        """Draw the menu of networks, or what is on its way; nothing where there is only one."""
        if self.coming:
            return fill(
                '<span class="cap cut grow" role="status">reading <bdi>{name}</bdi></span>', name=self.coming
            )
        if self.weights is None:
            return Markup("")
        options = [(OWN, "of the run"), (OTHER, plain(self.weights.name, 28))]
        return fill(
            '<span class="cap">Network</span>{menu}',
            menu=menu("network", "network that is asked", options, self._chosen),
        )
