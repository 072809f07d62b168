"""A tree as lines of text."""

from edgefleet.forecasting.tree import Node, Span, Style, draw, say


def test_children_hang_on_glyphs_and_the_last_one_closes_the_line() -> None:
    tree = say("root", "strong", say("a", "plain", say("a1")), say("b"))
    assert draw([tree], 80) == "root\n├─ a\n│  └─ a1\n└─ b\n"


def test_several_roots_stand_below_each_other_without_glyphs() -> None:
    assert draw([say("one"), say("two")], 80) == "one\ntwo\n"


def test_long_labels_wrap_at_words_under_their_own_text() -> None:
    label = (Span("wave 1    "), Span("motor-01, motor-02, motor-03, motor-04, motor-05"))
    drawn = draw([say("ring", "plain", Node(label, (), 10), say("next"))], 42)
    assert drawn.splitlines() == [
        "ring",
        "├─ wave 1    motor-01, motor-02, motor-03,",
        "│            motor-04, motor-05",
        "└─ next",
    ]
    assert all(len(line) <= 42 for line in drawn.splitlines())


def test_a_wrapped_label_with_children_keeps_its_stem() -> None:
    drawn = draw([say("a very long label that does not fit on one line", "plain", say("child"))], 40)
    assert drawn.splitlines() == ["a very long label that does not fit on", "│ one line", "└─ child"]


def test_a_word_that_is_too_long_is_not_broken() -> None:
    word = "x" * 60
    assert draw([say(f"see {word} there")], 40).splitlines() == ["see", f"  {word}", "  there"]


def test_styles_reach_the_painter_and_glyphs_are_faint() -> None:
    seen: list[tuple[str, Style]] = []

    def note(text: str, style: Style) -> str:
        seen.append((text, style))
        return text

    plain = draw([say("root", "strong", say("bad news", "bad"))], 80)
    assert draw([say("root", "strong", say("bad news", "bad"))], 80, note) == plain
    assert ("root", "strong") in seen
    assert ("└─ ", "faint") in seen
    assert [text for text, style in seen if style == "bad"] == ["bad ", "news"]
