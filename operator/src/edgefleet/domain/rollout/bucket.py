"""A token bucket as a value: how many commands may go out now. Pure; whoever plans keeps it between passes."""

from dataclasses import dataclass
from typing import Final

_BURST_SECONDS: Final = 10.0
"""A bucket holds what is filled in so long: a fleet that waited does not break out all at once."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was in a bucket at a time.

    Attributes:
        tokens: commands that may be sent at once.
        at: POSIX seconds.
    """

    tokens: float
    at: float


def refill(bucket: Bucket | None, per_minute: int, now: float) -> Bucket:
    """Returns the bucket as it is now; one that nobody remembers is empty, so a restart never exceeds the rate."""
    capacity = max(1.0, per_minute * _BURST_SECONDS / 60)
    if bucket is None:
        return Bucket(0.0, now)
    filled = bucket.tokens + max(0.0, now - bucket.at) * per_minute / 60
    return Bucket(min(capacity, filled), max(now, bucket.at))


def next_token_at(bucket: Bucket, per_minute: int) -> float:
    """Returns when the bucket holds a whole token; its own time if it does already."""
    return bucket.at + max(0.0, 1.0 - bucket.tokens) * 60 / per_minute
