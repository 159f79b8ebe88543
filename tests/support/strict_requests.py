"""Requests in boto3's form that each break one of DynamoDB's rules, and some that just do not."""

from typing import Any

Case = tuple[str, dict[str, Any]]

TABLE = "strict-cases"
KEY = {"PK": {"S": "a"}, "SK": {"S": "a"}}
ITEM = {**KEY, "d": {"S": "x"}}


def _key_schema(hash_key: str, range_key: str) -> list[dict[str, str]]:
    roles = {hash_key: "HASH", range_key: "RANGE"}
    return [{"AttributeName": name, "KeyType": role} for name, role in roles.items()]


SCHEMA: dict[str, Any] = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": _key_schema("PK", "SK"),
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "N" if name == "i" else "S"}
        for name in ("PK", "SK", "g", "h", "i")
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": name,
            "KeySchema": _key_schema("g", sort_key),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        for name, sort_key in (("by_h", "h"), ("by_i", "i"))
    ],
}


def put(attributes: dict[str, Any] | None = None, **more: Any) -> Case:
    return "put_item", {"TableName": TABLE, "Item": {**ITEM, **(attributes or {})}, **more}


def get(key: dict[str, Any]) -> Case:
    return "get_item", {"TableName": TABLE, "Key": key}


def delete(key: dict[str, Any] = KEY) -> Case:
    return "delete_item", {"TableName": TABLE, "Key": key}


def scan(**more: Any) -> Case:
    return "scan", {"TableName": TABLE, **more}


def update(expression: str, value: dict[str, Any] | None = None) -> Case:
    values = {"ExpressionAttributeValues": {":v": value}} if value else {}
    return "update_item", {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression, **values}


def query(condition: str = "PK = :v", value: Any = None, **more: Any) -> Case:
    asked = {"TableName": TABLE, "KeyConditionExpression": condition}
    return "query", {**asked, "ExpressionAttributeValues": {":v": value or {"S": "a"}}, **more}


def query_index(**more: Any) -> Case:
    return query("g = :v", IndexName="by_h", **more)


def transaction(*cases: Case) -> Case:
    verbs = {"put_item": "Put", "update_item": "Update", "delete_item": "Delete"}
    return "transact_write_items", {
        "TransactItems": [{verbs[operation]: params} for operation, params in cases]
    }


def items(count: int, size: int = 1) -> list[dict[str, Any]]:
    return [{**key, "d": {"S": "x" * size}} for key in keys(count)]


def keys(count: int) -> list[dict[str, Any]]:
    return [{"PK": {"S": f"{at}"}, "SK": {"S": "a"}} for at in range(count)]


def writes(*requests: dict[str, Any]) -> Case:
    return "batch_write_item", {"RequestItems": {TABLE: list(requests)}}


def reads(wanted: list[dict[str, Any]]) -> Case:
    return "batch_get_item", {"RequestItems": {TABLE: {"Keys": wanted}}}


def transact_gets(wanted: list[dict[str, Any]]) -> Case:
    actions = [{"Get": {"TableName": TABLE, "Key": key}} for key in wanted]
    return "transact_get_items", {"TransactItems": actions}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"M": {"a": value}}
    return value


