"""What the code requires of the files in deploy/: routes, variables and times."""

import ast
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from botocore.credentials import EnvProvider
from dockerfile_parse import DockerfileParser

from catalog_model import Catalog
from examples.netflix_movie_catalog.app import create_app

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "netflix_movie_catalog"
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNDERSTOOD_BY_BOTOCORE = {
    EnvProvider.ACCESS_KEY,
    EnvProvider.SECRET_KEY,
    "AWS_ENDPOINT_URL_DYNAMODB",
}
LOOKS_SECRET = re.compile(
    "secret|password|passwd|token|credential|api_?key|access_?key", re.IGNORECASE
)


class Stage:
    """A stage of the Dockerfile: its name, base and instructions."""

    def __init__(self, start: str) -> None:
        self.base, _, self.name = start.partition(" AS ")
        self.steps: list[tuple[str, str]] = []

    def all(self, instruction: str) -> list[str]:
        return [value for found, value in self.steps if found == instruction]

    def one(self, instruction: str) -> str:
        (value,) = self.all(instruction)
        return value


def stages() -> dict[str, Stage]:
    parsed = DockerfileParser(fileobj=BytesIO((ROOT / "Dockerfile").read_bytes())).structure
    found: list[Stage] = []
    for step in parsed:
        if step["instruction"] == "FROM":
            found.append(Stage(step["value"]))
        elif found and step["instruction"] != "COMMENT":
            found[-1].steps.append((step["instruction"], step["value"]))
    return {stage.name: stage for stage in found}


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def manifests() -> dict[str, Any]:
    """Read the Kubernetes manifests, by kind and name."""
    found = (yaml.safe_load(path.read_text()) for path in sorted(KUBERNETES.glob("*/*.yaml")))
    others = (each for each in found if each["kind"] != "Kustomization")
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in others}


def kustomizations() -> dict[str, Any]:
    """Read the kustomizations, by folder."""
    files = KUBERNETES.glob("*/kustomization.yaml")
    return {path.parent.name: yaml.safe_load(path.read_text()) for path in files}


def routes() -> set[str]:
    return {rule.rule for rule in create_app(Catalog("t")).url_map.iter_rules()}


def variables_read() -> set[str]:
    """Return the environment variables that the package and the example read."""
    paths = [*(ROOT / "catalog_model").rglob("*.py"), *EXAMPLE.glob("*.py")]
    return {
        str(node.args[0].value)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "os.environ.get"
        and isinstance(node.args[0], ast.Constant)
    }


def seconds_to_end() -> float:
    """Return the seconds that gunicorn may take after SIGTERM, without CATALOG_DRAIN_SECONDS."""
    module = ast.parse((EXAMPLE / "gunicorn_conf.py").read_text())
    found: dict[str, Any] = {}
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found[ast.unparse(target)] = node.value.value
    return float(found["graceful_timeout"]) + float(found["SETTLE_SECONDS"])
