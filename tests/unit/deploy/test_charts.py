"""What the charts put into a cluster: pods without privileges, rights by name, and one source for what is generated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edgefleet.api.v1alpha1 import KINDS
from edgefleet.contracts.limits import KEYS_MAX
from edgefleet.provisioning import inventory
from edgefleet.provisioning.broker_acl import write_acl

if TYPE_CHECKING:
    from unit.deploy.conftest import Helm, Object, Render

REPOSITORY = Path(__file__).parents[3]
CHARTS = REPOSITORY / "deploy" / "charts"
KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return each pod's spec by the name of what makes it."""
    return {found["metadata"]["name"]: found["spec"]["template"] for found in objects if "template" in found["spec"]}


def named(objects: list[Object], kind: str, name: str) -> Object:
    return next(found for found in objects if (found["kind"], found["metadata"]["name"]) == (kind, name))


@pytest.fixture(scope="module")
def objects(render: Render) -> list[Object]:
    values = yaml.safe_dump({"releaseKeys": {"main": KEY}, "externalNames": ["fleet.example.org", "10.0.0.1"]})
    return [found | {"spec": found.get("spec") or {}} for found in render(values=values)]


@pytest.mark.parametrize("chart", ["edgefleet", "edgefleet-crds"])
def test_helm_finds_nothing_to_complain_about(helm: Helm, chart: str) -> None:
    done = helm("lint", "--strict", str(CHARTS / chart))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_there_are_four_pods_and_each_meets_the_restricted_standard(objects: list[Object]) -> None:
    found = pods(objects)
    assert set(found) == {"edgefleet-operator", "edgefleet-broker", "edgefleet-model-registry", "edgefleet-bootstrap"}
    for name, template in found.items():
        spec = template["spec"]
        security = spec["securityContext"]
        assert security["runAsNonRoot"], name
        assert (security["runAsUser"], security["runAsGroup"]) == (65532, 65532), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys(), name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
            assert all("hostPort" not in port for port in container.get("ports", [])), name


def test_only_who_talks_to_the_api_server_has_a_token(objects: list[Object]) -> None:
    tokens = {name: template["spec"]["automountServiceAccountToken"] for name, template in pods(objects).items()}
    assert tokens == {
        "edgefleet-operator": True,
        "edgefleet-bootstrap": True,
        "edgefleet-broker": False,
        "edgefleet-model-registry": False,
    }
    accounts = [found for found in objects if found["kind"] == "ServiceAccount"]
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


def test_what_is_mounted_is_read_only_but_the_servers_own_volumes(objects: list[Object]) -> None:
    for name, template in pods(objects).items():
        spec = template["spec"]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for container in spec["containers"]:
            for mount in container.get("volumeMounts", []):
                volume = volumes.pop(mount["name"])
                assert mount.get("readOnly", False) is not ("persistentVolumeClaim" in volume), (name, mount)
                if "secret" in volume:
                    assert volume["secret"]["defaultMode"] == 0o440, (name, mount)
        assert volumes == {}, name


def test_secrets_go_to_those_who_need_them(objects: list[Object]) -> None:
    mounted = {
        name: {volume["secret"]["secretName"] for volume in template["spec"].get("volumes", []) if "secret" in volume}
        for name, template in pods(objects).items()
    }
    assert mounted == {
        "edgefleet-operator": {f"{inventory.OPERATOR}-tls", inventory.ASSIGNMENT_KEY},
        "edgefleet-broker": {f"{inventory.BROKER}-tls"},
        "edgefleet-model-registry": {f"{inventory.MODEL_REGISTRY}-tls", inventory.UPLOAD_TOKEN},
        "edgefleet-bootstrap": set(),
    }


def test_every_deployment_is_one_pod_at_a_time_and_probed(objects: list[Object]) -> None:
    deployments = [found for found in objects if found["kind"] == "Deployment"]
    assert len(deployments) == 3
    for found in deployments:
        assert found["spec"]["strategy"] == {"type": "Recreate"}
        assert found["spec"]["replicas"] == 1
        container = found["spec"]["template"]["spec"]["containers"][0]
        assert {"startupProbe", "livenessProbe"} <= container.keys()


def rules(objects: list[Object]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{found['kind']} {found['metadata']['name']}", rule)
        for found in objects
        if found["kind"] in ("Role", "ClusterRole")
        for rule in found["rules"]
    ]


def test_no_right_is_a_wildcard_and_none_makes_rights(objects: list[Object]) -> None:
    found = rules(objects)
    assert found
    for name, rule in found:
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"], *rule.get("resourceNames", [])}
        assert not any("*" in word for word in words), name
        assert not {"escalate", "bind", "impersonate"} & words, name
        assert not any(word.startswith(("pods", "roles", "clusterroles", "serviceaccounts")) for word in words), name


