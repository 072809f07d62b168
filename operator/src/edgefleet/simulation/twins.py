"""What a leader knows of a device: its last words, and whether it is there. In memory; a new leader hears it anew."""

from dataclasses import dataclass

from edgefleet.domain.device.ordering import Moment, follows
from edgefleet.domain.rollout.facts import Report
from edgefleet.simulation.messages import PROGRESS, Presence, Reported, Words


@dataclass(slots=True)
class Twin:
    """One device, as heard.

    Attributes:
        report: what it says; None for never heard.
        online: whether it is there.
        since: since when it is, or is not; 0 for never heard of.
        floor: the security floor that it reports.
        anew: whether its last report was the first of its enrolment, as far as is known.
    """

    report: Report | None = None
    online: bool = False
    since: float = 0.0
    floor: int = 0
    anew: bool = False
    _moment: Moment | None = None
    _words: Words | None = None
    _presence: Presence | None = None

    def hear_report(self, report: Reported, now: float) -> bool:
        """Takes a report that no later one has overtaken. Says whether it is news."""
        if not follows(report.moment, self._moment):
            return False
        again = self._moment is not None and self._moment.enrolment_id == report.moment.enrolment_id
        self._moment = report.moment
        self.anew = not again
        if again and report.words == self._words:
            return False
        words = self._words = report.words
        self.floor = words.floor
        self.report = Report(
            words.digest,
            words.generation,
            PROGRESS[words.phase],
            words.reason,
            "",
            now,
            report.tested,
            report.latency_us,
            words.previous,
        )
        return True

    def hear_presence(self, presence: Presence, now: float) -> bool:
        """Takes a coming or going; a last will of an earlier boot says nothing. Says whether it is news."""
        last = self._presence
        if last is not None and last.enrolment_id == presence.enrolment_id and presence.boot_count < last.boot_count:
            return False
        self._presence = presence
        if presence.online == self.online and self.since:
            return False
        self.online, self.since = presence.online, now
        return True

    def doubt(self, now: float) -> bool:
        """Takes it for gone until it is heard again: the broker has forgotten that it was there."""
        self._presence = None
        if not self.online:
            return False
        self.online, self.since = False, now
        return True
