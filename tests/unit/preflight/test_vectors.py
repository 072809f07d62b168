"""Golden vectors: the same inputs for the same model, and never more than a manifest can carry."""

import base64

import pytest

from edgefleet.contracts import limits
from edgefleet.contracts.manifest import GoldenVector, Tensor
from edgefleet_preflight.arena import add_margin
from edgefleet_preflight.vectors import fit_vectors, make_inputs
from edgefleet_preflight.verdicts import Reason, Refused

DIGEST = "ab" * 32


def make_tensor(size: int) -> Tensor:
    return Tensor(name="x" * 63, shape=(1, size), dtype="int8", scale=1 / 3, zero_point=-128)


def make_pairs(source: int, sink: int, count: int) -> list[GoldenVector]:
    encode = lambda size: base64.b64encode(bytes(size)).decode()  # noqa: E731
    return [GoldenVector(input=encode(source), output=encode(sink)) for _ in range(count)]


def test_inputs_are_the_extremes_and_then_follow_from_the_digest() -> None:
    first = make_inputs(DIGEST, 4, "int8", 8)
    assert first == make_inputs(DIGEST, 4, "int8", 8)
    assert first[:3] == [bytes(4), b"\x80" * 4, b"\x7f" * 4]
    assert len(set(first)) == 8
    assert make_inputs("cd" * 32, 4, "int8", 8)[3:] != first[3:]
    assert make_inputs(DIGEST, 4, "int8", 2) == first[:2]


def test_unsigned_inputs_have_their_own_extremes() -> None:
    assert make_inputs(DIGEST, 2, "uint8", 3) == [b"\x80\x80", b"\x00\x00", b"\xff\xff"]


def test_uniform_inputs_use_the_whole_range() -> None:
    drawn = b"".join(make_inputs(DIGEST, 4096, "int8", 16)[3:])
    assert len(set(drawn)) == 256


def test_small_vectors_all_fit() -> None:
    vectors = make_pairs(4, 1, limits.VECTORS_MAX)
    assert len(fit_vectors(vectors, (make_tensor(4), make_tensor(1)), ("LOGISTIC",))) == limits.VECTORS_MAX


def test_large_vectors_are_fewer_and_the_first_ones() -> None:
    vectors = make_pairs(700, 10, 8)
    kept = fit_vectors(vectors, (make_tensor(700), make_tensor(10)), ("LOGISTIC",))
    assert 0 < len(kept) < 8
    assert kept == vectors[: len(kept)]


def test_a_vector_that_never_fits_is_refused() -> None:
    with pytest.raises(Refused, match="not even one golden vector") as caught:
        fit_vectors(make_pairs(6000, 10, 8), (make_tensor(6000), make_tensor(10)), ("LOGISTIC",))
    assert caught.value.reason is Reason.UNSUPPORTED


def test_only_convolutions_get_a_margin() -> None:
    assert add_margin(1728, ("FULLY_CONNECTED",)) == (1728, "")
    padded, why = add_margin(1728, ("DEPTHWISE_CONV_2D", "MEAN"))
    assert padded == 2160
    assert "1728 and 25 %" in why
    assert add_margin(1616, ("CONV_2D",))[0] % 16 == 0
