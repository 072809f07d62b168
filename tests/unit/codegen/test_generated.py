"""What is generated stands in the repository, is the same each time, and its checker can fail."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from edgefleet.codegen import crds, editor_schemas
from edgefleet.codegen.__main__ import OWNED, generate
from support.good_manifests import good_manifests
from support.manifest_cases import BAD, Case

REPOSITORY = Path(__file__).parents[3]


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the generator as make does."""
    command = [sys.executable, "-m", "edgefleet.codegen", *arguments, str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_repository_is_up_to_date_and_nothing_else_stands_in_generated_folders() -> None:
    done = run(REPOSITORY, "--check")
    assert done.returncode == 0, done.stdout


def test_generating_twice_gives_the_same_bytes() -> None:
    assert generate() == generate()


@pytest.mark.parametrize("damage", ["edit", "remove", "add"])
def test_the_check_sees_an_edit_a_missing_file_and_a_stray_one(tmp_path: Path, damage: str) -> None:
    for folder in OWNED:
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    victim = tmp_path / "crds" / "rolloutrings.edgefleet.io.yaml"
    stray = tmp_path / "crds" / "stray.yaml"
    if damage == "edit":
        victim.write_text(victim.read_text().replace("maxItems: 8", "maxItems: 9"))
    elif damage == "remove":
        victim.unlink()
    else:
        stray.write_text("kind: x\n")
    done = run(tmp_path, "--check")
    assert done.returncode == 1
    assert (stray if damage == "add" else victim).name in done.stdout
    assert run(tmp_path).returncode == 0
    assert run(tmp_path, "--check").returncode == 0
    assert not stray.exists()


def test_status_of_devices_is_atomic_and_kstatus_sees_a_fresh_object() -> None:
    for name, content in crds.generate().items():
        schema = yaml.safe_load(content)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        status = schema["properties"]["status"]
        assert status["default"] == {"observedGeneration": -1}, name
        generation = status["properties"]["observedGeneration"]
        assert (generation["type"], generation["format"], generation["default"]) == ("integer", "int64", -1)
        assert (status.get("x-kubernetes-map-type") == "atomic") is ("edgedevices" in name)
        conditions = status["properties"]["conditions"]
        assert conditions["x-kubernetes-list-type"] == ("atomic" if "edgedevices" in name else "map")


def test_field_selectors_and_columns_point_at_fields_that_exist() -> None:
    for content in crds.generate().values():
        version = yaml.safe_load(content)["spec"]["versions"][0]
        paths = [entry["jsonPath"] for entry in version["selectableFields"]]
        assert len(paths) <= 8
        paths += [column["jsonPath"].partition("[")[0] for column in version["additionalPrinterColumns"]]
        for path in paths:
            node = version["schema"]["openAPIV3Schema"]
            for part in path.strip(".").split("."):
                if path.startswith(".metadata"):
                    break
                node = node["properties"][part]


SCHEMAS = {Path(name).name: json.loads(content) for name, content in editor_schemas.generate().items()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_editor_schema_is_a_json_schema_with_descriptions(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])
    assert "x-kubernetes" not in json.dumps(SCHEMAS[name])
    properties = SCHEMAS[name]["properties"]
    fields = properties["spec"]["properties"] if "spec" in properties else properties
    assert all(field.get("description") for field in fields.values())


@pytest.mark.parametrize("name", good_manifests())
def test_an_editor_accepts_a_good_manifest(name: str) -> None:
    manifest = {key: value for key, value in good_manifests()[name].items() if key != "status"}
    schema = SCHEMAS[f"{manifest['kind'].lower()}_v1alpha1.json"]
    assert [error.message for error in Draft7Validator(schema).iter_errors(manifest)] == []


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in BAD
        if case.rule in ("semver", "sha256", "safe-name", "enum", "type", "required", "unknown-field")
    ],
    ids=lambda case: case.name,
)
def test_an_editor_marks_what_it_can_check(case: Case) -> None:
    manifest = case.build()
    manifest.pop("status", None)
    schema = SCHEMAS[f"{manifest['kind'].lower()}_v1alpha1.json"]
    errors = [*Draft7Validator(schema).iter_errors(manifest)]
    # An editor without CEL cannot see a newline behind $, nor what stands in metadata beyond its type.
    assert errors or case.name in ("version-with-newline", "null-for-required", "unknown-field-in-metadata")
