"""Writes docs/firmware-footprint.md from what `make -C firmware footprint` built and ran.

    firmware_footprint.py BUILD_FOLDER [--check]

Sizes come from the linker's maps, memory and flash wear from the board that QEMU plays. With --check the page stays as
it is, and a figure that is off by more than 2 %, or a sentence or row that differs, is an error: exit status 1.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "firmware-footprint.md"
TOLERANCE: Final = 0.02
# Versions may rise without a byte changing.
BUILT_WITH: Final = "Built with "

RUN: Final = {"rv32imac": "riscv64-unknown-elf", "cortex-m3": "arm-none-eabi"}
COMPILE: Final = {"rv32imc": "riscv64-unknown-elf", "xtensa-lx106": "xtensa-lx106-elf"}
PACKAGES: Final = (
    "gcc-riscv64-unknown-elf",
    "picolibc-riscv64-unknown-elf",
    "gcc-arm-none-eabi",
    "picolibc-arm-none-eabi",
    "gcc-xtensa-lx106",
)

GROUPS: Final = {
    "Update: agent, journal, downloads, slots, trial, reports": (
        "agent update trial download fetch fill model http journal records slots unwrap report state scratch writer"
        " keys topic"
    ),
    "Contract: JSON, its tables, signatures, verdicts": (
        "json json_value contract rules pattern base64 dsse verify semver edgefleet_contract"
    ),
    "Provisioning and activation": "provision request",
    "Sensing: windows, features, verdict, telemetry": (
        "fft window features baseline level1 level2 judge result valve sense edgefleet_features"
    ),
}
GROUP_OF: Final = {name: group for group, names in GROUPS.items() for name in names.split()}
COMPILER: Final = "Compiler's runtime: 64-bit division, floating point in software"
LIBRARY: Final = "C library: memory, text, `strtod`, mathematics"
CRYPTO: Final = "Mbed TLS: SHA-256, ECDSA on P-256, through PSA, and what it alone wants of the two above"

# Each sector is good for so many erases, by the data sheets of common NOR chips.
ENDURANCE: Final = 100_000
SECTOR: Final = 4096

_INPUT: Final = re.compile(r"^ (\.[\w.$-]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", re.MULTILINE)
_NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Image:
    """What one linked image holds.

    Attributes:
        text: bytes of code and constants by source (`ef_json`, `libgcc`, `libc`, `mbedtls`).
        static: bytes of data and bss.
    """

    text: Mapping[str, int]
    static: int

    @property
    def total(self) -> int:
        """Bytes of code and constants."""
        return sum(self.text.values())


def source_of(path: str) -> str:
    """Return what an object file of a map is counted as."""
    archive = re.search(r"/(lib\w+)\.a\(", path)
    if archive:
        return "libc" if archive[1] == "libm" else archive[1]
    return "mbedtls" if "/mbedtls/" in path else Path(path).stem


def read_map(text: str) -> Image:
    """Return what the linker kept, from its map."""
    kept = text.split("Linker script and memory map", 1)[1]
    flash: Counter[str] = Counter()
    static = 0
    for section, size, path in _INPUT.findall(kept):
        kind = section.split(".")[1]
        if kind in ("text", "rodata", "srodata", "init"):
            flash[source_of(path)] += int(size, 16)
        elif kind in ("data", "sdata", "bss", "sbss"):
            static += int(size, 16)
            flash[source_of(path)] += 0 if kind.endswith("bss") else int(size, 16)
    return Image(flash, static)


def read_measured(text: str) -> dict[str, int]:
    """Return the numbers that the board printed."""
    return {name: int(number) for name, number in re.findall(r"^measured (\S+) (\d+)$", text, re.MULTILINE)}


def group_sizes(image: Image) -> dict[str, int]:
    """Return bytes by group, in the page's order.

    Raises:
        ValueError: A source file of the core is in no group.
    """
    sizes = dict.fromkeys((*GROUPS, COMPILER, LIBRARY, CRYPTO), 0)
    others = {"libgcc": COMPILER, "libc": LIBRARY, "mbedtls": CRYPTO}
    for source, size in image.text.items():
        group = others.get(source) or GROUP_OF.get(source.removeprefix("ef_"))
        if group is None:
            raise ValueError(f"{source} is in no group of GROUPS: add it")
        sizes[group] += size
    return sizes


def table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in line) + " |" for line in lines
    )


@dataclass(frozen=True)
class Build:
    """Everything that one build of one processor says."""

    core: Image
    crypto: Image
    measured: Mapping[str, int]

    @classmethod
    def read(cls, folder: Path) -> "Build":
        """Read a processor's folder."""
        images = [read_map((folder / f"{name}.map").read_text()) for name in ("core", "core-and-crypto")]
        return cls(images[0], images[1], read_measured((folder / "measured.txt").read_text()))

    @property
    def client(self) -> int:
        """Bytes of the core's own code and constants, without sensing: what an update client is."""
        sizes = group_sizes(self.core)
        return sum(sizes[group] for group in list(GROUPS)[:3])

    @property
    def client_alone(self) -> int:
        """The same without JSON and HTTP."""
        return self.client - sum(self.core.text[name] for name in ("ef_json", "ef_json_value", "ef_http"))

    @property
    def memory(self) -> int:
        """Bytes of RAM for updates."""
        return self.core.static + sum(self.measured[name] for name in ("agent", "scratch", "stack"))


