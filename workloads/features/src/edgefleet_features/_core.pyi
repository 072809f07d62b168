from typing_extensions import Buffer

WINDOW_SAMPLES: int
WINDOW_RATE_HZ: int

def measure_windows(
    frames: Buffer,
    celsius: Buffer,
    features: Buffer,
    ampere: float,
    metre_per_second2: float,
    pascal: float,
    /,
) -> None: ...
def transform(values: Buffer, /) -> None: ...
def describe() -> tuple[tuple[str, bytes, tuple[tuple[str, str, float, float], ...]], ...]: ...
