"""From the build to a table, with a password-protected index; every command is from the page.

A test index serves the release and its dependencies. The installing user has no other index, no
cache and no configuration. The dependencies are downloaded once, from pip's index on this machine.
"""

import hashlib
import json
import re
import shutil
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from package_index import (
    Shell,
    block,
    fetch,
    named_blocks,
    serving,
    write_attack,
    write_password_file,
)
from packages import NAME, PROJECT, RELEASE, ROOT, build, closure, need
from packaging.requirements import Requirement

from catalog_model.dynamodb.engines.local import EngineName, find_dynoxide
from catalog_model.local import start_engine

ATTACK = "9.9.9"
IN_THE_SBOM = ("aio", "cli", "flask", "otel", "fast", "cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("build", "cyclonedx_py", "hatchling", "hatch_vcs", "pypiserver", "passlib", "twine", "uv")
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="module")
def dependencies(folder: Path) -> Path:
    """The dependencies of the release and its extras except ``local``, as installed here."""
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(w for e in IN_THE_SBOM for w in optional[e])]
    names = {Requirement(each).name for each in wanted}
    pinned = [f"{n}=={v}" for n, v in closure(names).items()]
    # Older releases of click need it on Windows, and uv locks for every platform.
    return fetch([*pinned, "colorama"], folder / "dependencies")


@pytest.fixture(scope="module")
def internal(folder: Path, dependencies: Path) -> Iterator[str]:
    """A password-protected index with the dependencies, which accepts the release."""
    (folder / "internal").mkdir()
    passwords = write_password_file(folder / "passwords")
    with serving(folder / "internal", dependencies, password_file=passwords) as url:
        yield url


@pytest.fixture(scope="module")
def public(folder: Path, dependencies: Path) -> Iterator[str]:
    """A public index: the dependencies, and a foreign package with this package's name."""
    build(write_attack(folder / "theirs", ATTACK), folder / "public", "--wheel")
    with serving(folder / "public", dependencies) as url:
        yield f"{url}/simple/"


@pytest.fixture(scope="module")
def shell(folder: Path, internal: str) -> Shell:
    """A user with a new environment, and the password of the internal index."""
    venv.create(folder / "fresh", with_pip=True, symlinks=True)
    return Shell(folder / "home", internal, folder / "fresh" / "bin" / "python")


