"""The ESP-IDF port is built and run by nobody here. What can be held against something else is: the core, the HAL, the
API as published. Every check is shown to fail on a copy with a mistake in it."""

import re
import shutil
from pathlib import Path

import pytest

from support.contract_core import ROOT
from support.esp_idf_port import (
    PORT,
    PUBLISHED,
    Layout,
    find_build_faults,
    find_call_faults,
    find_contract_faults,
    find_partition_faults,
    find_source_faults,
    read_layout,
    read_partitions,
)


@pytest.fixture(name="layout")
def _layout(tmp_path: Path) -> Layout:
    return read_layout(tmp_path)


@pytest.fixture(name="copy")
def _copy(tmp_path: Path) -> Path:
    """A port to make mistakes in, as deep in its tree as the real one, so that its paths still lead to the core."""
    return shutil.copytree(PORT, tmp_path / "port")


def seed(copy: Path, file: str, good: str, bad: str) -> None:
    path = copy / file
    text = path.read_text()
    assert text.count(good) == 1, f"{file} has {text.count(good)} times {good!r}"
    path.write_text(text.replace(good, bad))


def test_partitions_are_what_the_core_and_a_module_of_4_mb_need(layout: Layout) -> None:
    assert find_partition_faults(PORT, layout) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("0x220000, 0x2000,", "0x220000, 0x1000,", "journal has 0x1000 bytes, the core 0x2000"),
        ("0x222000, 0xe000,", "0x222000, 0xc000,", "manifests has 0xc000 bytes, the core 0xe000"),
        ("0x2b0000, 0x80000,", "0x2b0000, 0x90000,", "the model slots are not two of one size"),
        ("0x2b0000, 0x80000,", "0x2a0000, 0x80000,", "model_b overlaps what is before it"),
        ("0x2b0000, 0x80000,", "0x3b0000, 0x80000,", "the table ends at 0x430000"),
        ("0x20000,  0x200000,", "0x21000,  0x1ff000,", "factory is not aligned"),
        ("model_a,   data", "model_c,   data", "missing: model_a"),
        ("0x220000, 0x2000,", "0x220000, 0x2000, encrypted", "journal is encrypted"),
    ],
)
def test_a_bad_partition_table_is_found(copy: Path, layout: Layout, good: str, bad: str, fault: str) -> None:
    seed(copy, "partitions.csv", good, bad)
    assert any(found.startswith(fault) for found in find_partition_faults(copy, layout))


def test_no_source_file_is_forgotten() -> None:
    assert find_source_faults(PORT) == []


@pytest.mark.parametrize(
    ("file", "good", "bad", "fault"),
    [
        ("core", '        "@/core/src/ef_journal.c"\n', "", "components/edgefleet_core lacks ef_journal.c"),
        ("core", "ef_journal.c", "ef_diary.c", "components/edgefleet_core names ef_diary.c, which is no file"),
        ("main", '        "watchdog.c"\n', "", "main lacks watchdog.c"),
    ],
)
def test_a_forgotten_source_file_is_found(copy: Path, file: str, good: str, bad: str, fault: str) -> None:
    firmware = PORT.parent.parent
    core = "components/edgefleet_core/CMakeLists.txt"
    text = (copy / core).read_text()
    (copy / core).write_text(text.replace("../../../..", str(firmware)))
    seed(copy, core if file == "core" else "main/CMakeLists.txt", good.replace("@", str(firmware)), bad)
    assert fault in find_source_faults(copy)


def test_both_builds_use_the_partition_table() -> None:
    assert find_build_faults(PORT) == []


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("sdkconfig.defaults", '="partitions.csv"', '="partitions_singleapp.csv"'),
        ("sdkconfig.defaults", "FLASHSIZE_4MB", "FLASHSIZE_2MB"),
        ("platformio.ini", "partitions = partitions.csv", "partitions = huge_app.csv"),
        ("platformio.ini", "upload.flash_size = 4MB", "upload.flash_size = 2MB"),
    ],
)
def test_a_build_with_another_table_or_flash_is_found(copy: Path, file: str, good: str, bad: str) -> None:
    seed(copy, file, good, bad)
    assert len(find_build_faults(copy)) == 1


def test_every_function_of_the_hal_is_filled() -> None:
    assert find_contract_faults(PORT) == []


