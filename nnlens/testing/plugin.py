"""The pytest plugin: loaded wherever nnlens is installed, so it imports nothing until a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nnlens.registry import Registry


@pytest.fixture
def isolated_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Replace the plugins of this process by none, so that what is installed never changes a test.

    What the test registers (`nnlens.register`, ``--plugin``) goes into the registry that the fixture yields and is gone
    afterwards.
    """
    from nnlens import registry

    isolated = registry.Registry(discover=None)
    monkeypatch.setattr(registry, "_current", isolated)
    yield isolated
