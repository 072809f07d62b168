"""A device that is told one command after another, in whatever order, and what must be true of all that it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from support.operator_client import make_desired

if TYPE_CHECKING:
    from integration.firmware.conftest import Board, Model

_LEAST_PERIOD_MS: Final = 1000


@dataclass(frozen=True)
class Story:
    """What a device is told in one test: every generation has one model and one setting that nobody else has."""

    board: Board
    models: list[Model]

    def model(self, generation: int) -> Model:
        return self.models[generation % len(self.models)]

    def command(self, generation: int, *, model: Model | None = None) -> bytes:
        """The command of a generation: the same claims each time, or a twin of it that wants another model."""
        return make_desired(
            self.board.platform.assignment_key,
            self.board.device_id,
            generation,
            (model or self.model(generation)).manifest,
            settings={"sample_period_ms": _LEAST_PERIOD_MS + generation},
        )

    def send(self, message: bytes) -> None:
        self.board.platform.operator.send(self.board.device_id, message)

    def await_newest(self, generation: int) -> None:
        """It runs what this generation wants, and flash has it."""
        report = self.board.report("Confirmed", generation)
        self.board.assert_runs(report, self.model(generation))
        assert report.settings
        assert report.settings.sample_period_ms == _LEAST_PERIOD_MS + generation

    def was_tested_without_power(self, generation: int) -> bool:
        """Wait until this command has ended; a power cut may have been its end."""
        ends = {"Confirmed", "Failed"}
        report = self.board.platform.operator.await_report(
            self.board.device_id, lambda each: each.phase in ends and each.observed_generation == generation
        )
        return report.phase == "Failed"

    def assert_never_went_back(self) -> None:
        """No report was of an older command than the one before, and none says of a command what is another's."""
        seen = 0
        for each in self.board.platform.operator.reports[self.board.device_id]:
            assert each.observed_generation >= seen, each
            seen = each.observed_generation
            if seen:
                assert each.settings, each
                assert each.settings.sample_period_ms == _LEAST_PERIOD_MS + seen, each
            if each.phase == "Confirmed":
                assert each.active, each
                assert each.active.digest == self.model(seen).digest, each
            # A power cut in the middle of a test: nobody can tell it from a model that crashes.
            assert each.phase != "Failed" or each.reason == "WatchdogReset", each
            assert each.phase not in {"Rejected", "RolledBack"}, each