def objects_size(folder: Path, prefix: str) -> int:
    """Return code and constants of all objects of the core, linked with nothing."""
    objects = sorted(folder.rglob("*.o"))
    listed = subprocess.run([f"{prefix}-size", *objects], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[0]) for line in listed.splitlines()[1:])


def flash_table(builds: Sequence[Build]) -> str:
    """Return the table of code and constants."""
    sizes = [group_sizes(build.core) for build in builds]
    rows: list[list[str | int]] = [[group, *(each[group] for each in sizes)] for group in GROUPS]
    rows = [row for row in rows if any(row[1:])]
    rows.append(["**The core's own code and constants**", *(sum(each[g] for g in GROUPS) for each in sizes)])
    rows += [[group, *(each[group] for each in sizes)] for group in (COMPILER, LIBRARY)]
    rows.append(["**Without crypto**", *(build.core.total for build in builds)])
    rows.append([CRYPTO, *(build.crypto.total - build.core.total for build in builds)])
    rows.append(["**With crypto**", *(build.crypto.total for build in builds)])
    return table(["", *RUN], rows)


def memory_table(builds: Sequence[Build]) -> str:
    """Return the table of RAM."""
    names = {
        "agent": "Agent (`ef_agent_size`)",
        "scratch": "Scratch (`ef_scratch_size`), which the agents of a thread share",
        "stack": "Deepest stack below the port's loop, signatures included",
    }
    rows: list[list[str | int]] = [["Static data", *(build.core.static for build in builds)]]
    rows += [[text, *(build.measured[name] for build in builds)] for name, text in names.items()]
    rows.append(["**Without crypto**", *(build.memory for build in builds)])
    rows.append(["Mbed TLS: static data", *(build.crypto.static - build.core.static for build in builds)])
    rows.append(["Mbed TLS: most of the heap at once", *(build.measured["heap"] for build in builds)])
    more = [b.memory + b.crypto.static - b.core.static + b.measured["heap"] for b in builds]
    rows.append(["**With crypto**", *more])
    names = {
        "provision": "Provisioning (`ef_provision_size`), until the device is activated",
        "sense": "Sensing (`ef_sense_size`), where the device senses",
        "sense_work": "Its work memory (`EF_FEATURES_WORK`), which the agents of a thread share",
    }
    for name, text in names.items():
        if all(name in build.measured for build in builds):
            rows.append([text, *(build.measured[name] for build in builds)])
    return table(["", *RUN], rows)


def module_table(builds: Sequence[Build]) -> str:
    """Return the table of source files."""
    names = {name for build in builds for name in build.core.text if name.removeprefix("ef_") in GROUP_OF}
    order = list(GROUP_OF)
    rows = [
        [f"`{name}.c`", *(build.core.text.get(name, 0) for build in builds)]
        for name in sorted(names, key=lambda each: order.index(each.removeprefix("ef_")))
    ]
    return table(["module", *RUN], rows)


DEPLOYMENTS: Final = {
    "first": "first model (5,000 bytes)",
    "update": "update (9,000 bytes)",
    "back": "switch back, without a download",
    "refused": "refused manifest",
    "settings": "new settings",
    "restart": "restart",
}


