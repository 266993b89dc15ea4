"""What stands where a run has nothing to show: one of embeddings has no network, and may have no pictures."""

from __future__ import annotations

from markupsafe import Markup

from nnlens.ui.look.parts import empty
from nnlens.ui.look.text import fill

WHY = "This run was made of embeddings, without a network that predicts."
WHY_SHORT = "Not without a network: this run was made of embeddings."
CAPTURE = "nnlens capture MODEL SAMPLES RUN"
PICTURES = "Make it again with --images, or images=… in Python."


def no_network(title: str) -> Markup:
    """Say why a panel of predictions is empty, and how to get one that is not."""
    way = fill(
        'Capture a network with its data set to see some:<div class="code">{words}</div>', words=CAPTURE
    )
    return empty(title, WHY, way)


def no_pictures() -> Markup:
    """Say why there are no pictures, and how to get them."""
    return empty("No pictures", "This run was made of embeddings alone.", PICTURES)
