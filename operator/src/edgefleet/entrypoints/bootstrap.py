"""`python -m edgefleet.entrypoints.bootstrap`: the Job that completes an installation's Secrets, as Helm's hook.

Settings: EDGEFLEET_NAMESPACE, and EDGEFLEET_EXTERNAL_NAMES with DNS names and IP addresses separated by commas.
Exit status: 0 all is there; 78 nothing that trying again would mend; 1 anything else.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from edgefleet.adapters.kubernetes import installation
from edgefleet.adapters.kubernetes.client import AccessError, ApiError, KubernetesClient
from edgefleet.provisioning import bootstrap
from edgefleet.provisioning.authority import read_host
from edgefleet.provisioning.inventory import PLATFORM_NAMESPACE, BrokenSecretError

_CONFIGURATION: Final = 78  # EX_CONFIG


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable."""


def read_settings(environment: Mapping[str, str]) -> bootstrap.Installation:
    """Read what is to be there.

    Raises:
        SettingsError: an external name is neither a DNS name nor an IP address.
    """
    listed = environment.get("EDGEFLEET_EXTERNAL_NAMES", "").split(",")
    try:
        names = dict.fromkeys(read_host(name.strip()) for name in listed if name.strip())
    except ValueError as error:
        raise SettingsError(f"EDGEFLEET_EXTERNAL_NAMES: {error}") from None
    return bootstrap.Installation(environment.get("EDGEFLEET_NAMESPACE") or PLATFORM_NAMESPACE, tuple(names))


async def complete(wanted: bootstrap.Installation) -> None:
    """Complete an installation in the cluster that this pod runs in."""
    async with await KubernetesClient.in_cluster() as client:
        store = installation.Installation(client, wanted.namespace)
        await bootstrap.run(store, wanted, datetime.now(UTC), _say)
    _say("all Secrets of the installation are there")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the Job's log is for people


def main() -> int:
    """Run the Job; return its exit status."""
    try:
        asyncio.run(complete(read_settings(os.environ)))
    except (SettingsError, BrokenSecretError, AccessError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return _CONFIGURATION
    except (ApiError, TimeoutError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
