"""Profiles: the CPU of each package that takes part in a call or in the application's requests."""

import cProfile
import pstats
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from wsgiref.util import setup_testing_defaults

from bench.titles import ROOT

CALLS = 300
LARGEST = 12
COMPILED = "code compiled at import"
"""Checks of fields, and constructors of tuples and dataclasses."""


def profile_lines(paths: Mapping[str, str]) -> Iterator[str]:
    """Return, for each path, the CPU of a request without gunicorn and its parts."""
    from examples.netflix_movie_catalog.app import create_app  # noqa: PLC0415  # needs Flask

    app = create_app()
    for name, path in paths.items():
        for _ in range(50):
            _ask(app, path)
        began = time.process_time()
        for _ in range(CALLS):
            _ask(app, path)
        spent = (time.process_time() - began) / CALLS * 1e6
        profile = cProfile.Profile(time.process_time)
        with profile:
            for _ in range(CALLS):
                _ask(app, path)
        yield f"{name}: {spent:.0f} us without gunicorn and without the profiler"
        yield from _parts(profile)


def _ask(app: object, path: str) -> None:
    address, _, query = path.partition("?")
    environ: dict[str, object] = {"PATH_INFO": address, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    body = app.wsgi_app(environ, lambda *_: None)  # type: ignore[attr-defined]
    b"".join(body)
    body.close()


def _parts(profile: cProfile.Profile) -> Iterator[str]:
    """Return the shares of packages, the largest first."""
    shares = shares_of(profile)
    for package, share in shares.most_common(LARGEST):
        yield f"    {share:6.1%}  {package}"


def shares_of(profile: cProfile.Profile) -> Counter[str]:
    """Return the share of each package; functions of C count with their callers."""
    own: Counter[str] = Counter()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (file, _, _), (_, _, seconds, _, callers) in stats.items():
        if file == "~":
            for (caller, _, _), (_, _, part, _) in callers.items():
                own[_package(caller)] += part
        else:
            own[_package(file)] += seconds
    total = sum(own.values())
    return Counter({package: seconds / total for package, seconds in own.items()})


def _package(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(ROOT):
        parts = path.relative_to(ROOT).parts
        return ".".join(parts[:2]).removesuffix(".py") if parts[0] == "catalog_model" else parts[0]
    for folder in sys.path:
        if folder and path.is_relative_to(folder) and "site-packages" in folder:
            return path.relative_to(folder).parts[0]
    return COMPILED if file == "<string>" else f"Python's {path.stem}"
