"""Bugs that planners are known to have, each as one small change of our source: the suite must notice every one.

A bug's `before` stands exactly once in its file; when the code moves on, the bug moves with it.
"""

from __future__ import annotations

from dataclasses import dataclass

ROLLOUT = "edgefleet/domain/rollout"


@dataclass(frozen=True, slots=True)
class Bug:
    """One seeded bug, named after the trap it falls into."""

    name: str
    file: str
    before: str
    after: str


# The first five run in `make test`: a vacuous pass, no recall, a broken budget, an abort that ends by itself, a replay.
BUGS = (
    Bug(
        "an empty ring passes",
        f"{ROLLOUT}/gates.py",
        'skipped = ring.on_empty == "skip" and not overdue',
        "skipped = True",
    ),
    Bug(
        "an abort recalls nobody",
        f"{ROLLOUT}/commanding.py",
        "        if not device.revoked and device.name not in commanded:",
        "        if False:",
    ),
    Bug(
        "concurrency is counted anew in every pass",
        f"{ROLLOUT}/selection.py",
        "    slots -= sum([stand.holds_slot for stand in stands])\n",
        "",
    ),
    Bug(
        "a stopped ring starts again by itself",
        f"{ROLLOUT}/rounds.py",
        "    if ring.generation != abort.generation and choice.target is not None:",
        "    if choice.target is not None:",
    ),
    Bug(
        "an overtaken report replaces a later one",
        "edgefleet/domain/device/ordering.py",
        "new[1:] >= last[1:]",
        "True",
    ),
    Bug(
        "completion passes the gate",
        f"{ROLLOUT}/gates.py",
        "enough = updated * 100 >= ring.success_percent * (judged + waiting)",
        "enough = waiting == 0",
    ),
    Bug(
        "the gate of small samples",
        f"{ROLLOUT}/gates.py",
        "good = judged >= (1 if passed else sample) and enough",
        "good = enough",
    ),
    Bug(
        "abort waits for the last device",
        f"{ROLLOUT}/rounds.py",
        "    evidence = find_abort(ring, counts)\n",
        '    evidence = "" if counts.open else find_abort(ring, counts)\n',
    ),
    Bug(
        "soak counts from the start of the round",
        f"{ROLLOUT}/rounds.py",
        "soaked = state.since + ring.soak",
        "soaked = state.started_at + ring.soak",
    ),
    Bug(
        "a sleeper is late although nobody reached it",
        f"{ROLLOUT}/judgement.py",
        "ends = max(command.at, device.presence_since) + self.ring.ack_deadline",
        "ends = command.at + self.ring.ack_deadline",
    ),
    Bug(
        "failed devices keep their slots",
        f"{ROLLOUT}/selection.py",
        "sum([stand.holds_slot for stand in stands])",
        'sum([stand.holds_slot or stand.standing == "Failed" for stand in stands])',
    ),
    Bug(
        "offline devices do not count as unavailable",
        f"{ROLLOUT}/selection.py",
        "if stand.holds_slot or (counts_offline and not device.online)",
        "if stand.holds_slot",
    ),
    Bug(
        "ten percent of four is nobody",
        f"{ROLLOUT}/membership.py",
        "math.ceil(share * total - 1e-9)",
        "math.floor(share * total)",
    ),
    Bug(
        "canaries in the order of the alphabet",
        f"{ROLLOUT}/membership.py",
        "sorted(pool, key=_rank, reverse=True)",
        "sorted(pool, key=lambda device: device.name, reverse=True)",
    ),
    Bug(
        "who joins displaces the canary",
        f"{ROLLOUT}/membership.py",
        "own = [group for group in offers if group.owner == ring.name]",
        "own = list[_Group]()",
    ),
    Bug(
        "overlapping rings share a device",
        f"{ROLLOUT}/membership.py",
        "rivals = tuple(name for name in matching if any(not _are_related(name, other, before) for other in matching))",
        "rivals = ()",
    ),
    Bug(
        "the same bytes under another name start a round",
        f"{ROLLOUT}/rounds.py",
        "(target is None or wanted.digest != target.digest)",
        "(target is None or wanted != target)",
    ),
    Bug(
        "a revert soaks",
        f"{ROLLOUT}/rounds.py",
        "        if now < soaked and not returns:",
        "        if now < soaked:",
    ),
    Bug(
        "a command is repeated with every pass",
        f"{ROLLOUT}/judgement.py",
        "command.at >= self.state.started_at:",
        "command.at >= self.now:",
    ),
    Bug(
        "rejected counts as failed",
        f"{ROLLOUT}/judgement.py",
        "    Progress.REJECTED: Standing.REJECTED,",
        "    Progress.REJECTED: Standing.FAILED,",
    ),
    Bug(
        "deferred counts as failed",
        f"{ROLLOUT}/judgement.py",
        "    Progress.DEFERRED: Standing.DEFERRED,",
        "    Progress.DEFERRED: Standing.FAILED,",
    ),
    Bug(
        "what nobody recorded is overwritten",
        f"{ROLLOUT}/judgement.py",
        "conflict = self._is_conflict(device, artifact)",
        "conflict = False",
    ),
    Bug(
        "one approval lets every later round through",
        f"{ROLLOUT}/rounds.py",
        'token.name == "approve" and token.at >= state.started_at',
        'token.name == "approve"',
    ),
    Bug(
        "late joiners bypass the rate",
        f"{ROLLOUT}/selection.py",
        "        elif not meter.draw(ring.name):",
        '        elif ring.state.step != "Proved" and not meter.draw(ring.name):',
    ),
    Bug(
        "a chain takes what any of its predecessors has proved",
        f"{ROLLOUT}/targets.py",
        "shared = set(usable).intersection(*proven)",
        "shared = set(usable).intersection({digest for digests in proven for digest in digests})",
    ),
    Bug(
        "quarantine is of a name and not of a digest",
        f"{ROLLOUT}/catalogue.py",
        "replace(version, quarantine=found.get((version.model, version.digest))) for version in declared",
        "version for version in declared",
    ),
    Bug(
        "a registry that is away quarantines the version",
        f"{ROLLOUT}/gates.py",
        "against = any(reason not in _CIRCUMSTANCES for reason in reasons)",
        "against = bool(reasons)",
    ),
    Bug(
        "everybody goes back to the ring's version",
        f"{ROLLOUT}/judgement.py",
        "for digest in (device.last_good, previous):",
        "for digest in ():",
    ),
    Bug(
        "a stale retry token undoes the next abort",
        f"{ROLLOUT}/rounds.py",
        '    if token is None or state.step in STOPPED_STEPS or is_handled(state, "retry", token):',
        "    if True:",
    ),
    Bug(
        "a liar is in progress for ever",
        f"{ROLLOUT}/judgement.py",
        "        if report.progress is Progress.DONE:\n",
        "        if False:\n",
    ),
    Bug(
        "generations ignore what devices report",
        f"{ROLLOUT}/numbering.py",
        "if following.generation > above and following.sequence >> SEQUENCE_BITS == 0:",
        "if following.sequence >> SEQUENCE_BITS == 0:",
    ),
    Bug(
        "going back waits for the window",
        f"{ROLLOUT}/selection.py",
        "_Windows(None if hurried else ring.window, meter.now)",
        "_Windows(ring.window, meter.now)",
    ),
    Bug(
        "a ring gives away its devices in the middle of a round",
        f"{ROLLOUT}/membership.py",
        "(group.owner in open_rings or group.owner in group.rivals)",
        "group.owner in group.rivals",
    ),
    Bug(
        "the raw rate alone stops a ring",
        f"{ROLLOUT}/gates.py",
        "or wilson_low(failures, judged) * 100 > rule.percent",
        "or False",
    ),
    Bug(
        "who still acts on an earlier command counts as updated",
        f"{ROLLOUT}/judgement.py",
        "        if there and not is_wavering(device):",
        "        if there:",
    ),
)
IN_EVERY_RUN = 5
"""So many of them, from the first, run in `make test`; all in `make test-full`."""