def test_the_operator_writes_statuses_and_reads_no_secret(objects: list[Object]) -> None:
    allowed = {
        (group, resource, verb)
        for name, rule in rules(objects)
        if name.endswith(" edgefleet-operator")
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    plurals = {kind.definition.plural for kind in KINDS}
    writes = {(group, resource) for group, resource, verb in allowed if verb not in ("get", "list", "watch")}
    assert writes == {
        *(("edgefleet.io", f"{plural}/status") for plural in plurals),
        ("", "events"),
        ("events.k8s.io", "events"),
        ("coordination.k8s.io", "leases"),
    }
    assert not any(resource == "secrets" for _, resource, _ in allowed)


def test_bootstrap_knows_its_secrets_by_name_and_never_changes_an_authority_or_a_key(objects: list[Object]) -> None:
    role = named(objects, "Role", "edgefleet-bootstrap")
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for verb in rule["verbs"]:
            found.setdefault(f"{rule['resources'][0]} {verb}", set()).update(rule.get("resourceNames", []))
    leaves = {leaf.secret for leaf in inventory.leaves("x", ())}
    deployments = {leaf.deployment for leaf in inventory.leaves("x", ())}
    assert found == {
        "secrets create": set(),
        "secrets get": set(inventory.names("x")),
        "secrets patch": leaves,
        "deployments get": deployments,
        "deployments patch": deployments,
    }


def test_bootstrap_runs_before_everything_and_goes_with_its_rights(objects: list[Object]) -> None:
    hooks = {
        (found["kind"], int(found["metadata"]["annotations"]["helm.sh/hook-weight"]))
        for found in objects
        if "helm.sh/hook" in found["metadata"].get("annotations", {})
    }
    assert hooks == {("ServiceAccount", -20), ("Role", -20), ("RoleBinding", -20), ("Job", -10)}
    for found in objects:
        annotations = found["metadata"].get("annotations", {})
        if "helm.sh/hook" in annotations:
            assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    container = pods(objects)["edgefleet-bootstrap"]["spec"]["containers"][0]
    names = next(entry["value"] for entry in container["env"] if entry["name"] == "EDGEFLEET_EXTERNAL_NAMES")
    assert names == "fleet.example.org,10.0.0.1"


def test_devices_find_both_servers_at_the_ports_they_always_had(objects: list[Object], render: Render) -> None:
    def ports(objects: list[Object]) -> dict[str, tuple[str, int, int | None]]:
        return {
            found["metadata"]["name"]: (found["spec"]["type"], port["port"], port.get("nodePort"))
            for found in objects
            if found["kind"] == "Service"
            for port in found["spec"]["ports"]
        }

    assert ports(objects) == {
        "edgefleet-broker": ("NodePort", 8883, 30005),
        "edgefleet-model-registry": ("NodePort", 8443, 30007),
        "edgefleet-operator": ("ClusterIP", 8080, None),
    }
    inside = render("--set", "broker.service.type=ClusterIP", "--set", "modelRegistry.service.nodePort=0")
    assert ports(inside)["edgefleet-broker"] == ("ClusterIP", 8883, None)
    assert ports(inside)["edgefleet-model-registry"] == ("NodePort", 8443, None)


def test_each_service_finds_exactly_its_own_pod(objects: list[Object]) -> None:
    templates = pods(objects)
    for found in objects:
        if found["kind"] == "Service":
            selector = found["spec"]["selector"].items()
            matching = [name for name, pod in templates.items() if selector <= pod["metadata"]["labels"].items()]
            assert matching == [found["metadata"]["name"]]


def test_images_are_the_users_choice_and_have_a_default(objects: list[Object], render: Render) -> None:
    def images(objects: list[Object]) -> dict[str, tuple[str, str]]:
        return {
            name: (container["image"], container["imagePullPolicy"])
            for name, template in pods([found for found in objects if found.get("spec")]).items()
            for container in template["spec"]["containers"]
        }

    assert images(objects)["edgefleet-operator"] == ("edgefleet/operator:0.1.0", "IfNotPresent")
    chosen = render(
        *("--set", "images.operator=localhost/edgefleet/operator:abc"),
        *("--set", "images.broker=example.org:5000/b@sha256:" + "0" * 64),
        *("--set", "images.pullPolicy=Never", "--set", "images.prefix=example.org/ef"),
    )
    assert images(chosen) == {
        "edgefleet-operator": ("localhost/edgefleet/operator:abc", "Never"),
        "edgefleet-bootstrap": ("localhost/edgefleet/operator:abc", "Never"),
        "edgefleet-broker": ("example.org:5000/b@sha256:" + "0" * 64, "Never"),
        "edgefleet-model-registry": ("example.org/ef/model-registry:0.1.0", "Never"),
    }


def test_all_pods_follow_one_rule_of_placement(render: Render) -> None:
    values = "nodeSelector: {a: b}\ntolerations: [{key: x, operator: Exists}]\nimages: {pullSecrets: [mine]}\n"
    for name, template in pods([found for found in render(values=values) if found.get("spec")]).items():
        assert template["spec"]["nodeSelector"] == {"a": "b"}, name
        assert template["spec"]["tolerations"] == [{"key": "x", "operator": "Exists"}], name
        assert template["spec"]["imagePullSecrets"] == [{"name": "mine"}], name


def test_the_brokers_configuration_and_access_list_arrive_as_they_are(objects: list[Object]) -> None:
    data = named(objects, "ConfigMap", "edgefleet-broker")["data"]
    assert data["acl"] == write_acl()
    assert data["mosquitto.conf"] == (CHARTS / "edgefleet" / "files" / "mosquitto.conf").read_text()


def test_another_configuration_or_key_replaces_the_pods_that_read_it(objects: list[Object], render: Render) -> None:
    def sums(objects: list[Object]) -> dict[str, Object]:
        found = pods([each for each in objects if each.get("spec")])
        return {name: pod["metadata"].get("annotations", {}) for name, pod in found.items()}

    before, after = sums(objects), sums(render(values=yaml.safe_dump({"releaseKeys": {"other": KEY}})))
    assert set(before["edgefleet-broker"]) == {"checksum/configuration"}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"edgefleet-operator", "edgefleet-model-registry"}


