"""The firmware's core against the Python side: the same verdict, the same field, the same content.

The seeded bugs show that the comparison can fail: each is a plausible slip in the C source, patched into a copy.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgefleet.codegen.vector_samples import full, minimal, to_json
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.document import Kind
from edgefleet.contracts.reasons import Reason
from support.contract_core import FIRMWARE, ContractCore, build, sanitized_core
from support.contract_mutations import damaged
from support.contract_verdicts import Judgement, read_contexts, read_table


@dataclass(frozen=True)
class Campaign:
    judgements: list[Judgement]
    expected: list[list[str]]

    @classmethod
    def of(cls, seed: int, count: int) -> "Campaign":
        judgements = list(damaged(seed, count))
        return cls(judgements, [judgement.answer() for judgement in judgements])

    def disagreements(self, core: ContractCore) -> list[str]:
        answers = core.ask(judgement.question() for judgement in self.judgements)
        return [
            f"{judgement.kind.value} {judgement.context and judgement.context.columns['name']} {judgement.raw!r}:"
            f" python {ours[:1]}, firmware {theirs[:1]}"
            for judgement, ours, theirs in zip(self.judgements, self.expected, answers, strict=True)
            if ours != theirs
        ]


@pytest.mark.parametrize("seed", range(4))
def test_both_sides_agree_on_damaged_documents(seed: int) -> None:
    campaign = Campaign.of(seed, 5000)
    disagreements = campaign.disagreements(sanitized_core())
    assert not disagreements, f"seed {seed}: {len(disagreements)}, first:\n" + "\n".join(disagreements[:3])
    reasons = {lines[0].split(" ")[0] for lines in campaign.expected}
    # Damage that only ever meets a syntax error would prove little.
    assert {"Ok", "Unchanged", "OutOfRange", "BadSignature", "StaleGeneration", "DoesNotFit", "DuplicateKey"} <= reasons
    assert sum(lines[0].startswith("Ok ") for lines in campaign.expected) > 500


def test_every_truncation_of_every_document_is_refused_alike() -> None:
    judgements: list[Judgement] = []
    for kind in DOCUMENTS:
        raw = to_json(minimal(kind))
        judgements += [Judgement(kind, raw[:end]) for end in range(len(raw))]
    answers = sanitized_core().ask(judgement.question() for judgement in judgements)
    assert answers == [[f"Malformed {Reason.MALFORMED.code} 1 "]] * len(judgements)
    assert all(judgement.answer() == ["Malformed 3 1 "] for judgement in judgements[::7])


@dataclass(frozen=True)
class Bug:
    name: str
    file: str
    good: str
    bad: str


_INTEGER = "token_type == EF_JSON_INTEGER"
_ABSENT = "value == EF_JSON_NONE"
_BUGS = (
    Bug("duplicate-keys-pass", "ef_json.c", "if (keys_equal(s,", "if (false && keys_equal(s,"),
    Bug("depth-one-less", "ef_json.c", "s->depth == EF_JSON_DEPTH_MAX", "s->depth + 1 == EF_JSON_DEPTH_MAX"),
    Bug("overlong-utf8-passes", "ef_json.c", "lead == 0xE0 ? 0xA0 : 0x80", "0x80"),
    Bug("int64-off-by-one", "ef_json.c", "value <= limit;", "value <= limit + 1;"),
    Bug(
        "float-for-integer",
        "ef_contract.c",
        f"return {_INTEGER};",
        f"return {_INTEGER} || token_type == EF_JSON_FLOAT;",
    ),
    Bug("upper-bound-exclusive", "ef_contract.c", "value <= field->as.integer.high", "value < field->as.integer.high"),
    Bug(
        "null-means-absent",
        "ef_contract.c",
        f"if ({_ABSENT} && !field->required) {{",
        f"if (({_ABSENT} || json->tokens[value].type == EF_JSON_NULL) && !field->required) {{",
    ),
    Bug("leading-zero-in-prerelease", "ef_pattern.c", "take_identifiers(&s, true)", "take_identifiers(&s, false)"),
    Bug(
        "loose-base64", "ef_base64.c", "if ((pending & ((1U << pending_bits) - 1U)) != 0) {", "if (pending_bits > 8) {"
    ),
    Bug("leap-centuries", "ef_rules.c", "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0", "year % 4 == 0"),
    Bug("any-signature", "ef_dsse.c", "signature_holds(key, digest, signature)) {", "digest != NULL) {"),
    Bug(
        "any-payload-type",
        "ef_dsse.c",
        'if (!ef_json_text_is(json, ef_json_member(json, envelope, "payloadType"), kind->type)) {',
        "if (envelope == EF_JSON_NONE) {",
    ),
    Bug("replay-passes", "ef_verify.c", "if (offered->number < seen->number || ", "if ("),
    Bug(
        "any-device",
        "ef_verify.c",
        'if (!ef_json_text_is(json, ef_json_member(json, 0, "deviceID"), context->device_id)) {',
        'if (ef_json_member(json, 0, "deviceID") == EF_JSON_NONE) {',
    ),
    Bug(
        "any-manifest",
        "ef_verify.c",
        "agrees = memcmp(assigned, command->manifest_digest, EF_SHA256_BYTES) == 0;",
        "agrees = assigned != NULL;",
    ),
    Bug(
        "schema-by-name-alone",
        "ef_verify.c",
        "schema->name) && memcmp(digest, schema->digest, sizeof digest) == 0) {",
        "schema->name) && sizeof digest > 0) {",
    ),
    Bug("schema-by-digest-alone", "ef_verify.c", "ef_json_text_is(json, name, schema->name) && ", "name != 0 && "),
    Bug("any-schema", "ef_verify.c", "if (context->schemas == NULL || has_schema(", "if (true || has_schema("),
    Bug(
        "schema-before-operators",
        "ef_verify.c",
        "    ef_reason reason = check_ops(json, context, fault);\n"
        "    return reason == EF_REASON_OK ? check_features(json, context, fault) : reason;",
        "    ef_reason reason = check_features(json, context, fault);\n"
        "    return reason == EF_REASON_OK ? check_ops(json, context, fault) : reason;",
    ),
    Bug(
        "pem-with-carriage-returns", "ef_pattern.c", "(c >= ' ' && c <= '~')", "(c == '\\r' || (c >= ' ' && c <= '~'))"
    ),
    Bug("pem-cut-off", "ef_pattern.c", "at >= sizeof head && last == '\\n'", "at >= sizeof head && last > 0"),
    Bug("floor-ignored", "ef_verify.c", '"securityVersion") < context->security_floor', '"securityVersion") < 0'),
)


@pytest.fixture(scope="module")
def vectors() -> Campaign:
    """The golden vectors, then random damage: what a seeded bug must not survive."""
    contexts = read_contexts()
    root = FIRMWARE.parent / "tests/golden/vectors"
    judgements = [
        Judgement(Kind(row["document"]), (root / row["file"]).read_bytes(), contexts.get(row["context"]))
        for row in read_table("index.tsv")
    ]
    return Campaign(judgements, [judgement.answer() for judgement in judgements])


@pytest.fixture(scope="module")
def damage() -> Campaign:
    return Campaign.of(seed=99, count=4000)


# Bounds and signs of a bug are not the point, so warnings and sanitizers are off.
_PLAIN = ("SANITIZE=", "OPTIMISE=-O0", "WARNINGS=-w")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the firmware, so that a seeded bug compiles one file."""
    folder = tmp_path_factory.mktemp("pristine")
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
    build(folder / "firmware", folder / "build", _PLAIN)
    return folder


