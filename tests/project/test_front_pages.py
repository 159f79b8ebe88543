"""The commands on the front pages, and those about deployment and the data model, are run here."""

import importlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_account import aws_account, client_of
from command_line import CommandLine
from engines import Engine
from generated import Records
from packages import PROJECT, ROOT, run
from pages import blocks, commands_of, is_as_shown

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis import iam
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import Engine as LocalEngine

README = ROOT / "README.md"
EXAMPLE = ROOT / "examples" / "netflix_movie_catalog" / "README.md"
DATA_MODEL = ROOT / "docs" / "data-model.md"
DEPLOYMENT = ROOT / "docs" / "deployment.md"
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/netflix-movie-catalog"

RUN_BY = {
    "CONTRIBUTING.md": "test_contributing.py",
    "README.md": "test_front_pages.py",
    "docs/adopt.md": "test_adopt_page.py",
    "docs/aio.md": "test_aio_page.py",
    "docs/command-line.md": "test_cli.py",
    "docs/costs.md": "test_cli_cost.py",
    "docs/data-model.md": "test_front_pages.py",
    "docs/deployment.md": "test_front_pages.py",
    "docs/dump-and-import.md": "test_dump_page.py",
    "docs/exports.md": "test_cli_exports.py",
    "docs/how-to-add-an-access-pattern.md": "test_contributing.py",
    "docs/install.md": "package_index.py",
    "docs/move-the-application.md": "test_moved_app.py",
    "docs/plan-and-apply.md": "test_cli_plan.py",
    "docs/show.md": "test_cli_show.py",
    "docs/restore-transcripts.md": "test_restore_transcripts.py",
    "docs/restore.md": "test_cli_restore.py",
    "docs/streams.md": "test_streams_page.py",
    "docs/table-life.md": "test_cli_table.py",
    "docs/tutorial.md": "test_tutorial.py",
    "examples/netflix_movie_catalog/README.md": "test_front_pages.py",
}
"""The test that runs the shell commands of each page, or what replaces it."""

NEEDS_MORE = {
    "aws": "a service that moto has not, or identifiers that the reader fills in",
    "docker": "a builder: test_image.py does the same where there is one",
    "kubectl": "a cluster",
}
"""Programs on the page about deployment that are not run, with the reason."""


def shell(page: Path) -> list[str]:
    """Return the shell lines of a page, with continued lines joined."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def lines_of(page: Path, program: str) -> list[list[str]]:
    """Return the page's commands of a program, without its name."""
    found = [line for line in shell(page) if line.split()[0] == program]
    return [shlex.split(line, comments=True)[1:] for line in found]


def test_every_page_with_commands_has_a_test_that_reads_it() -> None:
    """So no command is untested."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    marked = re.compile(r"^ *```(sh|console)$", re.MULTILINE)
    found = {str(page.relative_to(ROOT)) for page in pages if marked.search(page.read_text())}
    assert found == set(RUN_BY)
    for page, test in RUN_BY.items():
        (path,) = (ROOT / "tests").rglob(test)
        assert Path(page).name in path.read_text(), page


@pytest.mark.parametrize("page", [README, EXAMPLE])
def test_installing_and_loading_lead_to_titles(
    page: Path, local_engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line that calls the program, in order, with files where the page has them."""
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(local_engine)
    commands = lines_of(page, "catalog-model")
    assert [words[0] for words in commands][:2] == ["create", "load"]
    for words in commands:
        for name in FILE_NAMES.values():
            for word in words:
                if word.endswith(name):
                    Path(word).parent.mkdir(exist_ok=True)
                    shutil.copy(str(sample_folder() / name), word)
        printed = cli.done(*words)
        if words[0].startswith("list"):
            assert len(printed.splitlines()) == 1 + int(words[-1])
    assert ap.count_titles(cli.catalog, "movie") > 0


def test_commands_in_the_text_of_the_front_page_can_be_pasted(local_engine: LocalEngine) -> None:
    """With the options that they need, and in a shell that finds them."""
    text = README.read_text()
    assert "activate" in text[: text.index("```console")]
    commands = re.findall(r"`catalog-model ((?:cost|export) .*?)`", text)
    assert len(commands) == 2
    for command in commands:
        assert CommandLine(local_engine, table="none").done(*shlex.split(command))


@pytest.mark.parametrize("page", [README, EXAMPLE])
def test_what_is_made_and_installed_is_there(page: Path) -> None:
    """Make targets and extras of the package."""
    targets = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in lines_of(page, "make"):
        assert words[0] in targets
    extras = re.findall(r"^pip install .*\[(.+?)\]", "\n".join(shell(page)), re.MULTILINE)
    assert extras
    for each in ",".join(extras).split(","):
        assert each in PROJECT["project"]["optional-dependencies"]