@pytest.mark.parametrize(
    ("file", "good", "bad", "fault"),
    [
        ("session.c", ", .unsubscribe = unsubscribe", "", "ef_hal_mqtt.unsubscribe is not filled"),
        ("sensors.c", "        .pascal_per_lsb =", "        //", "ef_hal_sensors.pascal_per_lsb is not filled"),
        ("inference.cc", "hal->inference.unload = unload;", "", "ef_hal_inference.unload is not filled"),
        ("main.c", "    watchdog_wire(hal);\n", "", "main.c does not call watchdog_wire"),
    ],
)
def test_an_empty_place_in_the_hal_is_found(copy: Path, file: str, good: str, bad: str, fault: str) -> None:
    seed(copy, f"main/{file}", good, bad)
    assert fault in find_contract_faults(copy)


@pytest.mark.parametrize("target", ["ESP32", "ESP32S3"])
@pytest.mark.parametrize("mbedtls", [3, 4])
def test_calls_agree_with_the_api_as_published(tmp_path: Path, target: str, mbedtls: int) -> None:
    assert find_call_faults(PORT, tmp_path, target, mbedtls) == ""


@pytest.mark.parametrize(
    ("file", "good", "bad", "said"),
    [
        ("flash.c", 'offset - area->begin, out, length), "read"', 'out, offset, length), "read"', "esp_partition_read"),
        ("session.c", ".outbox.limit", ".outbox.maximum", "maximum"),
        ("identity.c", "capacity, fill_random, NULL);", "capacity);", "mbedtls_x509write_csr_pem"),
        (
            "thermometer.c",
            "#include <freertos/FreeRTOS.h>\n#include <freertos/task.h>",
            "#include <freertos/task.h>",
            "FreeRTOS.h must",
        ),
        ("clock.c", "CONFIG_EDGEFLEET_TIME_SERVER", "CONFIG_EDGEFLEET_NTP", "CONFIG_EDGEFLEET_NTP"),
        ("inference.cc", "X(TANH, Tanh)", "X(GELU, Gelu)", "AddGelu"),
        ("main.c", ".scratch =", ".scratches =", "scratches"),
    ],
)
def test_a_call_that_does_not_agree_is_found(
    copy: Path, tmp_path: Path, *, file: str, good: str, bad: str, said: str
) -> None:
    seed(copy, f"main/{file}", good, bad)
    assert said in find_call_faults(copy, tmp_path, "ESP32", 3)


def test_every_declaration_says_where_it_was_read() -> None:
    headers = sorted(PUBLISHED.rglob("*.h"))
    assert headers
    for header in headers:
        first = header.read_text().splitlines()[0]
        assert re.fullmatch(r"/\* Source: .*\d+\.\d+.* \*/", first), f"{header.name}: {first}"


def test_the_classic_chip_can_convert_as_fast_as_the_port_asks() -> None:
    """4096 frames a second of three channels, four conversions each, between the limits of both chips."""
    source = (PORT / "main" / "sensors.c").read_text()
    caps = (PUBLISHED / "soc" / "soc_caps.h").read_text()
    oversample = int(re.findall(r"#define OVERSAMPLE (\d+)u", source)[0])
    rate = 4096 * 3 * oversample
    lowest = [int(value) for value in re.findall(r"FREQ_THRES_LOW (\d+)", caps)]
    highest = [int(value) for value in re.findall(r"FREQ_THRES_HIGH (\d+)", caps)]
    assert max(lowest) <= rate <= min(highest)


def test_the_page_shows_this_flash_map_and_these_operators() -> None:
    page = (ROOT / "docs" / "firmware-esp-idf.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `0x([0-9a-f]{6})` \| (\d+) (KiB|MiB) \|", page, re.MULTILINE)
    shown = {name: (int(at, 16), int(size) * (1024 if unit == "KiB" else 1024**2)) for name, at, size, unit in rows}
    assert shown == {name: (each.offset, each.size) for name, each in read_partitions(PORT).items()}
    source = (PORT / "main" / "inference.cc").read_text()
    operators = re.findall(r"^    X\((\w+), ", source, re.MULTILINE)
    listed = re.search(r"Operators that it knows, and reports:([^.]*)\.", page)
    assert listed is not None
    assert re.findall(r"`(\w+)`", listed[1]) == operators == sorted(operators)
