"""The package: its contents, its builds, and its imports."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packages import (
    NAME,
    PROJECT,
    RELEASE,
    ROOT,
    build,
    closure,
    copy_of_the_tree,
    environment_with,
    files_of_the_repository,
    need,
    run,
    run_in,
    run_tests,
)
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from catalog_model.table.evolution import SCHEMA_VERSION

EXTRAS = {"aio", "cli", "local", "flask", "otel", "fast", "cache"}
CORE = {"boto3", "itsdangerous", "pynamodb"}
IMAGE_BUILDER = Path("deploy", "build_image.sh")
ONLY_IN_THE_REPOSITORY = {".git_archival.txt", ".gitattributes"}
TAKEN_WHERE_THEY_ARE = {"blinker", "certifi", "orjson"}
"""Installed but optional for PynamoDB, for botocore, and for the documents of titles."""

EPOCH = 1_000_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="module")
def unpacked(sdist: Path) -> Path:
    """The source distribution as a folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent, filter="data")
    return sdist.parent / sdist.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}-{RELEASE}.dist-info/METADATA").decode())


def test_the_wheel_holds_the_package_and_no_more(wheel: Path) -> None:
    """Every file of the folder, the type marker and the sample data, and the licence."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if name.startswith(f"{NAME}-{RELEASE}.dist-info/")}
    own = (path for path in (ROOT / NAME).rglob("*") if path.is_file())
    expected = {str(path.relative_to(ROOT)) for path in own if path.suffix != ".pyc"}
    assert names - about == expected
    assert f"{NAME}/py.typed" in names
    assert any(name.startswith(f"{NAME}/files/sample/") for name in names)
    assert f"{NAME}-{RELEASE}.dist-info/licenses/LICENSE" in about


def test_the_metadata_says_what_users_must_know(metadata: Message) -> None:
    """Licence, Python, extras, that public indexes reject it, and the readable description."""
    assert metadata["Name"] == "catalog-model"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    classifiers = metadata.get_all("Classifier") or []
    assert {"Private :: Do Not Upload", "Typing :: Typed"} <= set(classifiers)
    assert set(metadata.get_all("Provides-Extra") or []) == EXTRAS
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_core_needs_three_packages(metadata: Message) -> None:
    """All others are for extras; the development groups are not published."""
    wanted = [Requirement(text) for text in metadata.get_all("Requires-Dist") or []]
    assert {each.name for each in wanted if each.marker is None} == CORE
    of_extras = {str(each.marker).split(" and ")[-1] for each in wanted if each.marker is not None}
    assert of_extras == {f'extra == "{extra}"' for extra in EXTRAS}


def test_a_private_index_would_take_it_as_it_is(wheel: Path, sdist: Path) -> None:
    """twine reports nothing, not even a warning."""
    need("twine")
    shown = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", wheel, sdist)
    assert shown.count("PASSED") == 2


@pytest.mark.parametrize("kind", ["--wheel", "--sdist"])
def test_the_same_tree_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    """In another folder, at another time, with other permissions, in another time zone."""
    first = build(copy_of_the_tree(tmp_path / "a"), tmp_path / "first", kind)
    other = copy_of_the_tree(tmp_path / "somewhere" / "else")
    for path in other.rglob("*"):
        os.utime(path, (EPOCH, EPOCH))
        path.chmod(path.stat().st_mode & 0o700)  # as with umask 077
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Pacific/Auckland")
        patch.setenv("LC_ALL", "C")
        patch.setenv("PYTHONHASHSEED", "7")
        second = build(other, tmp_path / "second", kind)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_source_gives_the_same_wheel(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    """Built from the source distribution, which contains its version, it has the same bytes."""
    again = build(unpacked, tmp_path, "--wheel", version="")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_source_holds_what_the_repository_holds(unpacked: Path) -> None:
    """Nothing is missing, and no untracked files are included."""
    tracked = files_of_the_repository()
    held = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert tracked - held == ONLY_IN_THE_REPOSITORY
    new = set(run("git", "ls-files", "-z", "--others", "--exclude-standard").split("\0"))
    assert held - tracked - new == {"PKG-INFO"}


def test_the_tests_run_from_the_source(unpacked: Path) -> None:
    """All of them are included, and some that read the project's files pass."""
    for words in (("--collect-only", "tests"), ("tests/catalog/test_public_api.py",)):
        done = run_tests(unpacked, *words)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr


