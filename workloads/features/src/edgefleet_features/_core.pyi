import numpy as np
from numpy.typing import NDArray

WINDOW_SAMPLES: int
WINDOW_RATE_HZ: int

def measure_windows(
    frames: NDArray[np.int16],
    celsius: NDArray[np.float32],
    features: NDArray[np.float32],
    ampere: float,
    metre_per_second2: float,
    pascal: float,
    /,
) -> None: ...
def transform(values: NDArray[np.float32], /) -> None: ...
def describe() -> tuple[tuple[str, bytes, tuple[tuple[str, str, float, float], ...]], ...]: ...
