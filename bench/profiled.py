"""A profile of the application's requests: the CPU of each package that takes part."""

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
    """Return the shares of packages, functions of C with their callers, the largest first."""
    own: Counter[str] = Counter()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (file, _, _), (_, _, seconds, _, callers) in stats.items():
        if file == "~":
            for (caller, _, _), (_, _, part, _) in callers.items():
                own[_package(caller)] += part
        else:
            own[_package(file)] += seconds
    total = sum(own.values())
    for package, seconds in own.most_common(LARGEST):
        yield f"    {seconds / total:6.1%}  {package}"


def _package(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(ROOT):
        parts = path.relative_to(ROOT).parts
        return ".".join(parts[:2]) if parts[0] == "catalog_model" else parts[0]
    for folder in sys.path:
        if folder and path.is_relative_to(folder) and "site-packages" in folder:
            return path.relative_to(folder).parts[0]
    return f"Python's {path.stem}"
