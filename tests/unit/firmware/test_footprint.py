"""docs/firmware-footprint.md says what is built, and a figure that is off is noticed."""

import importlib.util
import sys
from types import ModuleType

import pytest

from support.contract_core import FIRMWARE, ROOT
from support.cross_core import cache_folder, make

MAP = """Discarded input sections

 .text.gone     0x00000000       0x40 build/x/core/src/ef_json.o

Linker script and memory map

 .text.ef_json_parse
                0x80000000      0x100 build/x/core/src/ef_json.o
 .rodata.str1.4
                0x80000100       0x20 build/x/generated/edgefleet_contract.o
                                 0x24 (size before relaxing)
 .text          0x80000120       0x10 /usr/lib/x/libgcc.a(muldi3.o)
 .text.sqrtf    0x80000130        0x8 /usr/lib/x/libm.a(sqrtf.o)
 .text.f        0x80000138        0x4 build/x/mbedtls/sha256.o
 .bss.slots     0x80200000       0xa4 build/x/mbedtls/sha256.o
 .debug_info    0x00000000     0xffff build/x/core/src/ef_json.o
"""


@pytest.fixture(scope="module")
def footprint() -> ModuleType:
    spec = importlib.util.spec_from_file_location("firmware_footprint", ROOT / "scripts" / "firmware_footprint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_is_built() -> None:
    done = make(FIRMWARE, cache_folder(), ["footprint-check"])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_documents_that_a_device_never_reads_are_not_linked() -> None:
    assert make(FIRMWARE, cache_folder(), [str(cache_folder() / "rv32imac" / "core.elf")]).returncode == 0
    kept = (cache_folder() / "rv32imac" / "core.map").read_text().split("Linker script and memory map", 1)[1]
    assert "fields_Manifest" in kept
    assert "fields_Label" not in kept
    assert "fields_Reported" not in kept


def test_a_map_counts_what_the_linker_kept(footprint: ModuleType) -> None:
    image = footprint.read_map(MAP)
    assert image.text == {"ef_json": 256, "edgefleet_contract": 32, "libgcc": 16, "libc": 8, "mbedtls": 4}
    assert image.static == 0xA4
    sizes = footprint.group_sizes(image)
    assert sum(sizes.values()) == image.total == 316


def test_every_module_of_the_core_is_in_a_group(footprint: ModuleType) -> None:
    sources = [*(FIRMWARE / "core" / "src").glob("*.c"), *(FIRMWARE / "generated").glob("*.c")]
    assert {path.stem.removeprefix("ef_") for path in sources} <= set(footprint.GROUP_OF)
    with pytest.raises(ValueError, match="ef_unheard"):
        footprint.group_sizes(footprint.Image({"ef_unheard": 1}, 0))


@pytest.mark.parametrize(
    ("page", "now", "same"),
    [
        ("| text | 1,000 |", "| text | 1,020 |", True),
        ("| text | 1,000 |", "| text | 1,021 |", False),
        ("| text | 1,021 |", "| text | 1,000 |", False),
        ("| text | 10.0 KiB |", "| text | 10.3 KiB |", False),
        ("| text | 0 |", "| text | 1 |", False),
        ("| text | 7 |", "| code | 7 |", False),
        ("| text | 7 |", "| text | 7 |\n| code | 7 |", False),
        ("Built with gcc 12.2.0-14", "Built with gcc 12.2.0-15", True),
    ],
)
def test_a_figure_may_be_off_by_two_per_cent(footprint: ModuleType, page: str, now: str, same: bool) -> None:
    assert (list(footprint.differences(page, now)) == []) is same


def test_a_grown_core_is_noticed(footprint: ModuleType) -> None:
    page = (ROOT / "docs" / "firmware-footprint.md").read_text()
    assert "| **Without crypto** |" in page
    grown = page.replace("| `ef_json.c` | 1", "| `ef_json.c` | 2")
    assert grown != page
    found = list(footprint.differences(grown, page))
    assert len(found) == 1
    assert "ef_json.c" in found[0]
