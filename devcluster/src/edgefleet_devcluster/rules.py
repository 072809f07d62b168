"""The packet filter rules by which this machine passes a cluster's traffic on to the world, each with a mark."""

from __future__ import annotations

import subprocess

from edgefleet_devcluster.errors import DevclusterError

_TABLES = ("nat", "filter")


def admit(link: str, network: str, mark: str) -> None:
    """Let machines behind ``link`` reach the world under this machine's address; nobody can call in.

    Args:
        link: The interface.
        network: Their addresses.
        mark: By which `remove` finds the rules; no spaces.
    """
    comment = f'-m comment --comment "{mark}"'
    # First in their chain: where Docker runs, the chain's policy is to drop.
    _restore("nat", f"-I POSTROUTING -s {network} ! -d {network} {comment} -j MASQUERADE")
    _restore(
        "filter",
        f"-I FORWARD -i {link} ! -o {link} {comment} -j ACCEPT",
        f"-I FORWARD -o {link} -m conntrack --ctstate RELATED,ESTABLISHED {comment} -j ACCEPT",
    )


def remove(mark: str) -> None:
    """Remove every rule with the mark; none is fine."""
    for table in _TABLES:
        if found := marked(mark, table):
            _restore(table, *(line.replace("-A ", "-D ", 1) for line in found))


def marked(mark: str, table: str) -> list[str]:
    """Return the table's rules with the mark, as iptables-save prints them."""
    # The tool prints a comment in quotes only where it must.
    comments = (f"--comment {mark} ", f'--comment "{mark}" ')
    lines = _iptables(["iptables-save", "-t", table]).splitlines()
    return [line for line in lines if any(comment in line for comment in comments)]


def _restore(table: str, *rules: str) -> None:
    """Apply the rules, all or none."""
    _iptables(["iptables-restore", "--noflush", "--wait"], "\n".join((f"*{table}", *rules, "COMMIT", "")))


def _iptables(command: list[str], text: str = "") -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise DevclusterError(f"no `{command[0]}` on PATH: `apt-get install iptables`") from error
    if done.returncode != 0:
        raise DevclusterError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}")
    return done.stdout
