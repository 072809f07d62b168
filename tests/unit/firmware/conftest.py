"""A built copy of the firmware, for all who seed bugs into it."""

from pathlib import Path

import pytest

from support.seeded_bugs import build_pristine


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_pristine(tmp_path_factory.mktemp("pristine"))