class Repository:
    """A small repository with the files that determine the version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / NAME).mkdir(parents=True)
        (folder / NAME / "__init__.py").touch()
        (folder / IMAGE_BUILDER.parent).mkdir()
        needed = ("pyproject.toml", "README.md", "LICENSE", *ONLY_IN_THE_REPOSITORY)
        for name in (*needed, str(IMAGE_BUILDER)):
            shutil.copy2(ROOT / name, folder / name)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def git(self, *command: str) -> str:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        for role in ("AUTHOR", "COMMITTER"):
            own |= {f"GIT_{role}_NAME": "t", f"GIT_{role}_EMAIL": "t@example.com"}
        return run("git", *command, cwd=self.folder, **own)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=m")

    def archive(self, into: Path) -> Path:
        into.mkdir()
        self.git("archive", f"--output={into}.tar", "HEAD")
        with tarfile.open(f"{into}.tar") as archive:
            archive.extractall(into, filter="data")
        return into


def _version_in(folder: Path) -> str:
    return run(sys.executable, "-m", "hatchling", "version", cwd=folder).strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    need("hatchling", "hatch_vcs")
    files_of_the_repository()  # skips without git or outside the repository
    return Repository(tmp_path / "repository")


def test_the_version_follows_the_tag(repository: Repository, tmp_path: Path) -> None:
    """At the tag it is the tag's, after it one before the next, and without a tag the lowest.

    An archive has that of its tag, or 0.0; a plain folder has 0.0.0.
    """
    assert re.fullmatch(r"0\.0\.1\.dev1\+g[0-9a-f]+", _version_in(repository.folder))
    assert _version_in(repository.archive(tmp_path / "first")) == "0.0"
    assert _version_in(copy_of_the_tree(tmp_path / "plain")) == "0.0.0"
    repository.git("tag", "v1.2.3")
    assert _version_in(repository.folder) == "1.2.3"
    assert _version_in(repository.archive(tmp_path / "archive")) == "1.2.3"
    repository.commit()
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", _version_in(repository.folder))


def _version_of_the_image(folder: Path) -> str:
    """Return the version that the script for images passes to a builder."""
    told = run("sh", folder / IMAGE_BUILDER, cwd=folder, BUILDER="echo", TARGETS="app", VERSION="")
    (version,) = re.findall(r"--build-arg VERSION=(\S+)", told)
    return str(version)


def test_an_image_has_the_version_of_the_wheel(repository: Repository, tmp_path: Path) -> None:
    """Before the first tag, at a tag, after it, with uncommitted changes, and without git."""

    def versions(folder: Path) -> tuple[str, str]:
        return _version_in(folder), _version_of_the_image(folder)

    def change() -> None:
        (repository.folder / "LICENSE").write_text("another\n")

    seen = [versions(repository.folder)]
    for step in (
        lambda: repository.git("tag", "--annotate", "v1.9.9", "--message", "1.9.9"),
        change,
        repository.commit,
        lambda: repository.git("tag", "v2.0.0rc1"),
        repository.commit,
    ):
        step()
        seen.append(versions(repository.folder))
    assert [wheel for wheel, _ in seen] == [image for _, image in seen]
    assert len({wheel for wheel, _ in seen}) == len(seen)
    plain = tmp_path / "plain"
    shutil.copytree(repository.folder, plain, ignore=shutil.ignore_patterns(".git*"))
    assert versions(plain) == ("0.0.0", "0.0.0")


def _brought_in(imports: str) -> set[str]:
    """Return the distributions whose modules an import loads in a new process."""
    code = (
        f"import sys\nbefore = set(sys.modules)\n{imports}\n"
        "from importlib.metadata import packages_distributions\n"
        "owners = packages_distributions()\n"
        "print(*{o for m in set(sys.modules) - before for o in owners.get(m.split('.')[0], [])})"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {canonicalize_name(name) for name in shown.stdout.split()}


def test_importing_the_package_brings_in_nothing_of_the_extras() -> None:
    """Neither click, rich, flask, moto, opentelemetry, pycurl, aiohttp nor what they need."""
    optional = PROJECT["project"]["optional-dependencies"].values()
    extras = {Requirement(text).name for each in optional for text in each}
    imports = "import catalog_model; from catalog_model import access_patterns, errors, operations"
    brought = _brought_in(imports)
    assert brought >= CORE
    assert brought & (closure(extras).keys() - closure(CORE).keys()) <= TAKEN_WHERE_THEY_ARE


def test_importing_opens_nothing() -> None:
    """No configuration file, no connection, no process."""
    code = (
        "import sys\n"
        "seen = []\n"
        "wary = ('socket.connect', 'socket.getaddrinfo', 'subprocess.Popen', 'os.fork')\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event in wary\n"
        "    or event == 'open' and '.aws' in str(args[0]) else None)\n"
        "import catalog_model\n"
        "from catalog_model import access_patterns\n"
        "assert not seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_release_says_what_changed_in_stored_data() -> None:
    """Tables outlive releases; the newest entry names the version that this code writes."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert releases[0].startswith("[Unreleased]")
    for release in releases:
        _, heading, stored = release.partition("\n### Stored data\n")
        assert heading
        assert re.search(r"version \d+|[Nn]othing", stored.partition("\n### ")[0])
    assert f"version {SCHEMA_VERSION}" in releases[0]
    assert PROJECT["project"]["dynamic"] == ["version"]


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a user's code, and an environment with the wheel."""
    need("mypy", "pyright")
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(ROOT / "typing_tests", folder, dirs_exist_ok=True)
    environment_with(build(ROOT, folder / "dist", "--wheel"), folder / "venv")
    return folder


