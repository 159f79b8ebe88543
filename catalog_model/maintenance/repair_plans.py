"""Plans that repair what is derived from one title. Pure: the current state in, plans out.

Each plan is valid only as long as its source has not changed: it checks the version of the title.
Of a title's own item only the package's own attributes are written.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Final

from catalog_model.checks import counted
from catalog_model.dynamodb.actions import (
    Absent,
    Check,
    Condition,
    Delete,
    Equals,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
)
from catalog_model.dynamodb.limits import (
    MAX_ITEM_BYTES,
    MAX_PUT_BYTES,
    MAX_TRANSACTION_ACTIONS,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey, number
from catalog_model.maintenance.findings import (
    INDEX_ATTRIBUTES,
    expected_document,
    is_astray,
    is_valid_item,
)
from catalog_model.table import codec, evolution, keys
from catalog_model.table.plan import Stored, own_sets, plan_lists, title_as_read
from catalog_model.table.spread import Spread, lists_are
from catalog_model.table.title_items import (
    TitleItems,
    expected_copies,
    expected_slot,
    key_of,
    slot_owner,
)

MOST_SHOWN: Final = 60
LISTED: Final = 8


def plan_collection(of_title: TitleItems) -> Plan:
    """Plan the copies of one title from its own item; without that item, their deletion.

    Missing package attributes of its own item are planned as well, and its listing, if that is in
    its slot. The plan is empty if nothing has to be done, or nothing can be: the item is unreadable
    or of a newer version. Older copies are left as they are. A plan of more than one transaction
    has the first changes only.
    """
    if not of_title.by_key:
        return ()
    title = keys.title_key(of_title.key)
    if of_title.own is None:
        return _guarded(Check(title, Absent()), _deletions(of_title.copies))
    if of_title.record is None or evolution.is_newer(of_title.own):
        return ()
    changes = _due_copies(of_title, of_title.record)
    as_it_was = title_as_read(of_title.record.version)
    stamp = _stamp(of_title.own, of_title.record, as_it_was)
    if stamp is None:
        return _guarded(Check(title, as_it_was), changes)
    return (stamp, *_as_many_as_fit(changes))


def plan_lists_again(of_title: TitleItems, spread: Spread) -> Plan:
    """Plan to state the lists of new titles in the own item of a title whose lists are not read."""
    record, own = of_title.record, of_title.own
    if record is None or own is None or evolution.is_newer(own):
        return ()
    if not is_astray(of_title, spread):
        return ()
    tally = keys.tally_key(of_title.key.kind, keys.shard_of(of_title.key))
    return Check(tally, lists_are(spread.lists)), plan_lists(record, spread.lists)


def _due_copies(of_title: TitleItems, record: Stored) -> Iterator[Operation]:
    expected = expected_copies(record)
    for key, copy in expected.items():
        if _is_due(of_title.copies.get(key, {}), copy) and item_size(copy) <= MAX_ITEM_BYTES:
            yield Put(copy)
    yield from _due_listing(of_title, record)
    yield from _deletions({k: i for k, i in of_title.copies.items() if k not in expected})


def _due_listing(of_title: TitleItems, record: Stored) -> Iterator[Put]:
    """Yield the listing in the title's slot, if another one of the title is there."""
    slot, expected, title = of_title.slot, expected_slot(record), record.title.key
    if slot is None or expected is None or slot_owner(title.kind, slot) != title:
        return
    if _is_due(slot, expected) and item_size(expected) <= MAX_ITEM_BYTES:
        yield Put(expected, known(slot, Equals(codec.TITLE_ID, title.id)))


def _deletions(copies: Mapping[ItemKey, Item]) -> Iterator[Operation]:
    return (Delete(key) for key, item in copies.items() if not evolution.is_newer(item))


def _guarded(check: Check, changes: Iterator[Operation]) -> Plan:
    some = tuple(_as_many_as_fit(changes))
    return (check, *some) if some else ()


def _as_many_as_fit(changes: Iterator[Operation]) -> Iterator[Operation]:
    """Yield as many changes as fit into one transaction with one more action."""
    size = 0
    for change in islice(changes, MAX_TRANSACTION_ACTIONS - 1):
        size += item_size(change.item) if isinstance(change, Put) else 0
        if size > MAX_PUT_BYTES:
            return
        yield change


def _is_due(found: Item, expected: Item) -> bool:
    return evolution.upgraded(found) != expected and not evolution.is_newer(found)


def _stamp(item: Item, record: Stored, condition: Condition) -> Update | None:
    """Plan an item's own attributes, except the version of an older one, and no index keys."""
    is_older = evolution.is_outdated(item)
    document = None if is_older else expected_document(record)
    is_stale = not is_older and item.get(codec.DOC) != document
    if is_valid_item(item) and not is_stale:
        return None
    key = key_of(item)
    doc = ((codec.DOC, document["S"]),) if document and is_stale else ()
    surplus = {codec.DOC} if is_stale and not document else set()
    own = own_sets(keys.parse_key(*key))
    return Update(
        key,
        sets=tuple(each for each in own if each[0] == codec.TYPE) if is_older else (*own, *doc),
        adds=((codec.VERSION, 1),),
        condition=condition,
        removes=tuple(sorted(item.keys() & (INDEX_ATTRIBUTES | surplus))),
    )


def known(item: Item, condition: Equals | None = None) -> Condition:
    """Return the condition that no newer version wrote the item, if its version is valid."""
    says = item.get(codec.SCHEMA, number(codec.SCHEMA_VERSION)).get("N")
    is_asked = says is not None and Decimal(says) <= codec.SCHEMA_VERSION
    return NotNewer(condition) if is_asked else condition


def described(operation: Operation) -> str:
    """Return a one-line description of an operation."""
    match operation:
        case Put(item):
            return f"put {' | '.join(key_of(item))}"
        case Delete(key):
            return f"delete {' | '.join(key)}"
        case Update(key, sets):
            own = (codec.SCHEMA, codec.TYPE)
            shown = [each for each in sets if each[0] not in own] or sets
            changes = [f"{name}={_shown(value)}" for name, value in shown]
            changes += [f"no {name}" for name in operation.removes]
            changes += [f"{name} with {_listed(some)}" for name, some in operation.includes]
            changes += [f"{name} without {_listed(some)}" for name, some in operation.excludes]
            return f"set {', '.join(changes or [codec.VERSION])} in {' | '.join(key)}"
    return f"check {' | '.join(operation.key)}"


def _shown(value: str | int) -> str:
    """Return an attribute's value for a line: a document is long."""
    return str(value) if len(str(value)) <= MOST_SHOWN else "(its record)"


def _listed(numbers: tuple[int, ...]) -> str:
    """Return the numbers of slots, or their count."""
    return ", ".join(map(str, numbers)) if len(numbers) <= LISTED else counted(len(numbers), "slot")
