"""One command for each access pattern, made from its function: arguments, options and help.

What has no default becomes an argument, all else an option of the same name and default. So a
pattern that is added is a command at once, and no option can differ from what the function does.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import UnionType
from typing import IO, Any, Final, Literal, NamedTuple, Union, cast, get_args, get_origin

import click

from catalog_model import access_patterns as ap
from catalog_model.cli_base import Command, Settings, confirm
from catalog_model.cli_output import show
from catalog_model.files import parse_title
from catalog_model.keys import KINDS, Kind, TitleKey
from catalog_model.patterns import AccessPattern

OTHER_COMMAND: Final = frozenset({"load_titles"})
"""Access patterns whose command is written by hand, under a name of its own: `load`."""

EXAMPLES: Final[Mapping[str, str]] = {
    "get_title": "movie 34",
    "get_titles": "movie:34 tv:73 movie:7",
    "get_title_with_genres": "movie 34",
    "list_titles": "tv --order name --ascending --limit 5",
    "list_titles_in_genre": "movie 28 --limit 5",
    "list_titles_in_genres": "movie 28 878 --match any",
    "sample_titles": "movie --count 5",
    "list_top_rated": "movie --min-votes 100 --min-rating 8.5",
    "list_released_between": "movie 1990-01-01 1999-12-31",
    "find_titles_by_name": 'movie "the"',
    "list_genres": "tv",
    "count_titles": "movie --genre-id 18",
    "put_title": "movie alien.json",
    "update_popularity": "movie 34 87.5",
    "update_votes": "movie 34 --vote-average 8.2 --vote-count 15000",
    "set_genres": "movie 34 27 878",
    "delete_title": "movie 34 --yes",
}
"""Words behind the name of each command, for its help; they fit the sample data."""

WORDING: Final[Mapping[str, str]] = {
    "after": "Go on after another page: what that page gave as next.",
    "genre_ids": "Ids of genres, as TMDB numbers them.",
    "if_absent": "Refuse to replace a title that is there.",
    "keys": "Titles as KIND:ID, in any number.",
    "rng": "Whole number; the same one picks the same titles again.",
    "since": "First day, as YYYY-MM-DD.",
    "until": "Last day, as YYYY-MM-DD.",
}
"""Help for arguments that are other on a command line than in Python."""


def key(text: str) -> TitleKey:
    """Read a title's key, written as ``movie:949``."""
    kind, _, title_id = text.partition(":")
    if not re.fullmatch(r"[0-9]{1,50}", title_id):
        raise click.BadParameter(f"{text!r} is not KIND:ID, as movie:949")
    return TitleKey(cast(Kind, kind), int(title_id))


def seed(text: str) -> random.Random:
    """Read a whole number that random choices follow from."""
    return random.Random(int(text))  # noqa: S311  # no secret


