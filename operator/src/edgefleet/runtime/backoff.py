"""How long to wait before the next try. Must not know what is tried."""

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, capped, with jitter: of many that failed together, no two come back together.

    Attributes:
        first: the mean of the first pause, in seconds.
        cap: the longest pause, in seconds.
    """

    first: float
    cap: float

    def seconds(self, failures: int) -> float:
        """Return the pause after so many failures in a row: between half and all of the exponential.

        Args:
            failures: at least 1.
        """
        whole = min(self.cap, self.first * 4 / 3 * 2 ** min(failures - 1, _MOST_DOUBLINGS))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