def puts(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": item}} for item in wanted]


def all_of(count: int) -> Case:
    names = [f":v{at}" for at in range(count)]
    values = {name: {"N": str(at)} for at, name in enumerate(names)}
    return scan(FilterExpression=f"x IN ({', '.join(names)})", ExpressionAttributeValues=values)


# --- The rules

WRITING_G = (*("SET g = :v", "SET d = :v, g = if_not_exists(g, :v)", "SET g = d + :v", "ADD g :v"),)
HOLDS: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(never)"}
START = {**KEY, "g": {"S": "a"}, "h": {"S": "a"}}
WRONG = {"PK": {"N": "1"}, "SK": {"S": "a"}}
LONG_HASH = {"PK": {"S": "é" * 1025}, "SK": {"S": "a"}}
LONG_RANGE = {"PK": {"S": "a"}, "SK": {"S": "x" * 1025}}
EMPTY = {"PK": {"S": ""}, "SK": {"S": "a"}}

CASES: dict[str, list[Case]] = {
    "batches_hold_1_to_25_writes_or_100_keys": [
        writes(*puts(items(26))),
        reads(keys(101)),
        writes(),
    ],
    "transactions_hold_1_to_100_actions": [
        transaction(*(put(item) for item in items(101))),
        transact_gets(keys(101)),
        transaction(),
    ],
    "expressions_are_not_empty": [
        put(ConditionExpression=""),
        update(""),
        put(ExpressionAttributeValues={}, **HOLDS),
    ],
    "expressions_have_at_most_4_kb": [query(FilterExpression="d = :v" + " OR d = :v" * 500)],
    "names_and_values_are_used": [
        put(ExpressionAttributeNames={"#n": "n"}, **HOLDS),
        put(ExpressionAttributeValues={":v": {"S": "n"}}),
        put(ExpressionAttributeValues={":v": {"S": "n"}}, **HOLDS),
    ],
    "names_and_values_are_defined": [
        put(ConditionExpression="attribute_exists(#n)"),
        put(ConditionExpression="PK = :v"),
        update("SET d = :v"),
    ],
    "lists_have_at_most_100_operands": [all_of(101)],
    "values_have_one_type": [put({"n": {"S": "1", "N": "1"}}), put({"n": {}})],
    "numbers_are_in_range": [
        *(put({"n": {"N": each}}) for each in ("1E126", "-1E-131", "1" * 39, "NaN", "Infinity")),
        put({"n": {"L": [{"NS": ["1", "1E126"]}]}}),
        update("SET n = :v", {"N": "1E126"}),
        transaction(put({"n": {"N": "1E126"}})),
    ],
    "sets_hold_different_values": [
        put({"n": {"SS": []}}),
        put({"n": {"SS": ["a", "a"]}}),
        put({"n": {"NS": ["1", "1.0"]}}),
    ],
    "values_nest_at_most_32_levels": [put({"n": nested(32)}), transaction(put({"n": nested(32)}))],
    "limits_are_positive": [query(Limit=0)],
    "items_have_at_most_400_kb": [
        put({"d": {"S": "x" * (409_600 - 6)}}),
        writes({"PutRequest": {"Item": {**KEY, "d": {"S": "é" * 204_800}}}}),
    ],
    "transactions_hold_at_most_4_mb": [transaction(*(put(item) for item in items(11, 390_000)))],
    "keys_match_the_schema": [
        get(WRONG),
        get({"PK": {"S": "a"}}),
        get({**KEY, "d": {"S": "a"}}),
        put(WRONG),
        ("put_item", {"TableName": TABLE, "Item": {"PK": {"S": "a"}}}),
        delete(WRONG),
        reads([WRONG]),
        transact_gets([WRONG]),
        transaction(delete(WRONG)),
        transaction(put({"PK": {"S": "b"}}), put(WRONG)),
    ],
    "keys_are_not_empty": [get(EMPTY), put(EMPTY), query(value={"S": ""}), transaction(put(EMPTY))],
    "keys_are_not_too_long": [
        *(call(key) for call in (get, put) for key in (LONG_HASH, LONG_RANGE)),
        transaction(put(LONG_HASH)),
    ],
    "keys_are_not_updated": [update("SET PK = :v", {"S": "b"})],
    "index_keys_have_their_type": [
        put({"g": {"N": "1"}}),
        put({"i": {"S": "1"}}),
        *(update(each, {"N": "1"}) for each in WRITING_G),
        writes({"PutRequest": {"Item": {**ITEM, "g": {"N": "1"}}}}),
        transaction(put({"g": {"N": "1"}})),
        transaction(update("SET g = :v", {"N": "1"})),
    ],
    "index_keys_are_not_empty": [
        put({"g": {"S": ""}}),
        update("SET g = :v", {"S": ""}),
        transaction(put({"g": {"S": ""}})),
    ],
    "index_keys_are_not_too_long": [
        put({"g": {"S": "x" * 2049}, "h": {"S": "a"}}),
        put({"g": {"S": "a"}, "h": {"S": "x" * 1025}}),
        update("SET h = :v", {"S": "x" * 1025}),
    ],
    "key_conditions_have_the_keys_type": [
        query(value={"N": "1"}),
        query("g = :p AND begins_with(i, :v)", {"N": "1"}, IndexName="by_i"),
    ],
    "filters_leave_the_key_alone": [
        query(FilterExpression="SK > :v"),
        query(FilterExpression="d = :v OR #n = :v", ExpressionAttributeNames={"#n": "PK"}),
        query_index(FilterExpression="attribute_exists(h)"),
    ],
    "global_indexes_are_read_eventually_consistently": [
        query_index(ConsistentRead=True),
        scan(IndexName="by_h", ConsistentRead=True),
    ],
    "global_indexes_answer_with_what_they_project": [
        query_index(ProjectionExpression="PK, d"),
        query_index(Select="ALL_ATTRIBUTES"),
    ],
    "start_keys_match_the_schema": [
        query(ExclusiveStartKey={"PK": {"S": "a"}}),
        query_index(ExclusiveStartKey=KEY),
    ],
    "start_keys_are_of_the_partition": [
        query(ExclusiveStartKey={**KEY, "PK": {"S": "b"}}),
        query_index(ExclusiveStartKey={**START, "g": {"S": "b"}}),
    ],
    "an_item_is_named_once": [
        writes({"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": KEY}}),
        writes({"PutRequest": {"Item": ITEM}}, {"PutRequest": {"Item": KEY}}),
        reads([KEY, KEY]),
        transaction(put(), delete()),
        transact_gets([KEY, KEY]),
    ],
}
CASES["key_conditions_have_the_keys_type"][1][1]["ExpressionAttributeValues"][":p"] = {"S": "a"}

