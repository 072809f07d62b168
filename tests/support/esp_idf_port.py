"""What can be held against the ESP-IDF port without ESP-IDF: each function names the faults that it finds."""

import csv
import re
import subprocess
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.contract_core import FIRMWARE

PORT: Final = FIRMWARE / "port" / "esp-idf"
PUBLISHED: Final = Path(__file__).parent / "esp_idf_headers"
FLASH_BYTES: Final = 4 * 1024 * 1024
"""Of the module that partitions.csv is for."""
AREAS: Final = ("journal", "manifests", "model_a", "model_b")
"""In the order in which flash.c joins them to the core's flash."""
_SECTOR: Final = 0x1000
_APP_ALIGNMENT: Final = 0x10000
_PARTITION_TABLE_END: Final = 0x9000
_MMU_PAGE: Final = 0x10000
_LAYOUT_PROGRAM: Final = """
#include <stdio.h>
#include "ef_layout.h"
int main(void) {
    printf("%u %u %u %u %u", EF_JOURNAL_AT, EF_MANIFESTS_AT, EF_MODELS_AT, EF_FLASH_SECTOR, EF_SLOTS);
    return 0;
}
"""


@dataclass(frozen=True)
class Partition:
    """A line of partitions.csv."""

    name: str
    type: str
    subtype: str
    offset: int
    size: int
    flags: str

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size


@dataclass(frozen=True)
class Layout:
    """Where the core puts things, from its own header."""

    journal: int
    manifests: int
    models: int
    sector: int
    slots: int


def read_layout(folder: Path) -> Layout:
    """Compile a program against the core's header and ask it."""
    source = folder / "layout.c"
    source.write_text(_LAYOUT_PROGRAM)
    includes = [f"-I{FIRMWARE / part}" for part in ("core/src", "core/include", "hal/include", "generated")]
    subprocess.run(["cc", "-std=c11", *includes, source, "-o", folder / "layout"], check=True, timeout=60)
    out = subprocess.run([folder / "layout"], check=True, capture_output=True, text=True, timeout=10).stdout
    return Layout(*(int(number) for number in out.split()))


