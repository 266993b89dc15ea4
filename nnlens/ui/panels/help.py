"""Help: the keys, and what this is made of."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import panel_material_ui as pmui
from markupsafe import Markup

from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.text import count, fill, joined, name
from nnlens.ui.panels.keys import HELP

if TYPE_CHECKING:
    from nnlens.lens import Lens


class Help:
    """A dialog with the keys of the page, and with model, data, versions and license."""

    def __init__(self, session: Session, lens: Lens, catalog: Catalog) -> None:
        text = Live(_keys() + _about(session, lens, catalog), guard=session.guard, css="help.css")
        self.view = pmui.Dialog(
            text, title="Keys and about", open=False, show_close_button=True, close_on_click=True
        )

    def open(self) -> None:
        """Show it, or hide it where it is shown."""
        self.view.open = not self.view.open


def _keys() -> Markup:
    rows = joined(fill("<kbd>{key}</kbd><span>{words}</span>", key=key, words=words) for key, words in HELP)
    return fill('<div class="keys">{rows}</div>', rows=rows)


def _about(session: Session, lens: Lens, catalog: Catalog) -> Markup:
    packages = sorted({(plugin.distribution, plugin.version) for plugin in catalog.plugins})
    facts = {
        "run": name(session.data.name),
        "samples": count(len(session.data)),
        "classes": count(len(session.data.class_names)),
        "layers": count(len(lens.store.layers)),
        "model at hand": name(lens.model.name if lens.model else "no: the page works from the run alone"),
        "nnlens": name(version("nnlens")),
        "plugins": joined([fill("{p} {v} ", p=name(p), v=name(v or "")) for p, v in packages])
        or name("none"),
        "license": name("BSD 3-Clause"),
    }
    rows = joined(
        fill("<span>{key}</span><span>{value}</span>", key=key, value=value) for key, value in facts.items()
    )
    return fill('<div class="b sub">About</div><div class="about">{rows}</div>', rows=rows)