@pytest.fixture(scope="module")
def dist(folder: Path, shell: Shell) -> Path:
    """The release, built as on the page, in the developers' environment."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    prefix, dist = sys.prefix, folder / "dist"
    command = block("build").strip().replace("make", f"make --old-file {prefix}/.dev")
    shell.run(
        f"{command} VENV={prefix} DIST={dist} PYTHON={sys.executable}",
        cwd=ROOT,
        PIP_INDEX_URL=f"{shell.url}/simple/",
        SETUPTOOLS_SCM_PRETEND_VERSION=RELEASE,
    )
    return dist


@pytest.fixture(scope="module")
def released(dist: Path, shell: Shell, public: str) -> Shell:
    """The same user after the upload; the other index has a package of the same name."""
    shell.variables["PUBLIC"] = public
    shell.run(block("upload"), cwd=dist.parent)
    return shell


def test_a_release_is_built_with_checksums_and_a_bill_of_materials(dist: Path) -> None:
    """Two files to upload, and the list of their contents, with the installed versions."""
    files = {f"{NAME}-{RELEASE}{end}" for end in ("-py3-none-any.whl", ".tar.gz", ".cdx.json")}
    assert {path.name for path in dist.iterdir()} == {*files, "SHA256SUMS"}
    for line in (dist / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split()
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest
        files.remove(name)
    assert not files
    bill = json.loads((dist / f"{NAME}-{RELEASE}.cdx.json").read_text("utf-8"))
    about = bill["metadata"]["component"]
    assert (about["name"], about["version"]) == ("catalog-model", RELEASE)
    named = {part["name"].lower().replace("_", "-"): part for part in bill["components"]}
    assert {"boto3", "pynamodb", "flask", "rich", "opentelemetry-api", "orjson"} <= set(named)
    assert not {"moto", "pip", "pytest"} & set(named)
    assert all(part["version"] and part["purl"] for part in named.values())


@pytest.mark.parametrize("password", ["wrong", ""])
def test_an_upload_needs_the_password(dist: Path, shell: Shell, password: str) -> None:
    """The contents cannot be read either."""
    script = block("upload").replace("secret", password or "''")
    assert shell.attempt(script, cwd=dist.parent).returncode != 0
    (shell.home / "nobody").mkdir(exist_ok=True)
    asked = shell.attempt(
        f"pip download --no-input --no-deps --index-url {shell.url}/simple/ boto3",
        HOME=str(shell.home / "nobody"),
    )
    assert asked.returncode != 0


def test_a_version_is_uploaded_once(released: Shell, dist: Path) -> None:
    """An installed version never changes."""
    again = released.attempt(block("upload"), cwd=dist.parent)
    assert again.returncode != 0


def test_pip_installs_it_from_that_index_alone(released: Shell) -> None:
    """With its dependencies, by command or by configuration."""
    released.run(block("pip"))
    assert released.run("pip list --format=freeze").count(f"catalog-model=={RELEASE}\n") == 1
    released.run("pip check")
    configuration = released.home / "pip.conf"
    configuration.write_text(released.with_index(block("pip.conf")), encoding="utf-8")
    released.run(
        "pip download --no-deps --dest by-configuration catalog-model",
        PIP_CONFIG_FILE=str(configuration),
    )
    (found,) = (released.home / "by-configuration").iterdir()
    assert found.name.startswith(f"{NAME}-{RELEASE}-")


@pytest.mark.parametrize("name", ["dynoxide", "moto"])
def test_the_first_steps_lead_to_a_list(released: Shell, name: EngineName) -> None:
    """The installed command creates a table on an engine, loads the sample data, and lists it."""
    if name == "dynoxide" and find_dynoxide() is None:
        pytest.skip("dynoxide is not installed: `make engine` gets it where npm can")
    released.run(block("pip"))
    for path in (ROOT / NAME / "files" / "sample").glob("*.json"):
        shutil.copy(path, released.home)
    with start_engine(name) as engine:
        shown = released.run(
            block("first steps"),
            AWS_ENDPOINT_URL_DYNAMODB=engine.endpoint_url,
            AWS_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
        )
    sample = json.loads((ROOT / NAME / "files" / "sample" / "data_movies.json").read_text("utf-8"))
    most_popular = max(sample.values(), key=lambda movie: movie["popularity"])
    assert most_popular["title"] in shown
    assert shown.splitlines()[-1] == RELEASE


def test_the_installed_package_is_typed_where_no_stubs_are(released: Shell, folder: Path) -> None:
    """A consumer without stubs for boto3 gets the same types for all access patterns."""
    need("mypy")
    released.run(block("pip"))
    names = ("reads.py", "writes.py", "errors.py", "refused.py", "mypy.ini")
    (folder / "consumer").mkdir()
    for name in names:
        shutil.copy(ROOT / "typing_tests" / name, folder / "consumer")
    checker = f"{sys.executable} -m mypy --python-executable {released.python}"
    found = released.run(f"{checker} {' '.join(names[:4])}", cwd=folder / "consumer")
    assert "Success: no issues found in 4 source files" in found


def test_hashes_let_nothing_else_in(released: Shell, folder: Path) -> None:
    """The pinned versions are installed; with different hashes nothing is."""
    pinned = folder / "pinned"
    pinned.mkdir()
    script = block("hashes")
    released.run(script, cwd=pinned, PIP_TARGET=str(pinned / "installed"))
    assert (pinned / "installed" / NAME / "py.typed").exists()
    text = (pinned / "requirements.txt").read_text("utf-8")
    assert f"catalog-model=={RELEASE}" in text
    other = re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", text)
    (pinned / "requirements.txt").write_text(other, encoding="utf-8")
    changed = released.attempt(
        script.splitlines()[-1], cwd=pinned, PIP_TARGET=str(pinned / "refused")
    )
    assert "DO NOT MATCH THE HASHES" in changed.stderr
    assert not (pinned / "refused").exists()


def _locked(shell: Shell, project: Path, pyproject: str, **more: str) -> tuple[str, str]:
    """Lock a project with uv; return the version and the index of this package."""
    project.mkdir()
    (project / "pyproject.toml").write_text(shell.with_index(pyproject), encoding="utf-8")
    shell.run("uv lock", cwd=project, **more)
    lock = tomllib.loads((project / "uv.lock").read_text("utf-8"))
    (ours,) = (each for each in lock["package"] if each["name"] == "catalog-model")
    return ours["version"], ours["source"]["registry"].rstrip("/")


def test_uv_takes_only_the_package_from_its_index(released: Shell, folder: Path) -> None:
    """``explicit`` with a source: installed and imported as on the page."""
    project, public = folder / "explicit", released.variables["PUBLIC"]
    found = _locked(released, project, block("uv explicit"), UV_DEFAULT_INDEX=public)
    assert found == (RELEASE, f"{released.url}/simple")
    shown = released.run(block("uv sync"), cwd=project, UV_DEFAULT_INDEX=public)
    assert shown.splitlines()[-1] == RELEASE


def test_uv_takes_all_from_our_index_where_it_is_the_default(released: Shell, folder: Path) -> None:
    """Other indexes have no effect."""
    found = _locked(released, folder / "default", block("uv default"))
    assert found == (RELEASE, f"{released.url}/simple")


def test_uv_is_attacked_where_the_source_was_forgotten(released: Shell, folder: Path) -> None:
    """``explicit`` alone ignores the internal index, and takes the name from the public one."""
    forgotten = block("uv explicit").partition("[tool.uv.sources]")[0]
    public = released.variables["PUBLIC"]
    found = _locked(released, folder / "forgotten", forgotten, UV_DEFAULT_INDEX=public)
    assert found == (ATTACK, public.rstrip("/"))


@pytest.mark.parametrize(
    ("command", "installed"),
    [
        ("pip install --index-url $INTERNAL --extra-index-url $PUBLIC", ATTACK),
        ("pip install --index-url $PUBLIC --extra-index-url $INTERNAL", ATTACK),
        ("PIP_EXTRA_INDEX_URL=$PUBLIC pip install --index-url $INTERNAL", ATTACK),
        ("pip install --index-url $INTERNAL", RELEASE),
        ("pip install -i $INTERNAL --extra-index-url $PUBLIC --require-hashes -r one.txt", RELEASE),
    ],
)
def test_pip_takes_the_highest(released: Shell, dist: Path, command: str, installed: str) -> None:
    """A second index enables an attack, in any position; a single index, or hashes, prevent it."""
    (wheel,) = dist.glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (released.home / "one.txt").write_text(f"catalog-model=={RELEASE} --hash=sha256:{digest}\n")
    what = "" if "-r " in command else "catalog-model"
    shown = released.run(
        f"{command} --dry-run --ignore-installed --no-deps --quiet --report - {what}",
        INTERNAL=f"{released.url}/simple/",
    )
    (found,) = json.loads(shown)["install"]
    assert found["metadata"]["version"] == installed


@pytest.mark.parametrize(
    ("options", "installed"),
    [
        ("--index-url $INTERNAL --extra-index-url $PUBLIC", ATTACK),
        ("--index $INTERNAL --default-index $PUBLIC", RELEASE),
        ("--index $INTERNAL --default-index $PUBLIC --index-strategy unsafe-best-match", ATTACK),
    ],
)
def test_uv_takes_the_first_index_with_it(released: Shell, options: str, installed: str) -> None:
    """This is safe, unless the first index is a foreign one, or uv searches all of them."""
    shown = released.run(
        f"echo catalog-model | uv pip compile --quiet --no-deps --no-header {options} -",
        INTERNAL=f"{released.url}/simple/",
    )
    assert f"catalog-model=={installed}" in shown.splitlines()


def test_every_command_of_the_page_is_run() -> None:
    """The commands that can be run are run by the tests above."""
    sources = (Path(__file__), Path(__file__).parents[1] / "support" / "package_index.py")
    text = "".join(source.read_text("utf-8") for source in sources)
    assert named_blocks() == set(re.findall(r'\bblock\("(.+?)"\)', text))
