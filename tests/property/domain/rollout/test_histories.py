"""What holds through any history: passes that crash after any effect, devices that fail and sleep, Git that moves."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgefleet.domain.rollout.effects import Effect, QuarantineVersion, SaveRing, SendCommand
from edgefleet.domain.rollout.facts import AbortRule, DeviceFacts, Progress, Report
from edgefleet.domain.rollout.membership import count_share
from edgefleet.domain.rollout.standing import FAILURES, Standing
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from support.fleet_facts import Fleet, make_devices, make_ring, make_version

NAMES = [f"motor-{number:02}" for number in range(1, 11)]
CONCURRENCY = 0.25


class Rollouts(RuleBasedStateMachine):
    """Ten devices, a canary and the rest; every rule is something that happens to a fleet."""

    @initialize(on_abort=st.sampled_from(["rollback", "hold"]), soak=st.sampled_from([0.0, 30.0]))
    def begin(self, on_abort: str, soak: float) -> None:
        rings = {
            "canary": make_ring(
                "canary", track=">=1.0", limit=3, soak=soak, on_abort=on_abort, abort_when=(AbortRule("Any", 30, 2),)
            ),
            "rest": make_ring(
                "rest",
                after=("canary",),
                max_concurrency=CONCURRENCY,
                on_abort=on_abort,
                success_percent=80,
                abort_when=(AbortRule("Any", 30, 4),),
            ),
        }
        self.fleet = Fleet(rings, [make_version("1.0.0")], make_devices(10))
        self.asked: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.contents: dict[tuple[str, int], str] = {}

    # What the operator does.

    @rule(crash=st.integers(0, 12))
    def plan_and_crash(self, crash: int) -> None:
        """Runs only the first effects of a pass."""
        self.run_effects(self.fleet.plan().effects[:crash])

    @rule()
    def plan_whole_pass(self) -> None:
        shown = self.fleet.plan()
        self.run_effects(shown.effects)
        self.fleet.last = shown
        for name, stand in shown.devices.items():
            self.fleet.devices[name] = replace(self.fleet.devices[name], ring=stand.ring)

    def run_effects(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SendCommand):
                self.check_command(effect)
            if isinstance(effect, SaveRing):
                self.check_step(effect)
            self.fleet.run(effect)
            if isinstance(effect, QuarantineVersion):
                self.blocked.add(effect.version)
            if isinstance(effect, SendCommand):
                command = self.fleet.devices[effect.device].command
                assert command is not None
                key = (effect.device, command.generation)
                assert self.contents.setdefault(key, command.digest) == command.digest

    def check_command(self, effect: SendCommand) -> None:
        assert effect.version not in self.blocked
        assert self.fleet.devices[effect.device].online
        if effect.ring == "rest" and effect.last_good is None:
            proven = {proof.version for proof in self.fleet.state("canary").proven}
            assert effect.version in proven, "the rest moved before the canary's proof"
        if effect.ring == "rest":
            flying = [d for d in self.members("rest") if d.name != effect.device and flies(d)]
            mine = self.fleet.devices[effect.device]
            size = len(self.fleet.plan().rings["rest"].devices)
            if not flies(mine) and mine.ring == "rest":
                assert len(flying) < max(count_share(CONCURRENCY, size), 1) + 1

    def members(self, ring: str) -> list[DeviceFacts]:
        return [device for device in self.fleet.devices.values() if device.ring == ring and device.online]

    def check_step(self, effect: SaveRing) -> None:
        before, after = self.fleet.state(effect.ring), effect.state
        if before.step in STOPPED_STEPS and after.step not in STOPPED_STEPS:
            moved = before.target is None or after.target is None or before.target.digest != after.target.digest
            token = self.fleet.rings[effect.ring].tokens.get("retry")
            retried = any(each.name == "retry" and each.value == token for each in after.tokens)
            edited = before.abort is not None and self.fleet.rings[effect.ring].generation != before.abort.generation
            lifted = before.abort is not None and (
                before.abort.reason == "Quarantined" and before.target is not None
                and before.target.version not in self.blocked
            )  # fmt: skip
            assert moved or retried or edited or lifted, "an abort ended by itself"

    # What devices do.

    @rule(name=st.sampled_from(NAMES), progress=st.sampled_from(list(Progress)), fault=st.booleans())
    def device_answers(self, name: str, progress: Progress, fault: bool) -> None:
        device = self.fleet.devices[name]
        command = device.command
        if command is None or not device.online:
            return
        runs = device.report.digest if device.report is not None else None
        runs = command.digest if progress is Progress.DONE else runs
        reason = "DownloadFailed" if fault else "SelfTestFailed"
        heard = device.report.generation if device.report is not None else 0
        if heard <= command.generation:
            report = Report(runs, command.generation, progress, reason, changed_at=self.fleet.now)
            self.fleet.devices[name] = replace(device, report=report)

    @rule()
    def every_device_obeys(self) -> None:
        self.fleet.behave = lambda _device, _artifact: Progress.DONE
        self.fleet.act()

    @rule(name=st.sampled_from(NAMES), online=st.booleans())
    def device_comes_or_goes(self, name: str, online: bool) -> None:
        device = self.fleet.devices[name]
        if device.online != online:
            self.fleet.devices[name] = replace(device, online=online, presence_since=self.fleet.now)

    @rule(name=st.sampled_from(NAMES))
    def board_is_flashed_anew(self, name: str) -> None:
        report = Report(None, 0, Progress.NONE, changed_at=self.fleet.now)
        self.fleet.devices[name] = replace(self.fleet.devices[name], report=report)

    @rule(seconds=st.sampled_from([1.0, 20.0, 700.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.fleet.now += seconds

    # What people do.

    @precondition(lambda self: len(self.fleet.versions) < 5)
    @rule()
    def commit_a_version(self) -> None:
        self.fleet.versions.append(make_version(f"1.{len(self.fleet.versions)}.0"))

    @precondition(lambda self: len(self.fleet.versions) > 1)
    @rule()
    def revert_the_last_version(self) -> None:
        self.blocked.discard(self.fleet.versions.pop().version)

    @rule(ring=st.sampled_from(["canary", "rest"]), value=st.integers(0, 3))
    def ask_for_another_try(self, ring: str, value: int) -> None:
        before = self.fleet.rings[ring]
        self.fleet.rings[ring] = replace(before, tokens={"retry": str(value)})
        self.blocked.clear()  # a retry may lift what this ring has quarantined

    @rule(ring=st.sampled_from(["canary", "rest"]))
    def edit_a_ring(self, ring: str) -> None:
        before = self.fleet.rings[ring]
        self.fleet.rings[ring] = replace(before, generation=before.generation + 1)

    @rule(suspend=st.booleans())
    def suspend_or_resume(self, suspend: bool) -> None:
        self.fleet.rings["rest"] = replace(self.fleet.rings["rest"], suspend=suspend)

    # What holds at every moment.

    @invariant()
    def nobody_is_late_who_was_not_reached(self) -> None:
        for name, stand in self.fleet.plan().devices.items():
            device = self.fleet.devices[name]
            if stand.standing is Standing.TIMED_OUT:
                assert device.online
                assert device.command is not None
            if not device.online:
                assert stand.standing is not Standing.COMMANDED

    def teardown(self) -> None:
        """Whatever happened: once nothing happens any more, the fleet comes to rest, and stays there."""
        if not hasattr(self, "fleet"):
            return
        fleet = self.fleet
        fleet.behave = lambda _device, _artifact: Progress.DONE
        for name, device in fleet.devices.items():
            fleet.devices[name] = replace(device, online=True, presence_since=fleet.now)
        fleet.rings["rest"] = replace(fleet.rings["rest"], suspend=False)
        for _ in range(60):
            fleet.step(100.0)
        fleet.now += 200_000.0
        for _ in range(40):
            fleet.step(100.0)
        assert fleet.plan().effects == ()
        fleet.now += 86_400.0
        assert fleet.plan().effects == ()
        shown = fleet.plan()
        ended = {Standing.UPDATED, Standing.EXCLUDED, *FAILURES, Standing.REJECTED, Standing.DEFERRED}
        for name, ring in shown.rings.items():
            state = fleet.state(name)
            assert ring.waits or (state.step is Step.PROVED and state.target is not None)
            if state.step is not Step.PROVED or state.target is None:
                continue
            runs = fleet.runs(state.target.version)
            for device, stand in zip(ring.devices, ring.stands, strict=True):
                assert stand.standing in ended
                assert (device.name in runs) == (stand.standing is Standing.UPDATED)


def flies(device: DeviceFacts) -> bool:
    """An open command that changes something: who is told to keep what it runs is not disturbed."""
    command, report = device.command, device.report
    if command is None or (report is not None and report.generation >= command.generation):
        return False
    return report is None or report.digest != command.digest or report.progress is not Progress.DONE


# A history is forty plans and more: fewer examples than other properties get.
Rollouts.TestCase.settings = settings(stateful_step_count=40, max_examples=max(60, settings().max_examples // 10))
TestRollouts = Rollouts.TestCase
