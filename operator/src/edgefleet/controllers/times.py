"""Points in time as the API writes them (RFC 3339, UTC) and as the domain counts them (POSIX seconds)."""

from datetime import UTC, datetime


def format_time(seconds: float) -> str:
    """Returns "2026-11-21T06:00:00.000000Z"; microseconds, so that order survives being stored."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str | None) -> float:
    """Returns POSIX seconds; 0.0 for nothing."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def round_time(seconds: float) -> float:
    """Returns a point in time as it comes back from being stored: what is remembered and what is stored compare."""
    return parse_time(format_time(seconds))
