"""The key of a result: a hash over everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nnlens.analysis import Request

if TYPE_CHECKING:
    from nnlens.store import Store


def result_key(store: Store, request: Request, code_version: str, used: Mapping[str, str]) -> str:
    """Hash a completed request.

    Parameters
    ----------
    store : Store
        Its fingerprint and committed samples count.
    request : Request
        Parameters complete and cast, so that a default that is given explicitly gives the same key.
    code_version : str
        The version of the analysis' distribution; of an editable install with a hash of the sources.
    used : mapping of str to str
        Variables that come from other results, with the keys of those.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    return digest(
        {
            "store": store.fingerprint,
            "rows": store.committed,
            "analysis": request.analysis,
            "version": code_version,
            "parameters": dict(request.parameters),
            "layer": request.layer,
            "channel": request.channel,
            "target": request.target,
            "sample": None if request.sample is None else ids_digest(request.sample),
            "seed": request.seed,
            "using": dict(used),
        }
    )


def digest(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of content as canonical JSON: sorted names, no spaces."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def ids_digest(samples: tuple[int, ...]) -> str:
    """Hash ids as they are given, sorted and unique; a million of them need no place in the JSON."""
    return hashlib.sha256(np.asarray(samples, "<i8").tobytes()).hexdigest()
