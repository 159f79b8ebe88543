"""The Kubernetes manifests are valid, restrictive, and consistent with the application."""

from __future__ import annotations

import shutil
from typing import Any

import kubernetes_validate
import pytest
import yaml
from deployed import (
    KUBERNETES,
    LOOKS_SECRET,
    UNDERSTOOD_BY_BOTOCORE,
    kustomizations,
    manifests,
    routes,
    seconds_to_end,
    stages,
    variables_read,
)
from packages import run

from catalog_model.cli.program import program

FOUND = manifests()
DEPLOYMENT = FOUND["Deployment/app"]["spec"]
JOB = FOUND["Job/create-and-load"]["spec"]
PODS = {"app": DEPLOYMENT["template"], "table": JOB["template"]}
(APP,) = PODS["app"]["spec"]["containers"]
CONTAINERS = {"app": APP} | {
    each["name"]: each
    for kind in ("initContainers", "containers")
    for each in PODS["table"]["spec"][kind]
}
each_pod = pytest.mark.parametrize("pod", PODS)
each_container = pytest.mark.parametrize("name", CONTAINERS)


@pytest.mark.parametrize("name", FOUND)
def test_a_manifest_is_what_kubernetes_takes(name: str) -> None:
    """By Kubernetes' own schemas, without unknown fields."""
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(FOUND[name], version, strict=True)


def test_the_folders_put_together_all_of_them() -> None:
    """Each file is listed once, and each listed file exists."""
    named = []
    for folder, each in kustomizations().items():
        assert each["namespace"] == FOUND[f"Namespace/{each['namespace']}"]["metadata"]["name"]
        for resource in each["resources"]:
            path = (KUBERNETES / folder / resource).resolve()
            assert path.exists(), resource
            named += [path] if path.is_file() else []
    files = {path for path in KUBERNETES.glob("*/*.yaml") if path.name != "kustomization.yaml"}
    assert sorted(named) == sorted(files)


@pytest.mark.parametrize("folder", ["app", "table"])
def test_kustomize_renders_them(folder: str) -> None:
    """With the images and settings filled in."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    rendered = list(yaml.safe_load_all(run("kubectl", "kustomize", KUBERNETES / folder)))
    settings = [each["metadata"]["name"] for each in rendered if each["kind"] == "ConfigMap"]
    (pod,) = (
        each["spec"]["template"]["spec"] for each in rendered if "template" in each.get("spec", {})
    )
    for container in pod["containers"] + pod.get("initContainers", []):
        assert container["image"].startswith("registry.example.com/catalog-model")
        assert [each["configMapRef"]["name"] for each in container["envFrom"]] == settings


@each_pod
def test_a_pod_may_do_nothing_that_it_need_not(pod: str) -> None:
    """The requirements of the Pod Security Standard `restricted`, which the namespace enforces."""
    spec = PODS[pod]["spec"]
    user = stages()["final"].one("USER")
    context = spec["securityContext"]
    assert context["runAsNonRoot"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all(set(volume) <= {"name", "emptyDir"} for volume in spec.get("volumes", []))
    (namespace,) = (each for name, each in FOUND.items() if name.startswith("Namespace/"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_container
def test_a_container_writes_nothing_and_knows_its_bounds(name: str) -> None:
    """A read-only root file system, no capabilities, and a memory limit."""
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_each_pod_has_a_role_in_aws_of_its_own_and_no_token_in_kubernetes() -> None:
    """The role of its account; the serving pod may not delete the table."""
    roles = set()
    for pod in PODS.values():
        account = FOUND[f"ServiceAccount/{pod['spec']['serviceAccountName']}"]
        roles.add(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"])
        for each in (account, pod["spec"]):
            assert each["automountServiceAccountToken"] is False
    assert all(role.startswith("arn:aws:iam::123456789012:role/") for role in roles)
    assert len(roles) == len([name for name in FOUND if name.startswith("ServiceAccount/")]) == 2


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_probe_asks_what_the_application_answers(probe: str) -> None:
    """Only readiness depends on the table: pods are not restarted when DynamoDB is unavailable."""
    asked = APP[probe]["httpGet"]
    assert asked["path"] in routes()
    assert asked["port"] in [port["name"] for port in APP["ports"]]
    assert (asked["path"] == "/readyz") is (probe == "readinessProbe")
    assert APP[probe]["timeoutSeconds"] <= APP[probe]["periodSeconds"]


def test_there_are_two_and_one_of_them_stays() -> None:
    """While nodes are drained, and during an update."""
    assert DEPLOYMENT["replicas"] == 2
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert FOUND["PodDisruptionBudget/app"]["spec"]["maxUnavailable"] == 1


def test_what_selects_pods_selects_these() -> None:
    """The deployment, the service, the budget and the spreading, but not the job."""
    labels = PODS["app"]["metadata"]["labels"]
    selectors: list[dict[str, str]] = [
        DEPLOYMENT["selector"]["matchLabels"],
        FOUND["Service/app"]["spec"]["selector"],
        FOUND["PodDisruptionBudget/app"]["spec"]["selector"]["matchLabels"],
    ]
    spread = PODS["app"]["spec"]["topologySpreadConstraints"]
    selectors += [each["labelSelector"]["matchLabels"] for each in spread]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= PODS["table"]["metadata"]["labels"].items()


def test_the_port_is_the_images() -> None:
    """The service and Prometheus use it, too."""
    (port,) = APP["ports"]
    assert str(port["containerPort"]) == stages()["app"].one("EXPOSE")
    assert FOUND["Service/app"]["spec"]["ports"][0]["targetPort"] == port["name"]
    annotations = PODS["app"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])
    assert annotations["prometheus.io/path"] in routes()


def test_there_is_time_to_end() -> None:
    """The hook before SIGTERM, if any, the drain, and gunicorn's time afterwards."""
    before = APP.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = float(variables_of(APP)["CATALOG_DRAIN_SECONDS"])
    grace = PODS["app"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > before + drain + seconds_to_end()


def variables_of(container: Any) -> dict[str, str]:
    """Return the variables that a container sets."""
    return {each["name"]: each["value"] for each in container.get("env", [])}


@each_container
def test_every_variable_is_used_and_none_is_a_secret(name: str) -> None:
    """Credentials come from the role."""
    literals = kustomizations()["common"]["configMapGenerator"][0]["literals"]
    shared = dict(literal.split("=", 1) for literal in literals)
    variables = shared | variables_of(CONTAINERS[name])
    assert set(variables) <= variables_read() | UNDERSTOOD_BY_BOTOCORE
    assert {"AWS_REGION", "CATALOG_TABLE"} <= set(variables)
    assert not [name for name in variables if LOOKS_SECRET.search(name)]


@each_container
def test_an_image_is_one_that_is_built_and_its_command_one_that_it_has(name: str) -> None:
    """With valid options; a tag, if given, is not `latest`."""
    container = CONTAINERS[name]
    folder = "app" if name == "app" else "table"
    (image,) = kustomizations()[folder]["images"]
    assert container["image"] == image["name"]
    assert image["newTag"] != "latest"
    target = image["name"].removeprefix("catalog-model").removeprefix("-") or "app"
    assert target in stages()
    words = container.get("args", [])
    for command in words[:1]:
        known = {each for option in program.commands[command].params for each in option.opts}
        assert {word for word in words if word.startswith("--")} <= known