def _mypy(consumer: Path) -> str:
    files = sorted(consumer.glob("*.py"))
    return _checked(
        consumer, "mypy", "--config-file", "mypy.ini", "--python-executable", "venv/bin/python",
        *(path.name for path in files),
    )  # fmt: skip


def _pyright(consumer: Path) -> str:
    return _checked(consumer, "pyright", "--pythonpath", "venv/bin/python", "--project", ".")


def _checked(consumer: Path, *command: str) -> str:
    done = run_in(consumer, "-m", *command, PYTHONPATH="")
    return done.stdout + done.stderr


def test_nothing_is_found_in_strict_mode(consumer: Path) -> None:
    """Correct uses are accepted, and mistakes detected; pyright infers more than mypy."""
    assert "Success: no issues found in 8 source files" in _mypy(consumer)
    assert "0 errors, 0 warnings" in _pyright(consumer)


def test_it_is_the_installed_wheel_that_they_look_at(consumer: Path) -> None:
    """Without ``py.typed``, mypy treats it as untyped, and the tests above prove nothing."""
    (marker,) = (consumer / "venv").rglob("catalog_model/py.typed")
    marker.rename(marker.with_suffix(".away"))
    try:
        assert "missing library stubs or py.typed marker" in _mypy(consumer)
    finally:
        marker.with_suffix(".away").rename(marker)


MISTAKES = (
    'get_title(catalog, "film", 949)',
    'update_title(catalog, "movie", 949, popularity="x")',
    'Movie(titel="Up", popularity="x")',
    'movie.replace(titel="Up")',
    'movie.replace(popularity="x")',
    "movie.popularity = 9.5",
)


@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_a_mistake_is_found(consumer: Path, check: Callable[[Path], str]) -> None:
    """A wrong kind, name or type, without its ``type: ignore``."""
    wrong = consumer / "wrong.py"
    lines = (
        "from catalog_model import Catalog, Movie",
        "from catalog_model.access_patterns import get_title, update_title",
        'catalog, movie = Catalog("t"), Movie.from_json({})',
        *MISTAKES,
    )
    wrong.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        found = check(consumer)
        for number, line in enumerate(lines, start=1):
            assert (f"wrong.py:{number}:" in found) == (line in MISTAKES), line
    finally:
        wrong.unlink()