def test_the_front_page_shows_what_explain_prints(local_engine: LocalEngine) -> None:
    """On the sample data; moto invents its capacity figures."""
    if local_engine.name == "moto":
        pytest.skip("moto makes capacity units up, and the page shows DynamoDB's")
    cli = CommandLine(local_engine).filled(read_folder(sample_folder()))
    (shown,) = blocks(README, "console")
    ((command, printed),) = commands_of(shown)
    program, *words = shlex.split(command)
    assert program == "catalog-model"
    assert is_as_shown(printed, cli.done(*words))


def test_the_example_is_served_as_its_page_says() -> None:
    """gunicorn accepts the page's configuration and application, and so does flask."""
    (words,) = lines_of(EXAMPLE, "gunicorn")
    run(sys.executable, "-m", "gunicorn", "--check-config", *words, AWS_REGION="eu-west-1")
    ((_, module),) = re.findall(r"`flask (--app) (\S+) run", EXAMPLE.read_text())
    assert importlib.import_module(module).create_app()


@pytest.mark.slow
def test_the_permissions_are_made_as_the_page_says(tmp_path: Path) -> None:
    """IAM accepts each policy; it contains what serving needs, including readiness."""
    (block,) = [each for each in blocks(DEPLOYMENT, "sh") if "create-policy" in each]
    with aws_account() as account:
        run("sh", "-ec", block, cwd=tmp_path, **account)
        client = client_of("iam", account)
        found = {
            each["PolicyName"]: client.get_policy_version(
                PolicyArn=each["Arn"], VersionId=each["DefaultVersionId"]
            )["PolicyVersion"]["Document"]
            for each in client.list_policies(Scope="Local")["Policies"]
        }
    of_app = ("get_title", "list_titles_in_genre", "sample_titles", "update_popularity")
    assert found == {
        "netflix-movie-catalog-serve": iam.policy(
            [ap.PATTERNS[name] for name in of_app], table_arn=ARN, operations=iam.HEALTH_ACTIONS
        ),
        "netflix-movie-catalog-create": iam.policy((), table_arn=ARN, operations=iam.TABLE_ACTIONS),
        "netflix-movie-catalog-load": iam.policy(iam.patterns_of("writer"), table_arn=ARN),
    }


def test_the_task_is_registered_as_the_page_says() -> None:
    """With the page's own command and the file in deploy/."""
    (command,) = [line for line in shell(DEPLOYMENT) if "register-task-definition" in line]
    with aws_account() as account:
        run("sh", "-ec", command, cwd=ROOT, **account)
        (arn,) = client_of("ecs", account).list_task_definitions()["taskDefinitionArns"]
    assert arn.endswith(":task-definition/netflix-movie-catalog:1")


def test_what_the_page_on_deployment_names_is_there() -> None:
    """Build variables, files and folders; other commands are not listed."""
    script = (ROOT / "deploy" / "build_image.sh").read_text()
    variables = set(re.findall(r"^#   ([A-Z_]+) ", script, re.MULTILINE))
    for words in lines_of(DEPLOYMENT, "make"):
        assert {word.partition("=")[0] for word in words[1:]} <= variables
    for path in re.findall(r"(?<![\w/])deploy/[\w/.-]+\w", "\n".join(shell(DEPLOYMENT))):
        made = path.startswith("deploy/wheelhouse")
        assert made or (ROOT / path).exists(), path
    programs = {line.split()[0] for line in shell(DEPLOYMENT) if line[0] != "#"}
    seen = {f"ARN={ARN}", "catalog-model", "curl", "done", "done'", "for", "make", "pip", "printf"}
    assert programs - seen == set(NEEDS_MORE)


def _native(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    plain = {"S": content, "BOOL": content, "NULL": None}
    if kind == "L":
        return [_native(element) for element in content]
    return float(content) if kind == "N" else plain[kind]


@pytest.mark.slow
def test_aws_shows_a_title_typed(full_catalog: Catalog, engine: Engine, records: Records) -> None:
    """`aws dynamodb get-item --consistent-read` with the key given in the docs."""
    if engine.endpoint_url is None:
        pytest.skip("moto runs inside this process: no other program can ask it")
    movies = records["movie"]
    (documented,) = [words for words in lines_of(DATA_MODEL, "aws") if "get-item" in words]
    for title_id in list(movies)[:2]:
        arguments = [*documented]
        at = arguments.index("--key") + 1
        arguments[at] = arguments[at].replace("996154", title_id)
        arguments[arguments.index("--table-name") + 1] = full_catalog.table
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        printed = run(*command, "--endpoint-url", engine.endpoint_url, AWS_PAGER="")
        item = json.loads(printed)["Item"]
        shown = {name: _native(value) for name, value in item.items()}
        assert shown.items() >= movies[title_id].items()
        types = [*item["adult"], *item["title"], *item["popularity"], *item["genre_ids"]]
        assert types == ["BOOL", "S", "N", "L"]
