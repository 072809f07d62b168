"""One registry for the tests that leave it as it is; those that end or bend one start their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.authority import Identity


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A running registry; each test brings its own content."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="package")
def device(registry: Registry) -> Identity:
    """A device of the registry's fleet."""
    return registry.authority.issue("press-07", registry.folder / "press-07", stem="device")
