"""An HTML page as a parser sees it: its elements, their attributes, and their texts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

EMPTY = frozenset({"meta", "link", "input", "br"})


@dataclass
class Element:
    """An element with its attributes, and all text inside."""

    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the element and of those in it."""
        return "".join(self.texts)


class Parsed(HTMLParser):
    """The elements of a page in their order; every element must end where it should."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert not self._open, self._open[-1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in EMPTY:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost element ends."""
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Add a text to all open elements."""
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, name: str = "") -> Iterator[Element]:
        """Yield the elements with a tag and, if given, a class."""
        for element in self.elements:
            if element.tag == tag and (
                not name or name in element.attributes.get("class", "").split()
            ):
                yield element
