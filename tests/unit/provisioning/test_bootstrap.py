"""What bootstrap makes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from edgefleet.provisioning import inventory
from edgefleet.provisioning.authority import LEAF_VALID, Authority, Subject, hosts_of, key_to_pem, make_key
from edgefleet.provisioning.authority import read_certificate as read
from edgefleet.provisioning.bootstrap import Action, Installation, Step, Stored, make, plan, run
from edgefleet.provisioning.inventory import BrokenSecretError, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = Installation("edgefleet-system", ("fleet.example.org", "10.0.0.1"))
BROKER = f"{inventory.BROKER}-tls"
ALL = set(inventory.names("edgefleet-system"))


class Memory:
    """A store in memory.

    Attributes:
        stored: the Secrets.
        deployments: what each was last restarted for.
        deaths: writes after which the process ends, as a kill does.
        before: called ahead of each write, as another run that is faster.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.written: list[Secret] = []
        self.deployments: dict[str, str] = {}
        self.deaths = -1
        self.before: Callable[[str], None] = lambda _name: None

    async def read(self, name: str, /) -> Stored | None:
        return self.stored.get(name)

    async def create(self, secret: Secret, /) -> bool:
        self.before(secret.name)
        if secret.name in self.stored:
            return False
        self._write(secret)
        return True

    async def replace(self, secret: Secret, version: str, /) -> bool:
        self.before(secret.name)
        if self.stored[secret.name].version != version:
            return False
        self._write(secret)
        return True

    async def restart(self, deployment: str, renewal: str, /) -> bool:
        if self.deployments.get(deployment, renewal) == renewal:
            return False
        self.deployments[deployment] = renewal
        return True

    def _write(self, secret: Secret) -> None:
        self.written.append(secret)
        self.stored[secret.name] = Stored(secret.data, str(len(self.written)), secret.renewal)
        self.deaths -= 1
        if self.deaths == 0:
            raise KeyboardInterrupt


def complete(store: Memory, wanted: Installation = HERE, now: datetime = NOW) -> list[str]:
    said: list[str] = []
    asyncio.run(run(store, wanted, now, said.append))
    return said


@pytest.fixture
def full() -> Memory:
    """A complete installation."""
    store = Memory()
    complete(store)
    return store


def test_an_empty_namespace_gets_everything_and_a_line_for_each() -> None:
    store = Memory()
    assert complete(store) == [f"{name}: made" for name in inventory.names("edgefleet-system")]
    assert set(store.stored) == ALL
    secrets = {secret.name: secret for secret in store.written}
    assert {name for name, secret in secrets.items() if secret.immutable} == {
        inventory.AUTHORITY,
        inventory.ASSIGNMENT_KEY,
    }
    assert {secret.type for name, secret in secrets.items() if inventory.CERTIFICATE in secret.data} == {inventory.TLS}
    assert hosts_of(read(secrets[BROKER].data["tls.crt"])) == {
        "edgefleet-broker",
        "edgefleet-broker.edgefleet-system",
        "edgefleet-broker.edgefleet-system.svc",
        "edgefleet-broker.edgefleet-system.svc.cluster.local",
        "fleet.example.org",
        "10.0.0.1",
    }
    assert re.fullmatch(rb"[A-Za-z0-9_-]{43}", secrets[inventory.UPLOAD_TOKEN].data["token"])


def test_a_complete_installation_is_left_alone(full: Memory) -> None:
    before = dict(full.stored)
    assert complete(full) == []
    assert full.stored == before


@pytest.mark.parametrize("writes", range(1, len(ALL)))
def test_a_run_that_is_killed_is_completed_by_the_next(writes: int) -> None:
    store = Memory()
    store.deaths = writes
    with pytest.raises(KeyboardInterrupt):
        complete(store)
    assert len(store.stored) == writes
    before = dict(store.stored)
    complete(store)
    assert set(store.stored) == ALL
    assert before.items() <= store.stored.items()
    assert complete(store) == []


@pytest.mark.parametrize("name", sorted(ALL))
def test_of_two_runs_one_makes_each_secret_and_both_agree(name: str) -> None:
    store, rival = Memory(), Memory()
    complete(rival)

    def be_faster(written: str) -> None:
        if written == name:
            store.stored.setdefault(name, rival.stored[name])

    # A rival's leaf fits only under the rival's authority.
    if name != inventory.AUTHORITY:
        store.stored[inventory.AUTHORITY] = rival.stored[inventory.AUTHORITY]
    store.before = be_faster
    said = complete(store)
    assert f"{name}: changed by another run" in said
    assert store.stored[name] == rival.stored[name]
    assert complete(store) == []


def test_runs_that_never_agree_end_with_a_word(full: Memory) -> None:
    def meddle(name: str) -> None:
        full.stored[name] = replace(full.stored[name], version=f"{full.stored[name].version}x")

    full.before = meddle
    with pytest.raises(TimeoutError, match="another bootstrap"):
        complete(full, replace(HERE, external_names=()))


@pytest.mark.parametrize(
    ("later", "renewed"),
    [(LEAF_VALID - timedelta(days=31), False), (LEAF_VALID - timedelta(days=29), True), (LEAF_VALID * 2, True)],
)
def test_a_certificate_is_renewed_in_its_last_month_for_the_key_it_has(
    full: Memory, later: timedelta, renewed: bool
) -> None:
    before = dict(full.stored)
    said = complete(full, now=NOW + later)
    changed = {name for name in ALL if full.stored[name] != before[name]}
    assert changed == (set(HERE.leaves) if renewed else set())
    for name in changed:
        assert full.stored[name].data["tls.key"] == before[name].data["tls.key"]
        assert read(full.stored[name].data["tls.crt"]).not_valid_after_utc > NOW + later + timedelta(days=300)
    assert all(": renewed: ended on 2027-" in line for line in said)


