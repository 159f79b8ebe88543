"""What the AWS provider of Terraform accepts, and a reader of configurations to compare with it.

`RECORDED` holds the arguments of the resources that the export uses, with their types: facts about
the provider, read from the classes that CDKTF generates from the provider's own schema. To record
them again, unpack the wheel of cdktf-cdktf-provider-aws and run this file with its folder.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

RECORDED: Final = Path(__file__).with_name("terraform_schema.json")
RESOURCES: Final = {
    "aws_dynamodb_table": "dynamodb_table",
    "aws_appautoscaling_target": "appautoscaling_target",
    "aws_appautoscaling_policy": "appautoscaling_policy",
}
META: Final = ("lifecycle",)
"""Blocks of Terraform itself, which every resource has."""

Block = dict[str, list[Any]]
"""Arguments (one text each) and nested blocks, by name."""


def recorded() -> dict[str, Any]:
    """Return the recorded resources: ``arguments`` and exported ``attributes`` of each."""
    resources: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))["resources"]
    return resources


def provider() -> str:
    """Return the name of the provider and the version that was recorded."""
    return str(json.loads(RECORDED.read_text("utf-8"))["provider"])


def read_configuration(text: str) -> dict[str, Block]:
    """Read a formatted configuration: the blocks by their head, such as ``resource "a" "b"``."""
    root: Block = {}
    open_blocks = [root]
    for line in map(str.strip, text.splitlines()):
        if line.endswith("{"):
            name = line.removesuffix("{").strip().removesuffix("=").strip()
            inner: Block = {}
            open_blocks[-1].setdefault(name, []).append(inner)
            open_blocks.append(inner)
        elif line == "}":
            open_blocks.pop()
        elif line:
            name, _, value = line.partition("=")
            open_blocks[-1].setdefault(name.strip(), []).append(value.strip())
    assert open_blocks == [root]
    return {head: blocks[0] for head, blocks in root.items()}


def mistakes_in(text: str) -> list[str]:
    """Return what the provider would refuse: unknown, missing and mistyped arguments, by place."""
    configuration = read_configuration(text)
    resources = recorded()
    found = []
    for head, block in configuration.items():
        kind, *labels = head.split()
        if kind == "resource":
            name = labels[0].strip('"')
            accepted = resources.get(name, {}).get("arguments")
            found += [f"{head}: {each}" for each in _mistakes(block, accepted)]
    return [*found, *_dangling(text, configuration, resources)]


def _mistakes(block: Block, accepted: dict[str, Any] | None) -> Iterator[str]:
    if accepted is None:
        yield "is unknown"
        return
    given = {name: values for name, values in block.items() if name not in META}
    for name in accepted:
        if accepted[name]["required"] and name not in given:
            yield f"{name} is missing"
    for name, values in given.items():
        if name not in accepted:
            yield f"{name} is unknown"
            continue
        wanted = accepted[name]
        if len(values) > 1 and wanted["type"] != "blocks":
            yield f"{name} is given {len(values)} times"
        for value in values:
            if wanted["type"] in ("block", "blocks") and isinstance(value, dict):
                yield from (f"{name}: {each}" for each in _mistakes(value, wanted["arguments"]))
            elif not _has_type(value, wanted["type"]):
                yield f"{name} is {value}, not of type {wanted['type']}"


def _has_type(value: Any, wanted: str) -> bool:
    if isinstance(value, dict):
        texts = all(_has_type(each, "string") for (each,) in value.values())
        return wanted == "map of string" and texts
    if value.startswith(("var.", "aws_")):
        return wanted == "string"  # what the export refers to is text
    pattern = {
        "string": r'"(\\.|[^"\\])*"',
        "number": r"-?\d+(\.\d+)?",
        "bool": r"true|false",
        "list of string": r'\[("[^"]*"(, )?)+\]',
    }.get(wanted)
    return pattern is not None and re.fullmatch(pattern, value) is not None


def _dangling(
    text: str, configuration: dict[str, Block], resources: dict[str, Any]
) -> Iterator[str]:
    """Yield references to resources, attributes and variables that do not exist."""
    code = re.sub(r"\$\$\{", "", text)
    for kind, label, attribute in set(re.findall(r"\b(aws_\w+)\.(\w+)\.(\w+)", code)):
        known = resources.get(kind, {"arguments": {}, "attributes": []})
        if f'resource "{kind}" "{label}"' not in configuration:
            yield f"{kind}.{label} is not declared"
        elif attribute not in (*known["arguments"], *known["attributes"]):
            yield f"{kind}.{label} has no {attribute}"
    for name in set(re.findall(r"= var\.(\w+)", code)):
        if f'variable "{name}"' not in configuration:
            yield f"var.{name} is not declared"


def _resource(source: str) -> dict[str, Any]:
    classes = {each.name: each for each in ast.parse(source).body if isinstance(each, ast.ClassDef)}
    resource = next(iter(classes.values()))  # the first class is the resource itself
    config = classes[f"{resource.name}Config"]
    attributes = [
        each.name
        for each in resource.body
        if isinstance(each, ast.FunctionDef)
        and each.returns is not None
        and ast.unparse(each.returns) == "builtins.str"
    ]
    return {"arguments": _arguments(config, classes), "attributes": sorted(attributes)}


def _arguments(struct: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> dict[str, Any]:
    init = next(each for each in struct.body if getattr(each, "name", "") == "__init__")
    assert isinstance(init, ast.FunctionDef)
    found = {}
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        assert argument.annotation is not None
        kind = ast.unparse(argument.annotation)
        if re.search(r"_cdktf_\w+\.(?!IResolvable)", kind):
            continue  # Terraform's own: count, depends_on, lifecycle ...
        found[argument.arg] = {"required": default is None, **_type(kind, classes)}
    return found


def _type(kind: str, classes: dict[str, ast.ClassDef]) -> dict[str, Any]:
    nested = re.search(r"typing\.Union\['?([A-Z]\w+)'?, typing\.Dict", kind)
    if nested:
        name = "blocks" if "Sequence" in kind else "block"
        return {"type": name, "arguments": _arguments(classes[nested[1]], classes)}
    names = {
        "typing.Sequence[builtins.str]": "list of string",
        "typing.Mapping[builtins.str, builtins.str]": "map of string",
        "builtins.bool": "bool",
        "jsii.Number": "number",
        "builtins.str": "string",
    }
    return {"type": next(short for long, short in names.items() if long in kind)}


def _record(package: Path) -> None:
    sources = {
        name: (package / folder / "__init__.py").read_text("utf-8")
        for name, folder in RESOURCES.items()
    }
    version = re.search(r"hashicorp/aws/([\d.]+)/", sources["aws_dynamodb_table"])
    assert version is not None
    lines = [
        f'"{name}": {{\n"attributes": {json.dumps(resource["attributes"])},\n"arguments": {{\n'
        + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in resource["arguments"].items())
        + "\n}}"
        for name, resource in ((name, _resource(source)) for name, source in sources.items())
    ]
    head = f'{{"provider": "hashicorp/aws {version[1]}", "resources": {{\n'
    RECORDED.write_text(head + ",\n".join(lines) + "\n}}\n", "utf-8")


if __name__ == "__main__":
    _record(Path(sys.argv[1]))
