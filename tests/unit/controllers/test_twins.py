"""What devices say arrives twice, late and out of order."""

from __future__ import annotations

import itertools
from typing import Any

from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.reported import Capabilities, Phase, Presence, Reported
from edgefleet.controllers.fleet.twins import Voice


def make_report(boot: int, seq: int, *, enrolment: str = "one", **other: Any) -> Reported:
    fields: dict[str, Any] = {
        "device_id": "motor-1",
        "enrolment_id": enrolment,
        "boot_count": boot,
        "seq": seq,
        "firmware_version": "1.0.0",
        "observed_generation": 0,
        "phase": Phase.IDLE,
        "reason": Reason.OK,
        "capabilities": Capabilities(ram_bytes=1, slot_bytes=1, arena_bytes=1, runtime="tflm", accelerator="none"),
        "key_ids": (),
        "security_floor": 0,
    }
    return Reported(**fields | other)


def make_presence(status: Any, boot: int, enrolment: str = "one") -> Presence:
    return Presence(device_id="motor-1", status=status, enrolment_id=enrolment, boot_count=boot)


def test_whatever_the_order_the_last_word_stays() -> None:
    said = [
        make_report(1, 1),
        make_report(1, 2, phase=Phase.DOWNLOADING),
        make_report(2, 0, phase=Phase.CONFIRMED),
        make_report(2, 0, phase=Phase.CONFIRMED),
    ]
    for order in itertools.permutations(said):
        voice = Voice()
        for report in order:
            voice.hear_report(report, 1.0)
        assert voice.report == said[-1]


def test_the_same_again_is_no_news() -> None:
    voice = Voice()
    assert voice.hear_report(make_report(1, 1), 1.0)
    assert not voice.hear_report(make_report(1, 2), 9.0)
    assert voice.changed_at == 1.0
    assert voice.report is not None
    assert voice.report.seq == 2


def test_a_board_that_was_flashed_anew_is_believed() -> None:
    voice = Voice()
    voice.hear_report(make_report(900, 4), 1.0)
    assert voice.hear_report(make_report(1, 0, enrolment="two"), 2.0)


def test_a_will_of_an_earlier_boot_says_nothing() -> None:
    voice = Voice()
    assert voice.hear_presence(make_presence("online", 2), 1.0)
    assert not voice.hear_presence(make_presence("offline", 1), 2.0)
    assert voice.online
    assert voice.hear_presence(make_presence("offline", 2), 3.0)
    assert (voice.online, voice.since) == (False, 3.0)