def test_other_names_make_another_certificate_and_its_server_restarts(full: Memory) -> None:
    full.deployments = {inventory.BROKER: "", inventory.MODEL_REGISTRY: "", inventory.OPERATOR: ""}
    said = complete(full, replace(HERE, external_names=("other.example.org", "10.0.0.1")))
    assert said == [
        "edgefleet-broker-tls: renewed: with other.example.org, without fleet.example.org",
        "edgefleet-model-registry-tls: renewed: with other.example.org, without fleet.example.org",
        "edgefleet-broker: restarts with its new certificate",
        "edgefleet-model-registry: restarts with its new certificate",
    ]
    assert complete(full, replace(HERE, external_names=("10.0.0.1", "other.example.org"))) == []


def test_a_run_that_is_killed_between_renewal_and_restart_is_completed_by_the_next(full: Memory) -> None:
    full.deployments = {inventory.BROKER: ""}
    full.deaths = 1
    with pytest.raises(KeyboardInterrupt):
        complete(full, replace(HERE, external_names=()))
    assert full.deployments == {inventory.BROKER: ""}
    assert "edgefleet-broker: restarts with its new certificate" in complete(full, replace(HERE, external_names=()))


def test_a_lost_authority_is_never_replaced(full: Memory) -> None:
    del full.stored[inventory.AUTHORITY]
    with pytest.raises(BrokenSecretError, match=r"^Secret edgefleet-ca: tls.key: missing, while .*restore it"):
        complete(full)
    assert inventory.AUTHORITY not in full.stored


STRANGER = Authority.create(NOW)
CLIENT = STRANGER.issue(Subject("edgefleet:broker"), NOW)


@pytest.mark.parametrize(
    ("name", "field", "content", "problem"),
    [
        (inventory.AUTHORITY, "tls.crt", b"", "missing"),
        (inventory.AUTHORITY, "tls.crt", b"junk", "not a PEM certificate"),
        (inventory.AUTHORITY, "tls.key", b"junk", "not an unencrypted PEM private key"),
        (inventory.AUTHORITY, "tls.key", key_to_pem(make_key()), "not the key of tls.crt"),
        (BROKER, "tls.crt", b"", "missing"),
        (BROKER, "tls.crt", b"junk", "not a PEM certificate"),
        (BROKER, "tls.key", key_to_pem(make_key()), "not the key of tls.crt"),
        (BROKER, "ca.crt", b"", "not the certificate of edgefleet-ca"),
        (BROKER, "ca.crt", STRANGER.pair.certificate, "not the certificate of edgefleet-ca"),
        (inventory.ASSIGNMENT_KEY, "assignment.key", b"junk", "not an unencrypted PEM private key"),
        (inventory.ASSIGNMENT_KEY, "assignment.pub", b"junk", "not a PEM public key"),
        (inventory.ASSIGNMENT_KEY, "assignment.key", key_to_pem(make_key()), "not the public key of assignment.key"),
        (inventory.UPLOAD_TOKEN, "token", b"short", "not 32 or more printable characters without spaces"),
        (inventory.UPLOAD_TOKEN, "token", b"x" * 40 + b"\n", "not 32 or more printable characters without spaces"),
    ],
)
def test_a_broken_secret_is_refused_by_name_and_field_and_nothing_is_written(
    full: Memory, name: str, field: str, content: bytes, problem: str
) -> None:
    at = "assignment.pub" if problem.startswith("not the public key") else field
    full.stored[name] = replace(full.stored[name], data={**full.stored[name].data, field: content})
    del full.stored[inventory.UPLOAD_TOKEN if name != inventory.UPLOAD_TOKEN else f"{inventory.OPERATOR}-tls"]
    before = dict(full.stored)
    with pytest.raises(BrokenSecretError) as caught:
        complete(full)
    assert str(caught.value) == f"Secret {name}: {at}: {problem}"
    assert full.stored == before


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (CLIENT, "not signed by edgefleet-ca"),
        (None, "not for edgefleet:broker"),
    ],
)
def test_a_certificate_of_somebody_else_is_refused(full: Memory, pair: object, problem: str) -> None:
    data = dict(full.stored[BROKER].data)
    if pair is CLIENT:
        data |= {"tls.crt": CLIENT.certificate, "tls.key": CLIENT.key}
    else:
        data |= {name: full.stored[f"{inventory.OPERATOR}-tls"].data[name] for name in ("tls.crt", "tls.key")}
    full.stored[BROKER] = Stored(data, "1")
    with pytest.raises(BrokenSecretError, match=f"^Secret {BROKER}: tls.crt: {problem}$"):
        complete(full)


def test_an_authority_that_has_ended_or_is_none_is_refused(full: Memory) -> None:
    with pytest.raises(BrokenSecretError, match=r"^Secret edgefleet-ca: tls.crt: ended on 2036-"):
        complete(full, now=NOW + timedelta(days=3700))
    leaf = full.stored[BROKER].data
    full.stored[inventory.AUTHORITY] = Stored({"tls.crt": leaf["tls.crt"], "tls.key": leaf["tls.key"]})
    with pytest.raises(BrokenSecretError, match="not a certificate authority's"):
        complete(full)


def test_no_secret_shows_in_what_is_printed(full: Memory) -> None:
    step = Step(inventory.UPLOAD_TOKEN, Action.MAKE)
    secret = make(step, full.stored, HERE, NOW)
    assert secret.data["token"].decode() not in repr(secret)


def test_the_plan_is_the_same_for_the_same_facts(full: Memory) -> None:
    del full.stored[BROKER]
    assert plan(full.stored, HERE, NOW) == plan(full.stored, HERE, NOW) == [Step(BROKER, Action.MAKE)]