READ_AS: Final[Mapping[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    TitleKey: key,
    random.Random: seed,
}
"""How click reads what a function takes."""


def pattern_commands() -> Iterator[Command]:
    """Make the commands of all access patterns."""
    for name, pattern in ap.PATTERNS.items():
        if name not in OTHER_COMMAND:
            yield BY_HAND.get(name, _command)(pattern)


def command_name(pattern: AccessPattern) -> str:
    """Give the name of a pattern's command."""
    return "load" if pattern.name in OTHER_COMMAND else pattern.name.replace("_", "-")


def _command(pattern: AccessPattern) -> Command:
    """Make the command of a pattern, straight from its function."""

    def run(settings: Settings, **arguments: Any) -> None:
        show(pattern.function(settings.catalog(), **arguments), settings.output)

    return _make(pattern, run, [*_parameters(pattern)])


def _get_titles(pattern: AccessPattern) -> Command:
    """Name the titles that are not there, which the function leaves as None."""

    def run(settings: Settings, keys: Iterable[TitleKey]) -> None:
        answer = ap.get_titles(settings.catalog(), keys)
        named = [title or key for title, key in zip(answer, keys, strict=True)]
        show(named, settings.output)

    parameters = _parameters(pattern)
    parameters[0].required = True
    return _make(pattern, run, parameters)


def _put_title(pattern: AccessPattern) -> Command:
    """Take the title as a kind and a file with its record."""

    def run(settings: Settings, kind: Any, file: IO[bytes], *, if_absent: bool) -> None:
        title = parse_title(file.read(), kind, getattr(file, "name", "<stdin>"))
        show(ap.put_title(settings.catalog(), title, if_absent=if_absent), settings.output)

    parameters = [
        _Argument(["kind"], type=click.Choice(KINDS), metavar="KIND", words='"movie" or "tv".'),
        _Argument(["file"], type=click.File("rb"), words="One record as JSON; - reads stdin."),
    ]
    return _make(pattern, run, [*parameters, *_parameters(pattern)])


def _set_genres(pattern: AccessPattern) -> Command:
    """Take a title out of all genres only where that is said."""

    def run(settings: Settings, *, genre_ids: Iterable[int], none: bool, **title: Any) -> None:
        if bool(genre_ids) == none:
            raise click.UsageError("give the ids of genres, or --none")
        show(ap.set_genres(settings.catalog(), genre_ids=genre_ids, **title), settings.output)

    none = click.Option(["--none"], is_flag=True, help="Take the title out of every genre.")
    return _make(pattern, run, [*_parameters(pattern), none])


def _delete_title(pattern: AccessPattern) -> Command:
    """Ask before the title is gone."""

    def run(settings: Settings, kind: Any, title_id: int, *, yes: bool) -> None:
        catalog = settings.catalog()
        if not yes:
            title = ap.get_title(catalog, kind, title_id)
            name = f"{kind} {title_id} {title.display_name!r}"
            confirm(f"Delete {name} from table {catalog.table!r}?")
        show(ap.delete_title(catalog, kind, title_id), settings.output)

    yes = click.Option(["--yes"], is_flag=True, help="Do not ask.")
    return _make(pattern, run, [*_parameters(pattern), yes])


BY_HAND: Final[Mapping[str, Callable[[AccessPattern], Command]]] = {
    "delete_title": _delete_title,
    "get_titles": _get_titles,
    "put_title": _put_title,
    "set_genres": _set_genres,
}


class PatternCommand(Command):
    """The command of an access pattern: its help lists the arguments, too, and an example."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments, the options and the example."""
        arguments = [(each.make_metavar(ctx), each.words) for each in self._arguments()]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        super().format_options(ctx, formatter)

    def _arguments(self) -> list[_Argument]:
        return [each for each in self.params if isinstance(each, _Argument)]


class _Argument(click.Argument):
    """An argument with help of its own; click has that since 8.5 only."""

    def __init__(self, *args: Any, words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words


def _make(
    pattern: AccessPattern, run: Callable[..., None], parameters: Iterable[click.Parameter]
) -> Command:
    name = command_name(pattern)
    description = describe(pattern).text
    return PatternCommand(
        name,
        callback=click.pass_obj(run),
        params=list(parameters),
        help=description,
        short_help=pattern.question + ".",
        epilog=f"Example: catalog-model {name} {EXAMPLES.get(pattern.name, '')}",
    )


def _parameters(pattern: AccessPattern) -> list[click.Parameter]:
    """Turn the arguments of a pattern's function into those of its command."""
    words = describe(pattern).arguments
    signature = inspect.signature(pattern.function, eval_str=True)
    arguments = list(signature.parameters.values())[1:]  # the first is the catalogue
    return [_parameter(each, words.get(each.name, "")) for each in arguments if _fits(each)]


def _fits(argument: inspect.Parameter) -> bool:
    return argument.name != "title"  # a whole record; its command takes a file


def _parameter(argument: inspect.Parameter, words: str) -> click.Parameter:
    words = WORDING.get(argument.name, words)
    if argument.annotation is bool:
        return _flag(argument, words)
    annotation, is_many = _plain(argument.annotation)
    is_choice = get_origin(annotation) is Literal
    kind = click.Choice(get_args(annotation)) if is_choice else READ_AS[annotation]
    if argument.kind is not argument.KEYWORD_ONLY and argument.default is argument.empty:
        return _Argument(
            [argument.name],
            type=kind,
            nargs=-1 if is_many else 1,
            required=not is_many,
            metavar=argument.name.upper() if is_choice else None,
            words=words,
        )
    option = "--seed" if annotation is random.Random else f"--{argument.name.replace('_', '-')}"
    if argument.default is argument.empty:
        return click.Option([option, argument.name], type=kind, required=True, help=words)
    return click.Option(
        [option, argument.name],
        type=kind,
        default=argument.default,
        show_default=argument.default is not None,
        help=words,
    )


def _flag(argument: inspect.Parameter, words: str) -> click.Option:
    name = argument.name.replace("_", "-")
    names = f"--{name}/--ascending" if name == "descending" else f"--{name}"
    return click.Option(
        [names], is_flag=True, default=argument.default, show_default=argument.default, help=words
    )


def _plain(annotation: Any) -> tuple[Any, bool]:
    """Reduce an annotation to the type to read, and say whether many are wanted."""
    origin, options = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):  # with None, or of a date and its text
        return (str if str in options else options[0]), False
    if origin is Iterable:
        return options[0], True
    return annotation, False


class Description(NamedTuple):
    """What a function's docstring says: of itself, and of its arguments."""

    text: str
    arguments: Mapping[str, str]


def describe(pattern: AccessPattern) -> Description:
    """Read a docstring, without what only matters to Python."""
    text, _, rest = (inspect.getdoc(pattern.function) or "").partition("\nArgs:\n")
    listed = rest.partition("\n\n")[0]
    described = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", listed, re.MULTILINE)
    return Description(
        _unmarked(text), {name: _unmarked(" ".join(words.split())) for name, words in described}
    )


def _unmarked(text: str) -> str:
    """Take the marks out of a docstring's text, and what it says of None."""
    text = re.sub(r"; None [^.;]*", "", text)
    return re.sub(r"``(.+?)``|`(.+?)`|\*(\w+)\*", _unmarked_word, text)


def _unmarked_word(found: re.Match[str]) -> str:
    word = found[found.lastindex or 0]
    return word.replace("_", "-") if word in ap.PATTERNS else word
