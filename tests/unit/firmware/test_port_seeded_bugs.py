"""Mistakes seeded into the posix port's own parts: the check of each part notices."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support import tinymodel
from support.contract_core import FIRMWARE, build

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Bug:
    """A mistake in a file of the port, and the part whose check finds it."""

    name: str
    file: str
    good: str
    bad: str
    part: str


BUGS = (
    Bug(
        "the-broker-s-window-does-not-count",
        "mqtt/client.c",
        "    client->unacknowledged = (uint16_t)(client->unacknowledged + (qos > 0 ? 1 : 0));\n",
        "",
        "mqtt",
    ),
    Bug("an-answered-ping-stays-open", "mqtt/client.c", "        client->asked_ms = 0;\n", "", "mqtt"),
    Bug(
        "the-beginning-of-a-packet-is-forgotten",
        "mqtt/client.c",
        "            (void)keep_part(client, room->in + at, length - at);\n",
        "",
        "mqtt",
    ),
    Bug(
        "messages-are-not-acknowledged",
        "mqtt/client.c",
        "    return message.id == 0 ||\n",
        "    return true || message.id == 0 ||\n",
        "mqtt",
    ),
    Bug(
        "what-the-socket-does-not-take-is-lost",
        "mqtt/client.c",
        "    return keep_for_later(client, bytes + sent, length - sent);",
        "    return sent <= length;",
        "mqtt",
    ),
    Bug(
        "silence-is-measured-from-what-was-said",
        "mqtt/client.c",
        "client->said_ms < client->heard_ms ? client->said_ms : client->heard_ms;",
        "client->said_ms;",
        "mqtt",
    ),
    Bug("topics-have-aliases", "mqtt/packet.c", "!pass_properties(&reader, PROPERTY_TOPIC_ALIAS)", "false", "mqtt"),
    Bug("lengths-of-five-bytes", "mqtt/packet.c", "LENGTH_BYTES_MAX = 4", "LENGTH_BYTES_MAX = 5", "mqtt"),
    Bug(
        "the-best-of-two-answers",
        "mqtt/packet.c",
        "reason > answer->reason ? reason : answer->reason",
        "reason",
        "mqtt",
    ),
    Bug(
        "the-last-goes-first",
        "swarm/turnstile.c",
        "first = turnstile->line.after;",
        "first = turnstile->line.before;",
        "swarm",
    ),
    Bug(
        "newcomers-push-in",
        "swarm/turnstile.c",
        "if (turnstile->waiting == 0 && turnstile->inside < turnstile->most) {",
        "if (turnstile->inside < turnstile->most) {",
        "swarm",
    ),
    Bug("boards-share-flash", "swarm/memory_flash.c", "MAP_PRIVATE", "MAP_SHARED", "swarm"),
    Bug("nothing-is-erased", "swarm/memory_flash.c", "MADV_DONTNEED) != 0", "MADV_NORMAL) != 0", "swarm"),
    Bug("models-have-no-users", "swarm/models.c", "    model->users++;\n", "    model->users = 1;\n", "models"),
    Bug(
        "a-new-process-has-the-old-one-s-models",
        "swarm/models.c",
        "        models->models[i].is_loaded = false;\n",
        "",
        "models",
    ),
    Bug(
        "every-end-is-a-crash",
        "swarm/models.c",
        "recv(models->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0",
        "byte == 0 && false",
        "models",
    ),
)

# Bounds and signs of a bug are not the point, so warnings and sanitizers are off.
_PLAIN = ("SANITIZE=", "WARNINGS=-w")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the firmware, so that a seeded bug compiles one file."""
    folder = tmp_path_factory.mktemp("pristine")
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
    build(folder / "firmware", folder / "build", [*_PLAIN, *(f"{part}-check" for part in ("mqtt", "swarm", "models"))])
    for name, model in {"good": tinymodel.build(seed=1), "crashing": tinymodel.build_crashing("run")}.items():
        (folder / name).write_bytes(model)
    return folder


def run_check(folder: Path, part: str) -> int:
    arguments = {"models": [f"exec {sys.executable} -m edgefleet_tflm child", folder / "good", folder / "crashing"]}
    command = [folder / "build" / f"{part}_check", *arguments.get(part, [])]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path) -> None:
    assert run_check(pristine, bug.part) == 0
    folder = tmp_path / "bug"
    shutil.copytree(pristine, folder)
    source = folder / "firmware" / "port" / "posix" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    build(folder / "firmware", folder / "build", [*_PLAIN, f"{bug.part}-check"])
    assert run_check(folder, bug.part) != 0
