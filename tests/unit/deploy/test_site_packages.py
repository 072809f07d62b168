"""Which part of the lock an image gets."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
LOCK = """\
# a comment
aiohttp==3.14.5 \\
    --hash=sha256:01 \\
    --hash=sha256:02
    # via edgefleet
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:03
    # via click
typing-extensions==4.16.0 \\
    --hash=sha256:04
    # via aiohttp
"""


@pytest.fixture(scope="module")
def script() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("site_packages", REPOSITORY / "scripts" / "make_site_packages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_needed_comes_with_the_locks_hashes(script: Any) -> None:
    resolved = "aiohttp==3.14.5\nTyping_Extensions==4.16.0\nedgefleet @ file:///x/edgefleet.whl\n"
    assert script.choose(LOCK, resolved) == (
        "aiohttp==3.14.5 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n"
        "typing-extensions==4.16.0 \\\n    --hash=sha256:04\n"
    )


def test_a_marker_comes_along(script: Any) -> None:
    assert script.choose(LOCK, "colorama==0.4.6 ; sys_platform == 'win32'\n").startswith("colorama==0.4.6 ; sys_")


def test_of_two_versions_the_one_for_this_python_is_taken(script: Any) -> None:
    lock = (
        "numpy==2.3.5 ; python_full_version < '3.12' \\\n    --hash=sha256:01\nnumpy==2.9.0 \\\n    --hash=sha256:02\n"
    )
    assert script.choose(lock, "numpy==2.3.5\n").endswith("sha256:01\n")
    assert script.choose(lock, "numpy==2.9.0\n") == "numpy==2.9.0 \\\n    --hash=sha256:02\n"


@pytest.mark.parametrize("resolved", ["aiohttp==3.14.50", "aiohttp==3.14", "requests==2.32.0"])
def test_what_the_lock_lacks_is_named(script: Any, resolved: str) -> None:
    with pytest.raises(script.LockError, match=f"^requirements.lock has no {resolved}: run `make lock`$"):
        script.choose(LOCK, resolved)


def test_the_repositorys_own_lock_is_read_whole(script: Any) -> None:
    text = (REPOSITORY / "requirements.lock").read_text()
    pins = script.read_pins(text)
    assert len(pins) == sum("==" in line and not line.startswith(("#", " ")) for line in text.splitlines())
    assert all("--hash=sha256:" in lines for _, _, lines in pins)
