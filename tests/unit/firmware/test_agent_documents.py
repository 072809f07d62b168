"""What the firmware's agent says is what the Python side reads: every document of every device test, decoded."""

import itertools
import re

import pytest

from edgefleet.codegen.updates import ORDERS
from edgefleet.codegen.vector_samples import DEVICE
from edgefleet.contracts import topics
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.features import BASELINE_WINDOWS, MOTOR_LEVEL2
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.reported import Phase, Presence, Reported
from edgefleet.contracts.telemetry import Alert, Anomaly, Telemetry
from support.agent_core import UPDATES, run_agent_check, sanitized_agent_check
from support.contract_core import ROOT

REPORTED = topics.REPORTED.build(DEVICE)
PRESENCE = topics.PRESENCE.build(DEVICE)
MODELS = {
    REPORTED: Reported,
    PRESENCE: Presence,
    topics.TELEMETRY.build(DEVICE): Telemetry,
    topics.ANOMALY.build(DEVICE): Anomaly,
    topics.DEVICE_ALERT.build(DEVICE): Alert,
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """Topic and bytes of everything that the agent published in the device tests, which pass."""
    path = tmp_path_factory.mktemp("documents") / "documents.tsv"
    done = run_agent_check(sanitized_agent_check(), UPDATES, "--documents", path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(b"\t", 1) for line in path.read_bytes().splitlines()]
    assert len(rows) > 500
    return [(topic.decode(), raw) for topic, raw in rows]


@pytest.fixture(scope="module")
def reports(documents: list[tuple[str, bytes]]) -> list[Reported]:
    return [decode(Reported, raw) for topic, raw in documents if topic == REPORTED]


def test_everything_said_is_on_a_topic_of_the_device_and_decodes(documents: list[tuple[str, bytes]]) -> None:
    for topic, raw in set(documents):
        decode(MODELS[topic], raw)
    assert {topic for topic, _ in documents} == set(MODELS)


def test_fields_stand_in_declared_order_and_absent_ones_are_left_out(documents: list[tuple[str, bytes]]) -> None:
    for topic, raw in set(documents):
        # An anomaly threshold keeps the spelling that was signed, which here is Python's too.
        assert encode(decode(MODELS[topic], raw)) == raw


def test_results_join_with_the_telemetry_that_they_judge(documents: list[tuple[str, bytes]]) -> None:
    samples: set[tuple[int | None, int | None]] = set()
    judged = 0
    for topic, raw in documents:
        if topic == topics.TELEMETRY.build(DEVICE):
            sample = decode(Telemetry, raw)
            samples.add((sample.boot, sample.seq))
            assert sample.message_id == f"{sample.boot}-{sample.seq}"
            assert sample.features is not None
            assert len(sample.features) == len(MOTOR_LEVEL2.features)
            assert sample.features[:4] == (sample.current, sample.temperature, sample.vibration, sample.sound)
        elif topic == topics.ANOMALY.build(DEVICE):
            anomaly = decode(Anomaly, raw)
            assert (anomaly.boot, anomaly.seq) in samples
            judged += 1
    assert judged > 50


def test_a_baseline_is_reported_feature_by_feature(reports: list[Reported]) -> None:
    baselines = [report.baseline for report in reports if report.baseline]
    assert {baseline.token for baseline in baselines} == {"token-a", "token-b"}
    for baseline in baselines:
        assert baseline.windows == BASELINE_WINDOWS
        assert len(baseline.means) == len(baseline.stds) == len(MOTOR_LEVEL2.features)
        assert min(baseline.stds) >= 0


def test_the_device_tests_meet_every_phase_and_outcome(reports: list[Reported]) -> None:
    never = {Phase.REVOKED}  # not in this firmware yet
    assert {report.phase for report in reports} == set(Phase) - never
    failed = {Reason.DOWNLOAD_FAILED, Reason.DIGEST_MISMATCH, Reason.FLASH_ERROR, Reason.MODEL_LOAD_FAILED}
    rejected = {Reason.DOES_NOT_FIT, Reason.ARENA_TOO_SMALL, Reason.WRONG_CLASS, Reason.SECURITY_VERSION_TOO_LOW}
    rejected |= {Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE, Reason.MANIFEST_MISMATCH, Reason.FEATURE_SCHEMA_UNKNOWN}
    more = {Reason.OK, Reason.DEFERRED, Reason.SELF_TEST_FAILED, Reason.WATCHDOG_RESET, Reason.NOT_ACTIVATED}
    assert {report.reason for report in reports} == failed | rejected | more


def test_a_report_tells_what_an_operator_must_know(reports: list[Reported]) -> None:
    generations = {order.generation for order in ORDERS} | {0}
    for report in reports:
        assert report.observed_generation in generations
        assert report.enrolment_id
        assert report.boot_count >= 1
        # 4 while old and new keys overlap; none where flash was erased and the registry has not answered yet.
        assert len(report.key_ids) in ((0, 2) if report.phase is Phase.NOT_ACTIVATED else (2, 4))
        assert report.capabilities.runtime == "tflm"
        if report.previous is not None and report.active is not None:
            assert {report.active.slot, report.previous.slot} == {"a", "b"}
        if report.phase is Phase.CONFIRMED and report.self_test is not None:
            assert report.self_test.passed == report.self_test.total == 3


def test_reports_of_one_boot_are_numbered_without_gaps(reports: list[Reported]) -> None:
    for before, after in itertools.pairwise(reports):
        if (before.enrolment_id, before.boot_count) == (after.enrolment_id, after.boot_count):
            assert after.seq in (before.seq + 1, 0)  # 0: the next test's board


@pytest.mark.parametrize(("option", "page"), [("--diagram", "firmware.md"), ("--birth-diagram", "provisioning.md")])
def test_the_documentation_draws_the_table(option: str, page: str) -> None:
    drawn = run_agent_check(sanitized_agent_check(), option).stdout
    text = (ROOT / "docs" / page).read_text()
    found = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert found is not None
    assert found.group(1) == drawn
