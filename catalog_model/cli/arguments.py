"""Derives the arguments of a command from those of its function, and the help from the docstring.

Parameters without a default become arguments, all others options of the same name and default.
"""

import inspect
import json
import random
import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, Literal, NamedTuple, Union, cast, get_args, get_origin

import click

from catalog_model import access_patterns as ap
from catalog_model.checks import shown
from catalog_model.checks.nesting import parse_json
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.typed_json import JSON
from catalog_model.entities import FIELDS

WORDING: Final[Mapping[str, str]] = {
    "after": "Continue after a page, with the cursor that it printed.",
    "genre_ids": "Ids of genres, as TMDB numbers them.",
    "if_absent": "Refuse to replace an existing title.",
    "keys": "Titles as KIND:ID, in any number.",
    "prefix": "Beginning of the name, quoted if it has spaces; at most 900 bytes of UTF-8.",
    "rng": "Whole number; the same seed picks the same titles.",
    "since": "First day, as YYYY-MM-DD.",
    "until": "Last day, as YYYY-MM-DD.",
}
"""Help for arguments that differ between the command line and Python."""


def key(text: str) -> TitleKey:
    """Read a title's key, written as ``movie:949``."""
    kind, _, title_id = text.partition(":")
    if not re.fullmatch(r"[0-9]{1,50}", title_id):
        raise click.BadParameter(f"{text!r} is not KIND:ID, such as movie:949")
    return TitleKey(cast(Kind, kind), int(title_id))


def seed(text: str) -> random.Random:
    """Return a random generator seeded with a whole number."""
    return random.Random(int(text))  # noqa: S311  # no secret


def no_such_pattern(name: str, known: Iterable[str]) -> str:
    """Return a message about an unknown pattern, with the names on the command line.

    >>> no_such_pattern("get_titel", ["get-title", "load"])
    "there is no such pattern as 'get-titel'; did you mean get-title? There are get-title, load"
    """
    asked, names = name.replace("_", "-"), list(known)
    near = get_close_matches(asked, names, n=1)
    proposed = f"; did you mean {near[0]}? There are" if near else "; there are"
    return f"there is no such pattern as {shown(asked)}{proposed} {', '.join(names)}"


def attribute_value(kind: Kind, name: str, text: str) -> Any:
    """Parse the value of an attribute: as JSON, or as a text.

    JSON that is nested too deeply, or has a number of too many digits, is a text only where the
    attribute is one; elsewhere it is refused.

    >>> attribute_value("movie", "popularity", "12.5"), attribute_value("movie", "title", "1917")
    (12.5, '1917')
    """
    field = FIELDS[kind].get(name)
    try:
        value = parse_json(text, JSON)
    except json.JSONDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        if field is not None and not field.rule.problem(text):
            return text
        raise click.BadParameter(
            f"{name} must be JSON that can be stored, or a text in double quotes, not {shown(text)}"
        ) from error
    wants_text = field is not None and field.rule.problem(value) and not field.rule.problem(text)
    return text if wants_text else value


class Genre(click.types.IntParamType):
    """The id of a genre; a name is refused, with the command that shows the ids."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read an id."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            shows = "`catalog-model list-genres movie` (or tv) shows them"
            self.fail(f"{shown(value)} is not the id of a genre: {shows}", param, ctx)


GENRES: Final = ("genre_id", "genre_ids")

READ_AS: Final[Mapping[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    TitleKey: key,
    random.Random: seed,
}
"""The click types of the functions' parameter types."""


class Argument(click.Argument):
    """An argument with its own help, which click supports only since 8.5."""

    def __init__(self, *args: Any, words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words


def parameters_of(pattern: AccessPattern, required: Collection[str] = ()) -> list[click.Parameter]:
    """Return the parameters of a pattern's command; *required* ones need at least one value."""
    words = describe(pattern).arguments
    signature = inspect.signature(pattern.function, eval_str=True)
    arguments = list(signature.parameters.values())[1:]  # the first is the catalogue
    return [
        _parameter(each, words.get(each.name, ""), is_required=each.name in required)
        for each in arguments
        if _fits(each)
    ]


def _fits(argument: inspect.Parameter) -> bool:
    is_record = argument.name in ("title", "if_unchanged")  # its command takes a file
    return not is_record and argument.kind is not argument.VAR_KEYWORD


def _parameter(argument: inspect.Parameter, words: str, *, is_required: bool) -> click.Parameter:
    words = WORDING.get(argument.name, words)
    if argument.annotation is bool:
        return _flag(argument, words)
    annotation, is_many = _plain(argument.annotation)
    is_choice = get_origin(annotation) is Literal
    kind = click.Choice(get_args(annotation)) if is_choice else READ_AS[annotation]
    if argument.name in GENRES:
        kind = Genre()
    if argument.kind is not argument.KEYWORD_ONLY and argument.default is argument.empty:
        return Argument(
            [argument.name],
            type=kind,
            nargs=-1 if is_many else 1,
            required=is_required or not is_many,
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
    """Reduce an annotation to the type to parse, and whether there are many values."""
    origin, options = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):  # with None, or of a date and its text
        return (str if str in options else options[0]), False
    if origin is Iterable:
        return options[0], True
    return annotation, False


class Description(NamedTuple):
    """The parts of a function's docstring: its text, and its arguments."""

    text: str
    arguments: Mapping[str, str]


def describe(pattern: AccessPattern) -> Description:
    """Parse a docstring, without the parts that only concern Python."""
    text, _, rest = (inspect.getdoc(pattern.function) or "").partition("\nArgs:\n")
    listed = rest.partition("\n\n")[0]
    described = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", listed, re.MULTILINE)
    return Description(
        _unmarked(text), {name: _unmarked(" ".join(words.split())) for name, words in described}
    )


def _unmarked(text: str) -> str:
    """Remove the markup of a docstring, and its remarks on None."""
    text = re.sub(r"; None [^.;]*", "", text)
    return re.sub(r"``(.+?)``|`(.+?)`|\*(\w+)\*", _unmarked_word, text)


def _unmarked_word(found: re.Match[str]) -> str:
    word = found[found.lastindex or 0]
    return word.replace("_", "-") if word in ap.PATTERNS else word
