"""Figures and names as people read them."""

import pytest

from edgefleet.forecasting.wording import (
    clean,
    format_about,
    format_bytes,
    format_duration,
    format_offset,
    join_words,
    name_some,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59.9, "1 min"),
        (61, "1 min 1 s"),
        (3_599.5, "1 h"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units_and_never_says_less_than_it_takes(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(599, "9 min 59 s"), (629, "10 min"), (2_461, "41 min"), (54_100, "15 h")]
)
def test_a_long_time_is_said_without_its_small_units(seconds: float, said: str) -> None:
    assert format_about(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (84_600, "84.6 kB"),
        (351_999, "352 kB"),
        (1_234_567, "1.2 MB"),
        (3 * 10**9, "3.0 GB"),
    ],
)
def test_bytes_have_as_many_digits_as_anybody_compares(count: int, said: str) -> None:
    assert format_bytes(count) == said


def test_what_is_now_has_no_offset() -> None:
    assert (format_offset(0), format_offset(12)) == ("now", "+12 s")


def test_lists_are_cut_and_say_so() -> None:
    assert name_some(["a", "b", "c"], 3) == "a, b, c"
    assert name_some([f"d{number}" for number in range(2_000)], 2) == "d0, d1 and 1,998 more"
    assert (join_words([]), join_words(["a"]), join_words(["a", "b", "c"])) == ("", "a", "a, b and c")


def test_text_of_unknown_origin_cannot_move_the_cursor() -> None:
    assert clean("bad\x1b[2J\r\nnews\u202e") == "bad [2J news"
