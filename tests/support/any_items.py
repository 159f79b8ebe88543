"""Any items of DynamoDB: all types, deeply nested, with awkward numbers, texts and names."""

from typing import Any

from hypothesis import strategies as st
from strategies import decimals

from catalog_model.dynamodb.numbers import normal
from catalog_model.dynamodb.typed_json import Item

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Without lone surrogates, which the service does not hold."""

numbers = decimals().map(lambda number: normal(str(number)))
"""As the service returns them: in full, up to 38 digits, of magnitudes from 1E-130 to 9.99E+125."""

scalars = st.one_of(
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda number: {"N": number}),
    st.binary(max_size=12).map(lambda data: {"B": data}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
)

sets = st.one_of(
    st.lists(texts, min_size=1, max_size=4, unique=True).map(lambda each: {"SS": each}),
    st.lists(numbers, min_size=1, max_size=4, unique=True).map(lambda each: {"NS": each}),
    st.lists(st.binary(max_size=8), min_size=1, max_size=4, unique=True).map(
        lambda each: {"BS": each}
    ),
)

values = st.recursive(
    scalars | sets,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda each: {"L": each})
        | st.dictionaries(texts.filter(bool), inner, max_size=4).map(lambda each: {"M": each})
    ),
    max_leaves=10,
)
"""Any value; the names in a map are not empty."""


def nested(value: dict[str, Any], levels: int) -> dict[str, Any]:
    """Return a value inside of lists and maps."""
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"in": value}}
    return value


deep = st.builds(nested, scalars, st.integers(0, 30))
"""Values of up to 31 levels: the service allows 32."""

keys = st.builds(
    lambda pk, sk: {"PK": {"S": pk}, "SK": {"S": sk}},
    texts.filter(bool),
    st.one_of(texts.filter(bool), st.sampled_from(("TALLY", "ALL", "GENRE#28"))),
)
"""Keys of other applications' items, some of them similar to those of the model."""

attribute_names = texts.filter(lambda name: bool(name) and name[0] != "_" and name not in "PKSK")


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Any item, with any attributes but those that are index keys."""
    attributes = draw(st.dictionaries(attribute_names, values | deep, max_size=5))
    return {**attributes, **draw(keys)}


tables = st.lists(items(), max_size=8, unique_by=lambda each: (each["PK"]["S"], each["SK"]["S"]))


def same(item: Item) -> Any:
    """Return an item so that equal ones compare equal: sets have no order."""
    return {name: _same(value) for name, value in item.items()}


def _same(value: Any) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "SS" | "NS" | "BS":
            return kind, frozenset(content)
        case "L":
            return kind, [_same(each) for each in content]
        case "M":
            return kind, {name: _same(each) for name, each in content.items()}
    return kind, content
