"""A rate limit with a burst. Must not know what is limited."""

import asyncio


class TokenBucket:
    """So many at once, so many a second after that; whoever asks first is served first."""

    def __init__(self, rate: float, burst: float) -> None:
        """Fill it.

        Args:
            rate: tokens a second, above 0.
            burst: the most that it holds, at least 1.
        """
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._counted: float | None = None

    async def take(self) -> None:
        """Return when a token was taken; cancelled, none is lost but the one that was waited for."""
        now = asyncio.get_running_loop().time()
        if self._counted is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._counted) * self._rate)
        self._counted = now
        # Below zero are the tokens of those who wait: each knows at once when its own is there.
        self._tokens -= 1.0
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)