def _build_with(bug: Bug, pristine: Path, folder: Path) -> ContractCore:
    shutil.copytree(pristine, folder)
    source = folder / "firmware/core/src" / bug.file
    text = source.read_text()
    assert text.count(bug.good) == 1, "the seeded bug no longer fits the source"
    source.write_text(text.replace(bug.good, bug.bad))
    return build(folder / "firmware", folder / "build", _PLAIN)


@pytest.mark.parametrize("bug", _BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path, vectors: Campaign) -> None:
    assert vectors.disagreements(_build_with(bug, pristine, tmp_path / "bug"))


# Those that need one exact combination, which only a vector reaches, are left out.
_FOUND_BY_CHANCE = {
    *("duplicate-keys-pass", "depth-one-less", "overlong-utf8-passes", "float-for-integer", "null-means-absent"),
    *("any-device", "replay-passes"),
}


@pytest.mark.parametrize("bug", [bug for bug in _BUGS if bug.name in _FOUND_BY_CHANCE], ids=lambda bug: bug.name)
def test_random_damage_finds_it_too(bug: Bug, tmp_path: Path, pristine: Path, damage: Campaign) -> None:
    assert damage.disagreements(_build_with(bug, pristine, tmp_path / "bug"))


def test_a_read_past_the_end_is_seen(tmp_path: Path) -> None:
    bug = Bug("past-the-end", "ef_json.c", "return s->at < s->length ?", "return s->at <= s->length ?")
    shutil.copytree(FIRMWARE, tmp_path / "firmware", ignore=shutil.ignore_patterns("build"))
    shutil.copytree(sanitized_core().executable.parent, tmp_path / "build")
    source = tmp_path / "firmware/core/src" / bug.file
    source.write_text(source.read_text().replace(bug.good, bug.bad))
    core = build(tmp_path / "firmware", tmp_path / "build")
    with pytest.raises(AssertionError, match="AddressSanitizer: heap-buffer-overflow"):
        core.ask([Judgement(Kind.CONTROL, b"[1").question()])


def test_without_a_bug_nothing_is_found(pristine: Path, vectors: Campaign, damage: Campaign) -> None:
    core = ContractCore(pristine / "build/contract_check")
    assert not vectors.disagreements(core)
    assert not damage.disagreements(core)


def test_the_full_examples_are_read_alike() -> None:
    judgements = [Judgement(kind, to_json(full(kind))) for kind in DOCUMENTS]
    answers = sanitized_core().ask(judgement.question() for judgement in judgements)
    assert answers == [judgement.answer() for judgement in judgements]
    assert all(len(answer) > 2 for answer in answers)
