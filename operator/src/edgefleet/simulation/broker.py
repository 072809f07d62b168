"""The broker: keeps the last message of each topic, delivers late, sometimes twice, and may lose everything it kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from edgefleet.simulation.environment import Environment
from edgefleet.simulation.messages import Desired, Presence, Reported

_RECONNECT_SECONDS: Final = 30.0
_SNAPSHOT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Wire:
    """How well messages travel.

    Attributes:
        latency: shortest and longest seconds of a message on its way.
        duplicated: share of reports that reach the leader once more, later.
        reordered: share of reports that reach the leader only after others have overtaken them.
        delay: shortest and longest seconds by which those are late.
        keep_alive: seconds until the broker notices that a device is gone without a word.
    """

    latency: tuple[float, float] = (0.02, 0.4)
    duplicated: float = 0.0
    reordered: float = 0.0
    delay: tuple[float, float] = (1.0, 45.0)
    keep_alive: float = 90.0


IDEAL_WIRE: Final = Wire(latency=(0.05, 0.05))


class Client(Protocol):
    """A device, as the broker knows it."""

    name: str
    online: bool

    def obey(self, desired: Desired) -> None:
        """Takes a command."""

    def lose_link(self, back_in: float) -> None:
        """Notices that the connection broke; it tries again after so many seconds."""

    @property
    def presence(self) -> Presence:
        """What it says on connecting."""
        ...


class Subscriber(Protocol):
    """A leader, as the broker knows it."""

    def hear_report(self, name: str, report: Reported) -> None:
        """Takes a report."""

    def hear_presence(self, name: str, presence: Presence) -> None:
        """Takes a coming or going."""

    def connected(self) -> None:
        """Everything that the broker keeps was delivered."""

    def disconnected(self) -> None:
        """The broker is gone."""


class Broker:
    """A wire, not a store.

    Attributes:
        desired: the retained command of each device.
        reported: the retained report of each device.
        presences: the retained presence of each device.
        up: whether it answers.
        delivered: messages that reached the leader.
    """

    def __init__(self, environment: Environment, wire: Wire) -> None:
        """Start with nothing retained and nobody connected."""
        self.desired: dict[str, Desired] = {}
        self.reported: dict[str, Reported] = {}
        self.presences: dict[str, Presence] = {}
        self.up = True
        self.delivered = 0
        self._environment = environment
        self._agenda = environment.agenda
        self._wire = wire
        self._clients: dict[str, Client] = {}
        self._sessions: dict[str, int] = {}
        self._quiet_until: dict[str, float] = {}
        self._subscriber: Subscriber | None = None
        self._newest: Subscriber | None = None

    # Leaders.

    def subscribe(self, leader: Subscriber) -> None:
        """Connects a leader; what is retained reaches it a little later, all at once. Takes the session over."""
        self._subscriber = None
        self._newest = leader
        self._agenda.at(self._agenda.now + _SNAPSHOT_SECONDS, self._hand_snapshot, leader)

    def unsubscribe(self, leader: Subscriber) -> None:
        """Forgets a leader that is gone, unless another one has taken over."""
        if self._newest is leader:
            self._newest = self._subscriber = None

    def publish_desired(self, name: str, desired: Desired | None) -> bool:
        """Keeps a command and hands it to its device if it is there; None clears it. Says whether it was taken."""
        if not self.up:
            return False
        if desired is None:
            self.desired.pop(name, None)
            return True
        self.desired[name] = desired
        client = self._clients.get(name)
        if client is not None and client.online:
            self._agenda.at(self._agenda.now + self._latency(), self._hand_over, client, desired)
        return True

    def _hand_snapshot(self, leader: Subscriber) -> None:
        if not self.up or leader is not self._newest:
            return  # asks again once the broker is back; or another one has taken the session over
        self._subscriber = leader
        for name, presence in self.presences.items():
            leader.hear_presence(name, presence)
        for name, report in self.reported.items():
            leader.hear_report(name, report)
        leader.connected()

    # Devices.

    def connect(self, client: Client) -> bool:
        """Opens a device's session; says whether the broker answers."""
        if not self.up:
            return False
        name = client.name
        self._clients[name] = client
        self._sessions[name] = self._sessions.get(name, 0) + 1
        self._agenda.at(self._agenda.now + self._latency(), self._keep_presence, name, client.presence, background=True)
        if name in self.desired:
            self._agenda.at(self._agenda.now + self._latency(), self._hand_retained, client, self._sessions[name])
        return True

    def say_goodbye(self, client: Client) -> None:
        """Closes a session in good order."""
        self._sessions[client.name] = self._sessions.get(client.name, 0) + 1
        gone = client.presence._replace(online=False)
        self._agenda.at(self._agenda.now + self._latency(), self._keep_presence, client.name, gone, background=True)

    def lose(self, client: Client) -> None:
        """A device is gone without a word: its last will is published once the keep-alive has run out."""
        gone = client.presence._replace(online=False)
        session = self._sessions.get(client.name, 0)
        late = self._agenda.now + 1.5 * self._wire.keep_alive
        self._agenda.at(late, self._keep_will, client.name, gone, session, background=True)

    def take_report(self, client: Client, report: Reported) -> None:
        """Carries a device's report; reports of one device reach the broker in the order in which they were sent."""
        arrives = max(self._agenda.now + self._latency(), self._quiet_until.get(client.name, 0.0))
        self._quiet_until[client.name] = arrives
        self._agenda.at(arrives, self._keep_report, client, report)

    # Trouble.

    def break_down(self, seconds: float, *, forget: bool) -> None:
        """Is away for a while; with `forget` it comes back with nothing retained."""
        self.up = False
        leader, self._subscriber = self._subscriber, None
        if forget:
            self.desired.clear()
            self.reported.clear()
            self.presences.clear()
        for name, client in self._clients.items():
            self._sessions[name] = self._sessions.get(name, 0) + 1
            if client.online:
                client.lose_link(seconds + self._environment.random.random() * _RECONNECT_SECONDS)
        if leader is not None:
            leader.disconnected()
        self._agenda.at(self._agenda.now + seconds, self._come_back)

    def _come_back(self) -> None:
        self.up = True
        if self._newest is not None:
            self.subscribe(self._newest)

    # Deliveries.

    def _latency(self) -> float:
        low, high = self._wire.latency
        return low + (high - low) * self._environment.random.random() if high > low else low

    def _hand_over(self, client: Client, desired: Desired) -> None:
        if client.online and self.up:
            client.obey(desired)

    def _hand_retained(self, client: Client, session: int) -> None:
        desired = self.desired.get(client.name)
        if desired is not None and self._sessions.get(client.name) == session:
            self._hand_over(client, desired)

    def _keep_will(self, name: str, presence: Presence, session: int) -> None:
        if self._sessions.get(name) == session:
            self._sessions[name] = session + 1
            self._keep_presence(name, presence)

    def _keep_presence(self, name: str, presence: Presence) -> None:
        if self.up:
            self.presences[name] = presence
            self._tell(lambda leader: leader.hear_presence(name, presence))

    def _keep_report(self, client: Client, report: Reported) -> None:
        if not self.up:
            return
        self.reported[client.name] = report
        random, wire = self._environment.random, self._wire
        if wire.duplicated and random.random() < wire.duplicated:
            self._agenda.at(self._agenda.now + random.uniform(*wire.delay), self._forward, client, report)
        if wire.reordered and random.random() < wire.reordered:
            self._agenda.at(self._agenda.now + random.uniform(*wire.delay), self._forward, client, report)
        else:
            self._forward(client, report)

    def _forward(self, client: Client, report: Reported) -> None:
        # A message of a board that was flashed since cannot be under way: its session has ended.
        if report.moment.enrolment_id == client.presence.enrolment_id:
            self._tell(lambda leader: leader.hear_report(client.name, report))

    def _tell(self, say: Callable[[Subscriber], None]) -> None:
        if self.up and self._subscriber is not None:
            self.delivered += 1
            say(self._subscriber)
