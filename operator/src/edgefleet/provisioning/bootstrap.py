"""Completes an installation's Secrets: makes what is missing, renews certificates, replaces no authority and no key.

`plan` decides from what is stored; `run` carries it out, step by step, so that it may be killed anywhere and run
again, also beside another one. Must not know how Secrets are kept.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from edgefleet.provisioning import inventory
from edgefleet.provisioning.authority import (
    Authority,
    key_to_pem,
    make_key,
    public_to_pem,
    read_certificate,
    read_key,
)
from edgefleet.provisioning.inventory import BrokenSecretError, Data, Leaf, Secret

_TOKEN_BYTES: Final = 32
_ROUNDS: Final = 5
"""One makes the authority, one the rest; more only where another run is at work."""


class Action(Enum):
    """What is to be done to a Secret; the value is the word for people."""

    MAKE = "made"
    RENEW = "renewed"


@dataclass(frozen=True, slots=True)
class Step:
    """One Secret to be written.

    Attributes:
        secret: its name.
        action: what is done.
        why: a few words for people; empty where the action says it all.
    """

    secret: str
    action: Action
    why: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be there.

    Attributes:
        namespace: where.
        external_names: DNS names and IP addresses, as `read_host` returns them, under which devices reach its servers.
    """

    namespace: str
    external_names: tuple[str, ...] = ()

    @property
    def leaves(self) -> dict[str, Leaf]:
        """Its certificates by the name of their Secret."""
        return {leaf.secret: leaf for leaf in inventory.leaves(self.namespace, self.external_names)}


@dataclass(frozen=True, slots=True)
class Stored:
    """A Secret as it is kept.

    Attributes:
        data: its content.
        version: changes whenever it does.
        renewal: as it was written.
    """

    data: Data
    version: str = ""
    renewal: str = ""


class Store(Protocol):
    """Where Secrets are kept, and who reads them."""

    async def read(self, name: str, /) -> Stored | None:
        """Return a Secret; None where there is none."""
        ...

    async def create(self, secret: Secret, /) -> bool:
        """Store a new one; False where there is one now."""
        ...

    async def replace(self, secret: Secret, version: str, /) -> bool:
        """Store another content; False where it has changed since `version`."""
        ...

    async def restart(self, deployment: str, renewal: str, /) -> bool:
        """Let a Deployment read its certificate again, unless it did for this renewal; True where it is told to."""
        ...


def plan(stored: Mapping[str, Stored], installation: Installation, now: datetime) -> list[Step]:
    """Return what is to be done next; nothing when all is there and sound.

    Without an authority, the authority alone: what it signs is planned when it is stored.

    Raises:
        BrokenSecretError: something stored cannot be used. Nothing is to be done then.
    """
    if inventory.AUTHORITY not in stored:
        orphans = [name for name in installation.leaves if name in stored]
        if orphans:
            problem = (
                f"missing, while {', '.join(orphans)} exists: restore it, because devices trust no other authority; "
                f"for a new fleet, delete all Secrets of the installation"
            )
            raise BrokenSecretError(inventory.AUTHORITY, inventory.KEY, problem)
        return [Step(inventory.AUTHORITY, Action.MAKE)]
    authority = inventory.read_authority(stored[inventory.AUTHORITY].data, now)
    steps: list[Step] = []
    for leaf in installation.leaves.values():
        found = stored.get(leaf.secret)
        if found is None:
            steps.append(Step(leaf.secret, Action.MAKE))
        elif why := inventory.why_renew(leaf, found.data, authority, now):
            steps.append(Step(leaf.secret, Action.RENEW, why))
    for name, check in (
        (inventory.ASSIGNMENT_KEY, inventory.check_assignment_key),
        (inventory.UPLOAD_TOKEN, inventory.check_token),
    ):
        if name in stored:
            check(stored[name].data)
        else:
            steps.append(Step(name, Action.MAKE))
    return steps


def make(step: Step, stored: Mapping[str, Stored], installation: Installation, now: datetime) -> Secret:
    """Return what a step is to write. A renewed certificate is for the key that there was."""
    if step.secret == inventory.AUTHORITY:
        pair = Authority.create(now).pair
        data = {inventory.CERTIFICATE: pair.certificate, inventory.KEY: pair.key}
        return Secret(step.secret, inventory.TLS, data, immutable=True)
    if step.secret == inventory.ASSIGNMENT_KEY:
        key = make_key()
        data = {
            inventory.ASSIGNMENT_PRIVATE: key_to_pem(key),
            inventory.ASSIGNMENT_PUBLIC: public_to_pem(key.public_key()),
        }
        return Secret(step.secret, inventory.OPAQUE, data, immutable=True)
    if step.secret == inventory.UPLOAD_TOKEN:
        token = base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).rstrip(b"=")
        return Secret(step.secret, inventory.OPAQUE, {inventory.TOKEN: token})
    authority = inventory.read_authority(stored[inventory.AUTHORITY].data, now)
    key = read_key(stored[step.secret].data[inventory.KEY]) if step.action is Action.RENEW else None
    pair = authority.issue(installation.leaves[step.secret].subject, now, key=key)
    data = {
        inventory.CERTIFICATE: pair.certificate,
        inventory.KEY: pair.key,
        inventory.CA_CERTIFICATE: authority.pair.certificate,
    }
    renewal = f"{read_certificate(pair.certificate).serial_number:x}" if key else ""
    return Secret(step.secret, inventory.TLS, data, renewal=renewal)


async def run(store: Store, installation: Installation, now: datetime, say: Callable[[str], None]) -> None:
    """Complete an installation.

    Args:
        store: where its Secrets are.
        installation: what is to be there.
        now: the time.
        say: gets a line for each thing done.

    Raises:
        BrokenSecretError: something stored cannot be used.
        TimeoutError: others change the Secrets all the time.
    """
    for _ in range(_ROUNDS):
        stored = await _read(store, installation)
        steps = plan(stored, installation, now)
        if not steps:
            await _restart(store, stored, installation, say)
            return
        for step in steps:
            secret = make(step, stored, installation, now)
            done = (
                await store.create(secret)
                if step.action is Action.MAKE
                else await store.replace(secret, stored[step.secret].version)
            )
            # Who was faster did the same; what it wrote is looked at in the next round.
            why = f": {step.why}" if step.why else ""
            say(f"{step.secret}: {step.action.value}{why}" if done else f"{step.secret}: changed by another run")
    raise TimeoutError(f"the Secrets changed {_ROUNDS} times under way: is another bootstrap running without end?")


async def _read(store: Store, installation: Installation) -> dict[str, Stored]:
    found = {name: await store.read(name) for name in inventory.names(installation.namespace)}
    return {name: secret for name, secret in found.items() if secret is not None}


async def _restart(
    store: Store, stored: Mapping[str, Stored], installation: Installation, say: Callable[[str], None]
) -> None:
    # Not where the certificate is renewed: a run that is killed between the two must not leave a server with the old.
    for leaf in installation.leaves.values():
        renewal = stored[leaf.secret].renewal
        if renewal and await store.restart(leaf.deployment, renewal):
            say(f"{leaf.deployment}: restarts with its new certificate")