def read_partitions(port: Path) -> dict[str, Partition]:
    """The table as ESP-IDF's generator reads it, sizes and offsets given as hexadecimal numbers."""
    lines = [line for line in (port / "partitions.csv").read_text().splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return {row[0]: Partition(row[0], row[1], row[2], int(row[3], 0), int(row[4], 0), row[5]) for row in rows}


def find_partition_faults(port: Path, layout: Layout) -> list[str]:
    """Overlaps, bad alignment, what does not fit the module or is not what the core needs."""
    table = read_partitions(port)
    faults = _find_placement_faults(sorted(table.values(), key=lambda partition: partition.offset))
    missing = [name for name in AREAS if name not in table]
    if missing:
        return [*faults, f"missing: {', '.join(missing)}"]
    journal, manifests, model_a, model_b = (table[name] for name in AREAS)
    if journal.size != layout.manifests - layout.journal:
        faults.append(f"journal has {journal.size:#x} bytes, the core {layout.manifests - layout.journal:#x}")
    if manifests.size != layout.models - layout.manifests:
        faults.append(f"manifests has {manifests.size:#x} bytes, the core {layout.models - layout.manifests:#x}")
    if layout.slots != len((model_a, model_b)) or model_a.size != model_b.size:
        faults.append("the model slots are not two of one size")
    for area in (journal, manifests, model_a, model_b):
        if area.flags:
            faults.append(f"{area.name} is {area.flags}: the journal clears bits, which encrypted flash cannot")
        if area.size % layout.sector != 0:
            faults.append(f"{area.name} is not whole sectors")
    return faults


def _find_placement_faults(table: list[Partition]) -> list[str]:
    faults: list[str] = []
    end = _PARTITION_TABLE_END
    for partition in table:
        alignment = _APP_ALIGNMENT if partition.type == "app" else _SECTOR
        if partition.offset < end:
            faults.append(f"{partition.name} overlaps what is before it")
        if partition.offset % alignment != 0 or partition.size % _SECTOR != 0:
            faults.append(f"{partition.name} is not aligned")
        if partition.name.startswith("model_") and partition.offset % _MMU_PAGE != 0:
            faults.append(f"{partition.name} does not begin with a page: mapping it takes one more")
        end = partition.end
    if end > FLASH_BYTES:
        faults.append(f"the table ends at {end:#x}")
    return faults


def _read_sources(cmake: Path) -> set[Path]:
    listed = re.search(r"SRCS(.*?)(INCLUDE_DIRS|REQUIRES)", cmake.read_text(), re.DOTALL)
    assert listed is not None
    return {(cmake.parent / name).resolve() for name in re.findall(r'"([^"]+)"', listed[1])}


def find_source_faults(port: Path, firmware: Path = FIRMWARE) -> list[str]:
    """Source files that a list forgets, and names that are no file."""
    core = {path.resolve() for folder in ("core/src", "generated") for path in (firmware / folder).glob("*.c")}
    main = {path.resolve() for pattern in ("*.c", "*.cc") for path in (port / "main").glob(pattern)}
    faults: list[str] = []
    for component, wanted in (("components/edgefleet_core", core), ("main", main)):
        listed = _read_sources(port / component / "CMakeLists.txt")
        faults += [f"{component} lacks {path.name}" for path in sorted(wanted - listed)]
        faults += [f"{component} names {path.name}, which is no file" for path in sorted(listed - wanted)]
    return faults


def find_build_faults(port: Path) -> list[str]:
    """Whether both builds use this partition table and this flash size."""
    defaults = (port / "sdkconfig.defaults").read_text().splitlines()
    wanted = (
        'CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"',
        "CONFIG_PARTITION_TABLE_CUSTOM=y",
        f"CONFIG_ESPTOOLPY_FLASHSIZE_{FLASH_BYTES // 2**20}MB=y",
        "CONFIG_MQTT_PROTOCOL_5=y",
        "CONFIG_MBEDTLS_HAVE_TIME_DATE=y",
    )
    faults = [f"sdkconfig.defaults lacks {line}" for line in wanted if line not in defaults]
    builds = ConfigParser()
    builds.read(port / "platformio.ini")
    shared = builds["env"]
    if shared.get("board_build.partitions") != "partitions.csv" or shared.get("framework") != "espidf":
        faults.append("platformio.ini does not build ESP-IDF with partitions.csv")
    if shared.get("board_upload.flash_size") != f"{FLASH_BYTES // 2**20}MB":
        faults.append("platformio.ini has another flash size")
    return faults


def find_contract_faults(port: Path, firmware: Path = FIRMWARE) -> list[str]:
    """Members of the HAL's tables that the port leaves empty, and parts that main.c does not wire."""
    headers = "".join(path.read_text() for path in sorted((firmware / "hal/include/edgefleet").glob("hal*.h")))
    headers = re.sub(r"/\*.*?\*/", "", headers, flags=re.DOTALL)
    sources = {path.name: path.read_text() for path in (port / "main").glob("*.[ch]*")}
    text = "".join(sources.values())
    faults: list[str] = []
    board = re.search(r"typedef struct \{([^}]*)\} ef_hal;", headers)
    assert board is not None
    for table, name in re.findall(r"(ef_hal_\w+) (\w+);", board[1]):
        declared = re.search(r"typedef struct \{([^}]*)\} " + table + ";", headers)
        assert declared is not None
        filled = set(re.findall(rf"hal->{name}\.(\w+)(?:\[\w+\])? = ", text))
        for values in re.findall(rf"hal->{name} = \({table}\)\{{(.*?)\}};", text, re.DOTALL):
            filled |= set(re.findall(r"\.(\w+) = ", values))
        faults += [f"{table}.{member} is not filled" for member in _read_members(declared[1]) if member not in filled]
    wires = re.findall(r"void (\w+_wire)\(ef_hal", sources["board.h"] + sources["inference.h"])
    faults += [f"main.c does not call {wire}" for wire in wires if f"    {wire}(" not in sources["main.c"]]
    return faults


def _read_members(body: str) -> list[str]:
    members: list[str] = []
    for declaration in body.split(";"):
        function = re.search(r"\(\*(\w+)\)\(", declaration)
        names = re.findall(r"(\w+)(?:\[\w+\])?\s*(?:,|$)", declaration.strip())
        members += [function[1]] if function else names
    return members


def write_sdkconfig(port: Path, folder: Path, target: str) -> None:
    """The configuration header that Kconfig's defaults make, as far as it is ours."""
    kconfig = (port / "main" / "Kconfig.projbuild").read_text()
    lines = ["#pragma once", f"#define CONFIG_IDF_TARGET_{target} 1"]
    for name, body in re.findall(r"config (\w+)\n(.*?)(?=\n\s*(?:config|menu|endmenu)\b)", kconfig, re.DOTALL):
        for value, condition in re.findall(r"default (\S+)(?: if IDF_TARGET_(\w+))?$", body, re.MULTILINE):
            if condition in ("", target):
                lines.append(f"#define CONFIG_{name} {value}")
                break
    (folder / "sdkconfig.h").write_text("\n".join(lines) + "\n")


def find_call_faults(port: Path, folder: Path, target: str, mbedtls: int, firmware: Path = FIRMWARE) -> str:
    """What the compiler says of the port's sources against the published declarations; empty for nothing."""
    write_sdkconfig(port, folder, target)
    includes = [folder, PUBLISHED, *(firmware / part for part in ("core/include", "hal/include", "generated"))]
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-DMBEDTLS_VERSION_MAJOR={mbedtls}", "-D_GNU_SOURCE"]
    flags += [f"-I{include}" for include in includes]
    faults = ""
    for compiler, pattern in ((["cc", "-std=gnu17"], "*.c"), (["c++", "-std=gnu++17", "-fno-exceptions"], "*.cc")):
        command = [*compiler, *flags, *sorted((port / "main").glob(pattern))]
        faults += subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stderr
    return faults
