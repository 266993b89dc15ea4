"""What a page is made of: run, model, data, versions, license; for people, and as text for a report of a bug."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from nnlens.schema import UNLABELLED
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.look.text import count, fill, joined, name, percent, plain

if TYPE_CHECKING:
    from nnlens.lens import Lens

LIBRARIES = (
    "numpy", "xarray", "zarr", "torch", "keras", "tensorflow", "onnxruntime", "scikit-learn",
    "panel", "panel-material-ui", "bokeh", "holoviews", "datashader", "numba",
)  # fmt: skip
LICENSE = "BSD 3-Clause"
Facts = Mapping[str, Mapping[str, str]]
"""Under a heading, by what it is: what it says."""


def facts(session: Session, lens: Lens, catalog: Catalog) -> Facts:
    """Gather what is known of a page; nothing of it is imported for that."""
    packages = sorted({(plugin.distribution, plugin.version) for plugin in catalog.listed})
    told = {
        "Run": _run(session, lens),
        "Model": _model(session, lens),
        "Data": _data(session, lens),
        "nnlens": {
            "version": version("nnlens"),
            "license": LICENSE,
            "Python": f"{platform.python_version()}, {platform.system()}",
            "plugins": _line((plain(package), plain(number or "?", 24)) for package, number in packages)
            or "none",
            "libraries": _line(_versions()),
        },
    }
    return {heading: rows for heading, rows in told.items() if rows}


def _run(session: Session, lens: Lens) -> dict[str, str]:
    metadata = lens.store.metadata
    rows = {
        "folder": plain(session.data.name),
        "captured": str(metadata.get("created", ""))[:16].replace("T", " "),
    }
    return {
        key: value for key, value in (rows | {"fingerprint": lens.store.fingerprint[:16]}).items() if value
    }


def _model(session: Session, lens: Lens) -> dict[str, str]:
    told: Mapping[str, Any] = lens.store.metadata.get("model") or {}
    if not session.data.scored or not told:
        return {}
    graph = lens.store.metadata.get("graph") or lens.store.metadata.get("layers") or []
    reference = told.get("reference") or {}
    rows = {
        "name": plain(told.get("name", "")),
        "framework": plain(told.get("framework", "")),
        "layers": count(len(graph)),
        "parameters": count(sum(int(layer.get("parameters") or 0) for layer in graph)),
        "SHA-256": plain(reference.get("sha256") or "", 64) if reference.get("sha256") else "",
        "at hand": "yes" if lens.model else "no: the page works from the run alone",
    }
    return {key: value for key, value in rows.items() if value}


def _data(session: Session, lens: Lens) -> dict[str, str]:
    told: Mapping[str, Any] = lens.store.metadata.get("samples") or {}
    shape = told.get("image_shape") or []
    labelled = int(np.count_nonzero(session.data.label != UNLABELLED))
    scored = session.data.scored and labelled
    rows = {
        "name": plain(told.get("name") or session.data.name),
        "split": plain(told["split"]) if told.get("split") else "",
        "samples": count(len(session.data)),
        "labelled": count(labelled) if labelled < len(session.data) else "",
        "classes": count(len(session.data.class_names)),
        "pictures": " × ".join(str(int(side)) for side in shape),
        "accuracy": percent(float(lens.store.metadata["accuracy"])) if scored else "",
    }
    return {key: value for key, value in rows.items() if value}


def _line(versions: Iterable[tuple[str, str]]) -> str:
    return " · ".join(f"{package} {number}" for package, number in versions)


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        try:
            yield library, version(library)
        except PackageNotFoundError:  # an extra that is not installed
            continue


def text(told: Facts) -> str:
    """Write it for a report of a bug."""
    return "\n".join(
        f"{heading}: " + "; ".join(f"{key} {value}".strip() for key, value in rows.items())
        for heading, rows in told.items()
    )


def markup(told: Facts) -> Markup:
    """Write it for the page, each heading with its rows."""
    return joined(
        fill(
            '<h3 class="b">{heading}</h3><dl>{rows}</dl>',
            heading=heading,
            rows=joined(map(_row, rows.items())),
        )
        for heading, rows in told.items()
    )


def _row(row: tuple[str, str]) -> Markup:
    return fill("<dt>{key}</dt><dd>{value}</dd>", key=name(row[0], 32), value=name(row[1], 1000))
