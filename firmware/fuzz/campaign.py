"""Runs the fuzz targets: new inputs for a while, or those that are known; see firmware/README.md."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import corpus
import seeds

# Beyond these sizes an input only repeats what a smaller one does.
LONGEST = {"json": 2048, "http": 1024, "words": 512, "keys": 2048, "manifest": 6144, "packet": 1024}
LONGEST_ELSE = 4096
DICTIONARIES = {"http": "http.dict", "fetch": "http.dict", "json": "json.dict"}
WITHOUT_DICTIONARY = ("journal", "boot", "packet")
# What is checked in stays small: an input per line, the shortest ones that cover the most.
CORPUS_BYTES = 24 * 1024
LARGEST_KEPT = 1024
REPORT_LINES = 25
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


@dataclass(frozen=True)
class Setting:
    """Where everything lies."""

    build: Path
    golden: Path

    def program(self, target: str) -> Path:
        """Returns a target's fuzzer."""
        return self.build / "fuzzers" / target

    def known(self, target: str) -> Path:
        """Unpacks the inputs that are known; returns their folder."""
        folder = self.build / "inputs" / target
        shutil.rmtree(folder, ignore_errors=True)
        corpus.unpack(seeds.seeds_of(target, self.golden), folder)
        corpus.unpack(corpus.load(target), folder)
        corpus.unpack([b""], folder)
        return folder

    def found(self, target: str) -> Path:
        """Returns the folder of what the fuzzer found; it goes on from there."""
        folder = self.build / "found" / target
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def findings(self, target: str) -> Path:
        """Returns the folder of what went wrong."""
        folder = self.build / "findings" / target
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def options(self, target: str) -> list[str]:
        """Returns what a target's fuzzer is told."""
        options = [f"-max_len={LONGEST.get(target, LONGEST_ELSE)}", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=1"]
        if target in WITHOUT_DICTIONARY:
            return options
        words = DICTIONARIES.get(target)
        path = Path(__file__).parent / "dictionaries" / words if words else self.build / "contract.dict"
        return [*options, f"-dict={path}"]


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    line: str
    report: str

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.report


def _execute(command: list[str | Path], limit: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=os.environ | SANITIZERS,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=limit,
    )


def _last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    return found[-1] if found else "?"


def _complaint(text: str) -> str:
    """Returns what a sanitizer or a promise said, without the fuzzer's own progress."""
    lines = [line for line in text.splitlines() if not re.match(r"(#\d+\t|INFO:|Dictionary:)", line)]
    start = next((i for i, line in enumerate(lines) if re.search(r"ERROR|runtime error|broken promise", line)), 0)
    return "\n".join(lines[start : start + REPORT_LINES])


def run(setting: Setting, target: str, seconds: int, seed: int) -> Result:
    """Fuzzes one target for a while."""
    findings = setting.findings(target)
    command = [
        setting.program(target),
        *setting.options(target),
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-print_final_stats=1",
        f"-artifact_prefix={findings}/",
        setting.found(target),
        setting.known(target),
    ]
    done = _execute(command, seconds * 3 + 300)
    runs = _last(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    edges, features = _last(r"cov: (\d+)", done.stderr), _last(r"ft: (\d+)", done.stderr)
    size = _last(r"corp: (\d+/\w+)", done.stderr)
    bad = done.returncode != 0
    line = f"{target:<12} {runs:>10} runs  {edges:>5} edges  {features:>6} features  corpus {size:<12} "
    if not bad:
        return Result(line + "0 findings", "")
    kept = _last(r"Test unit written to (\S+)", done.stderr)
    return Result(line + f"FINDING in {kept}", _complaint(done.stderr) or f"exit status {done.returncode}")


def _guilty(program: Path, folder: Path) -> str:
    """Returns an input that fails by itself, found by halving."""
    suspects = sorted(folder.iterdir())
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        suspects = half if _execute([program, *half], 600).returncode != 0 else suspects[len(half) :]
    fails = _execute([program, *suspects], 60).returncode != 0
    return str(suspects[0]) if fails else "no single input"


def replay(setting: Setting, target: str) -> Result:
    """Runs the known inputs of one target; says which of them fail."""
    program = setting.build / "replayers" / target
    folder = setting.known(target)
    done = _execute([program, folder], 600)
    line = f"{target:<12} {done.stdout.strip()}"
    if done.returncode == 0:
        return Result(line, "")
    return Result(f"{target:<12} FAILED on {_guilty(program, folder)}", _complaint(done.stderr))


def keep(setting: Setting, target: str) -> Result:
    """Writes as few of the inputs that were found as cover what the seeds do not."""
    folder = setting.build / "kept" / target
    shutil.rmtree(folder, ignore_errors=True)
    corpus.unpack(seeds.seeds_of(target, setting.golden), folder)
    seeded = {path.name for path in folder.iterdir()}
    before = setting.build / "before" / target
    corpus.unpack(corpus.load(target), before)
    # Edges alone: how often each is passed would keep thousands.
    done = _execute(
        [setting.program(target), "-merge=1", "-use_counters=0", "-timeout=20", folder, before, setting.found(target)],
        1800,
    )
    if done.returncode != 0:
        return Result(f"{target:<12} does not merge", _complaint(done.stderr))
    new = sorted((path.read_bytes() for path in folder.iterdir() if path.name not in seeded), key=len)
    chosen: list[bytes] = []
    size = 0
    for data in new:
        size += len(corpus.spell(data)) + 1
        if size > CORPUS_BYTES or len(data) > LARGEST_KEPT:
            break
        chosen.append(data)
    corpus.save(target, chosen)
    return Result(f"{target:<12} {len(chosen)} of {len(new)} inputs kept", "")


def main() -> int:
    """Does what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--golden", type=Path, required=True)
    parser.add_argument("what", choices=("run", "replay", "keep"))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("targets", nargs="+")
    given = parser.parse_args()
    setting = Setting(given.build, given.golden)

    def do(target: str) -> Result:
        if given.what == "run":
            return run(setting, target, given.seconds, given.seed)
        return replay(setting, target) if given.what == "replay" else keep(setting, target)

    good = True
    with ThreadPoolExecutor(given.jobs) as pool:
        for result in pool.map(do, given.targets):
            print(result.line, flush=True)
            if not result.good:
                print(result.report, flush=True)
            good = good and result.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