def wear_table(measured: Mapping[str, int]) -> str:
    """Return the table of what deployments write."""
    regions = ("journal", "inbox", "payload", "manifests", "models")
    rows: list[list[str | int]] = []
    for name, text in DEPLOYMENTS.items():
        counts = [
            [measured[f"{name}.{region}.{unit}"] for region in regions] for unit in ("programs", "bytes", "erases")
        ]
        programs, written, erases = counts
        rows.append([text, programs[0], written[0], sum(programs[1:]), sum(written[1:]), *erases])
    head = ["", "journal: programs", "bytes", "elsewhere: programs", "bytes"]
    return table([*head, *(f"erases: {region}" for region in regions)], rows)


def lifetimes(measured: Mapping[str, int]) -> str:
    """Return the table of how long flash lasts."""
    room = SECTOR - measured["journal.move"]

    def journal(name: str) -> int:
        # When a sector is full its live records move to the other one; so each is erased every second time.
        return int(2 * ENDURANCE * room / measured[f"{name}.journal.bytes"]) // 1000 * 1000

    rows: list[list[str | int]] = [
        ["inbox: erased for each download; payload: for each other manifest that is read", ENDURANCE, "updates"],
        ["model and manifest of a slot: erased for each second update", 2 * ENDURANCE, "updates"],
        ["journal, by updates", journal("update"), "updates"],
        ["journal, by switches back", journal("back"), "switches"],
        ["journal, by new settings", journal("settings"), "changes"],
        ["journal, by restarts", journal("restart"), "restarts"],
    ]
    return table(["what wears out", f"after, at {ENDURANCE:,} erases a sector", "of"], rows)


def beside_mender(builds: Sequence[Build]) -> str:
    """Return the comparison with the figures that mender-mcu publishes."""
    kib = lambda size: f"{size / 1024:.1f} KiB"  # noqa: E731
    rows = [
        ["flash", "33 KiB, JSON and HTTP apart", *(kib(build.client_alone) for build in builds)],
        ["flash, JSON and HTTP included", "", *(kib(build.client) for build in builds)],
        ["RAM", "15 KiB", *(kib(build.memory) for build in builds)],
        ["flash programs for an update's state", "8", *(str(b.measured["update.journal.programs"]) for b in builds)],
        ["signature of what is installed", "not checked by its client", *("checked" for _ in builds)],
    ]
    return table(["", "mender-mcu", *RUN], rows)


def built_with() -> str:
    """Return the versions of what built this."""
    packages = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=True,
    )
    return BUILT_WITH + "Debian's " + ", ".join(sorted(packages.stdout.splitlines())) + "."


def render(build: Path, mbedtls: str) -> str:
    """Return the page."""
    builds = [Build.read(build / name) for name in RUN]
    wear = [{key: value for key, value in each.measured.items() if "." in key} for each in builds]
    if wear[0] != wear[1]:
        raise ValueError("two processors wear flash differently")
    template = (ROOT / "firmware" / "port" / "qemu" / "footprint.md.in").read_text()
    parts = {
        "built_with": built_with(),
        "mbedtls": mbedtls,
        "beside_mender": beside_mender(builds),
        "flash": flash_table(builds),
        "objects": table(
            ["", *COMPILE],
            [["objects of the core", *(objects_size(build / name, prefix) for name, prefix in COMPILE.items())]],
        ),
        "memory": memory_table(builds),
        "wear": wear_table(wear[0]),
        "move": f"{wear[0]['journal.move']:,}",
        "lifetimes": lifetimes(wear[0]),
        "modules": module_table(builds),
    }
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], template)


def differences(page: str, now: str) -> Iterator[str]:
    """Yield what of the page does not hold any more."""
    before, after = ([line for line in text.splitlines() if not line.startswith(BUILT_WITH)] for text in (page, now))
    if len(before) != len(after):
        yield f"the page has {len(before)} lines, the build gives {len(after)}"
    for old, new in zip(before, after, strict=False):
        pairs = list(zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=False))
        values = [(float(one.replace(",", "")), float(two.replace(",", ""))) for one, two in pairs]
        off = any(abs(one - two) > TOLERANCE * max(one, two) for one, two in values)
        if _NUMBER.sub("0", old) != _NUMBER.sub("0", new) or off:
            yield f"- {old}\n+ {new}"


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; return the exit status."""
    now = render(Path(arguments[0]), arguments[1])
    if "--check" not in arguments:
        PAGE.write_text(now)
        return 0
    found = list(differences(PAGE.read_text() if PAGE.exists() else "", now))
    for each in found:
        print(each)
    if found:
        print(f"{PAGE.relative_to(ROOT)} is not what was built (- page, + build): make -C firmware footprint")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