MOTO_REFUSES: dict[str, set[int]] = {
    "batches_hold_1_to_25_writes_or_100_keys": {1},
    "transactions_hold_1_to_100_actions": {0, 1},
    "expressions_are_not_empty": {1, 2},
    "names_and_values_are_used": {0},
    "names_and_values_are_defined": {0, 1, 2},
    "values_have_one_type": {1},
    "numbers_are_in_range": {1, 3, 4},
    "sets_hold_different_values": {0},
    "items_have_at_most_400_kb": {0, 1},
    "keys_match_the_schema": {1, 2, 3, 4, 9},
    "keys_are_not_empty": {0, 1, 2, 3},
    "keys_are_not_too_long": {2, 3, 4},
    "keys_are_not_updated": {0},
    "index_keys_have_their_type": {8, 2, 3, 4},
    "index_keys_are_not_empty": {0, 1, 2},
    "index_keys_are_not_too_long": {0, 1},
    "global_indexes_are_read_eventually_consistently": {0, 1},
    "global_indexes_answer_with_what_they_project": {1},
    "an_item_is_named_once": {2, 3},
}
"""The cases that moto also rejects, sometimes with a different error."""

DYNOXIDE_ACCEPTS: dict[str, set[int]] = {
    "lists_have_at_most_100_operands": {0},
    "keys_are_not_empty": {2},
    "index_keys_are_not_too_long": {0, 1, 2},
    "key_conditions_have_the_keys_type": {0, 1},
    "global_indexes_answer_with_what_they_project": {0},
    "start_keys_are_of_the_partition": {0, 1},
}

ACCEPTED: list[Case] = [
    writes(*puts(items(25))),
    reads(keys(100)),
    transaction(*(put(item) for item in items(100))),
    transact_gets(keys(100)),
    put({"d": {"S": "x" * (409_600 - 7)}}),
    put({"n": {"N": "9.9999999999999999999999999999999999999E+125"}}),
    put({"n": {"N": "-1E-130"}}),
    put({"n": {"N": f"000{'1' * 38}000.000"}}),
    put({"n": nested(31)}),
    put({"PK": {"S": "é" * 1024}, "SK": {"S": "x" * 1024}}),
    put({"g": {"S": "x" * 2048}, "h": {"S": "x" * 1024}}),
    put({"i": {"N": "1"}, "n": {"S": ""}, "b": {"B": b"x"}, "s": {"BS": [b"x", b"y"]}}),
    all_of(100),
    scan(FilterExpression="attribute_exists(SK)"),
    query_index(FilterExpression="SK > :v"),
    query_index(ProjectionExpression="PK, SK, g"),
    query_index(ExclusiveStartKey=START),
    query("PK = :v AND SK BETWEEN :v AND :v", ExclusiveStartKey=KEY, Limit=1),
    query(FilterExpression="#n.PK = :v", ExpressionAttributeNames={"#n": "d"}),
    update("SET d = :v, h = if_not_exists(h, :v) REMOVE i, n", {"S": "a"}),
    update("SET n = if_not_exists(m, :v) + :v, l = list_append(:l, :l) ADD k :v", {"N": "1"}),
    scan(Limit=1, ExclusiveStartKey=KEY),
]
ACCEPTED[-2][1]["ExpressionAttributeValues"][":l"] = {"L": [{"N": "1"}]}
