"""The offline check of a folder of manifests: what the API server would refuse, and what could never work."""

from dataclasses import dataclass

from edgefleet.manifests.envelopes import check_envelopes
from edgefleet.manifests.findings import Finding
from edgefleet.manifests.fit import check_fit
from edgefleet.manifests.fleet import Fleet
from edgefleet.manifests.folder import Reading
from edgefleet.manifests.objects import declare
from edgefleet.manifests.references import check_references
from edgefleet.manifests.transitions import check_transitions


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a lint.

    Attributes:
        findings: What to mend, in the order of files and lines.
        files: Files read.
        objects: Objects, classes and claims of ours that passed schema and rules.
    """

    findings: tuple[Finding, ...]
    files: int
    objects: int

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.errors


def lint(reading: Reading, against: Reading | None = None) -> Report:
    """Checks what was read; with `against`, also what may not change from there to here. Pure."""
    declarations = declare(reading.manifests)
    fleet = Fleet(declarations)
    findings = [
        *reading.findings,
        *declarations.findings,
        *check_references(fleet),
        *check_fit(fleet),
        *check_envelopes(fleet),
    ]
    if against is not None:
        findings.extend(check_transitions(declare(against.manifests), declarations))
    ordered = sorted(set(findings), key=lambda finding: finding.sort_key)
    passed = (declarations.objects, declarations.classes, declarations.claims)
    return Report(tuple(ordered), reading.files, sum(map(len, passed)))