def test_release_keys_are_files_that_end_in_pem(objects: list[Object]) -> None:
    assert named(objects, "ConfigMap", inventory.RELEASE_KEYS)["data"] == {"main.pem": KEY}


def test_models_outlive_the_chart(objects: list[Object]) -> None:
    kept = {
        found["metadata"]["name"]
        for found in objects
        if found["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {"edgefleet-model-registry"}


def test_the_crd_chart_is_the_crds_and_keeps_them(helm: Helm) -> None:
    done = helm("template", "crds", str(CHARTS / "edgefleet-crds"))
    found = {each["metadata"]["name"]: each for each in yaml.safe_load_all(done.stdout) if each}
    ours = {path.stem: yaml.safe_load(path.read_text()) for path in (REPOSITORY / "crds").glob("*.yaml")}
    assert len(ours) == 4
    for crd in found.values():
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == ours


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ("imagess: {}", "imagess"),
        ("images: {pullPolicy: Sometimes}", "pullPolicy"),
        ("images: {operator: 'no tag'}", "operator"),
        ("images: {operator: edgefleet/operator}", "operator"),
        ("externalNames: ['https://fleet.example.org']", "externalNames"),
        ("externalNames: ['fleet.example.org:8883']", "externalNames"),
        ("externalNames: [a, a]", "externalNames"),
        ("externalNames: fleet.example.org", "externalNames"),
        ("releaseKeys: {main: junk}", "releaseKeys"),
        ("releaseKeys: {'../x': 'y'}", "releaseKeys"),
        ("operator: {replicas: 2}", "replicas"),
        ("operator: {resources: {limits: {memory: lots}}}", "memory"),
        ("broker: {service: {type: Nodeport}}", "type"),
        ("broker: {service: {nodePort: 80}}", "nodePort"),
        ("broker: {persistence: {size: big}}", "size"),
        ("modelRegistry: {resources: {limits: null}}", "limits"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(helm: Helm, values: str, names: str) -> None:
    done = helm("template", "edgefleet", str(CHARTS / "edgefleet"), "-f", "-", stdin=values)
    assert done.returncode != 0, done.stdout
    assert names in done.stderr


def test_a_private_key_is_no_release_key(helm: Helm) -> None:
    private = yaml.safe_dump({"releaseKeys": {"main": KEY.replace("PUBLIC", "PRIVATE")}})
    done = helm("template", "edgefleet", str(CHARTS / "edgefleet"), "-f", "-", stdin=private)
    assert done.returncode != 0


def test_as_many_release_keys_as_a_device_holds(helm: Helm) -> None:
    for number, accepted in ((KEYS_MAX, True), (KEYS_MAX + 1, False)):
        values = yaml.safe_dump({"releaseKeys": {f"key{index}": KEY for index in range(number)}})
        done = helm("template", "edgefleet", str(CHARTS / "edgefleet"), "-f", "-", stdin=values)
        assert (done.returncode == 0) is accepted


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("", "No release key is known yet"),
        ("", "No externalNames are set"),
        ("externalNames: [fleet.example.org]", "any node, or fleet.example.org: broker port 30005"),
        ("", "edgefleet device provision press-07 --out identities"),
    ],
)
def test_the_notes_say_what_to_do_next(helm: Helm, values: str, said: str) -> None:
    chart = str(CHARTS / "edgefleet")
    done = helm("install", "edgefleet", chart, "--dry-run=client", "-n", "edgefleet-system", "-f", "-", stdin=values)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
