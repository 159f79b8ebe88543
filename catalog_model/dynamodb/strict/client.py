"""A client that rejects what DynamoDB rejects, for engines that accept more: `strict`.

It uses botocore's events, and therefore works for boto3's clients and resources and for PynamoDB.
PartiQL and the parameters from before 2014 (``Expected``, ``KeyConditions`` ...) are not checked.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from catalog_model.dynamodb.numbers import normal
from catalog_model.dynamodb.strict import backups
from catalog_model.dynamodb.strict.request import (
    OPERATIONS,
    TRANSACTIONS,
    Request,
    Schema,
    table_name,
)
from catalog_model.dynamodb.strict.rules import RULES, Rule

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_Client = TypeVar("_Client", bound="DynamoDBClient")

TOKEN_SECONDS: Final = 600.0
PATIENCE_SECONDS: Final = 30.0
RULE_HEADER: Final = "x-strict-rule"
BEHAVIOURS: Final = {
    "tokens_are_honoured": (
        "A ClientRequestToken is valid for 10 minutes: one payload, applied once, answered again."
    ),
    "recovery_has_its_bounds": (
        "Recovery periods are 1 to 35 days; the time of a restore must be recoverable."
    ),
    "numbers_come_back_normal": (
        "Numbers are returned in full, without redundant zeros: 5.0 as 5, 1E3 as 1000, -0 as 0."
    ),
}
"""What a strict client does in addition to enforcing `RULES`."""

_ASKED: Final = "catalog-model.asked"
_TOKEN: Final = "catalog-model.token"  # noqa: S105  # not a secret


def strict(
    client: _Client,
    *,
    tables: Mapping[str, TableDescriptionTypeDef] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> _Client:
    """Make a DynamoDB client reject what the service rejects, and answer like the service.

    A request that breaks one of `RULES` is not sent. It raises the service's error, with the value
    in its message and the rule's name in the header ``x-strict-rule``. The schemas of tables are
    taken from answers that pass, or from one DescribeTable. Thread-safe; a second call on the same
    client has no effect.

    Args:
        tables: Descriptions of tables by name, in the form of DescribeTable's answer.
        clock: Returns seconds; tokens expire by it.
    """
    guard = _Guard(client, clock)
    for name, description in (tables or {}).items():
        guard.schemas[name] = Schema.of(description)
    events, own = client.meta.events, "catalog-model-strict"
    # Last, so that a resource has already converted its arguments to typed JSON, and no token is
    # recorded for a request that another handler answers.
    events.register_last("before-parameter-build.dynamodb", guard.note, own)
    events.register_last("before-call.dynamodb", guard.before_call, own + "-before")
    events.register_first("after-call.dynamodb", guard.after_call, own + "-after")
    events.register_first("after-call-error.dynamodb", guard.after_error, own + "-error")
    return client


class RefusalError(Exception):
    """The error with which the service would answer a request."""

    def __init__(
        self, code: str, message: str, *, rule: str, reasons: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        headers = {RULE_HEADER: rule}
        self.answer: dict[str, Any] = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": headers, "RetryAttempts": 0},
        }
        if reasons:
            self.answer["CancellationReasons"] = reasons


@dataclass
class _Use:
    payload: bytes
    done: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Any] | None = None
    finished: float = 0.0


class Tokens:
    """The ClientRequestTokens used so far, and their answers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[str, _Use] = {}

    def begin(self, token: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer of a token's first use; None if this is the first use."""
        payload = hashlib.sha256(json.dumps(params, sort_keys=True, default=repr).encode()).digest()
        while True:
            with self._lock:
                self._forget_old(token)
                use = self._uses.setdefault(token, new := _Use(payload))
                if use is new:
                    return None
            if use.payload != payload:
                _refuse_token("IdempotentParameterMismatchException", "with other parameters")
            if not use.done.wait(PATIENCE_SECONDS):
                _refuse_token("TransactionInProgressException", "and its use is still in progress")
            if use.answer is not None:
                return copy.deepcopy(use.answer)

    def end(self, token: str, answer: dict[str, Any] | None) -> None:
        """Store the answer of a first use; after a failure (None), the next use is the first."""
        with self._lock:
            use = self._uses[token]
            if answer is None:
                del self._uses[token]
            else:
                use.answer, use.finished = copy.deepcopy(answer), self._clock()
        use.done.set()

    def _forget_old(self, token: str) -> None:
        oldest = list(islice(self._uses, 2))  # deleting two per call keeps pace with one new token
        for each in {token, *oldest} & self._uses.keys():
            use = self._uses[each]
            if use.answer is not None and self._clock() - use.finished >= TOKEN_SECONDS:
                del self._uses[each]


def _refuse_token(code: str, how: str) -> NoReturn:
    message = f"The ClientRequestToken was used before {how}"
    raise RefusalError(code, message, rule="tokens_are_honoured")


class _Guard:
    """The state for one client: the schemas of its tables, and the tokens."""

    def __init__(self, client: Any, clock: Callable[[], float]) -> None:
        self.schemas: dict[str, Schema | None] = {}
        self._client = client
        self._tokens = Tokens(clock)
        self._lock = threading.RLock()

    def note(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context[_ASKED] = params

    def before_call(self, model: Any, context: dict[str, Any], **_: Any) -> Any:
        """Answer in place of the engine if a rule is broken or a token is repeated."""
        params = context.pop(_ASKED, None)
        if params is None:
            return None
        try:
            if model.name in backups.CHECKS:
                self._check_backups(model.name, params)
            if model.name not in OPERATIONS:
                return None
            self._check(model, params)
            answer = self._replay(model.name, params, context)
        except RefusalError as refusal:
            return AWSResponse("", 400, HTTPHeaders(), None), refusal.answer
        return None if answer is None else (AWSResponse("", 200, HTTPHeaders(), None), answer)

    def after_call(
        self, parsed: dict[str, Any], http_response: Any, model: Any, context: Any, **_: Any
    ) -> None:
        """Read schemas from an answer, and normalize its numbers."""
        is_good = http_response.status_code < 300  # noqa: PLR2004  # as in botocore
        if model.name in OPERATIONS:
            normalise(parsed)
        elif is_good:
            self._learn(model.name, parsed)
        if _TOKEN in context:
            self._tokens.end(context.pop(_TOKEN), parsed if is_good else None)

    def after_error(self, context: dict[str, Any], **_: Any) -> None:
        if _TOKEN in context:
            self._tokens.end(context.pop(_TOKEN), None)

    def _check(self, model: Any, params: Any) -> None:
        try:
            request = Request(model.name, params, self._schema)
            for rule in RULES:
                _apply(rule, request)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            report = ParamValidator().validate(params, model.input_shape)
            if not report.has_errors():
                raise
            what = report.generate_report()
            raise RefusalError("SerializationException", what, rule="parameters") from error

    def _check_backups(self, operation: str, params: Any) -> None:
        breach = backups.CHECKS[operation](params, self._client)
        if breach:
            raise RefusalError(*breach, rule="recovery_has_its_bounds")

    def _replay(self, operation: str, params: Any, context: dict[str, Any]) -> Any:
        token = params.get("ClientRequestToken")
        if operation != "TransactWriteItems" or token is None:
            return None
        answer = self._tokens.begin(token, params)
        if answer is None:
            context[_TOKEN] = token
        return answer

    def _schema(self, name: str) -> Schema | None:
        if name not in self.schemas:
            with self._lock:
                if name not in self.schemas:
                    self._ask(name)
        return self.schemas.get(name)

    def _ask(self, name: str) -> None:
        try:
            self._client.describe_table(TableName=name)  # `after_call` receives its answer
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                self.schemas[name] = None

    def _learn(self, operation: str, parsed: dict[str, Any]) -> None:
        described = parsed.get("Table") or parsed.get("TableDescription") or {}
        name = table_name(described.get("TableName", ""))
        if operation == "DeleteTable":
            self.schemas.pop(name, None)
        elif "KeySchema" in described and "AttributeDefinitions" in described:
            self.schemas[name] = Schema.of(described)


def _apply(rule: Rule, request: Request) -> None:
    if rule.is_of_request:
        _refuse(rule, next(rule.check(request), None))
        return
    for at, action in enumerate(request.actions):
        problem = next(rule.check(action), None)
        if problem and rule.cancels and request.operation in TRANSACTIONS:
            _cancel(rule, problem, at, len(request.actions))
        _refuse(rule, problem)


def _refuse(rule: Rule, problem: str | None) -> None:
    if problem:
        raise RefusalError("ValidationException", problem, rule=rule.name)


def _cancel(rule: Rule, problem: str, at: int, count: int) -> NoReturn:
    reasons = [{"Code": "None"} for _ in range(count)]
    reasons[at] = {"Code": "ValidationError", "Message": problem}
    codes = ", ".join(reason["Code"] for reason in reasons)
    what = "Transaction cancelled, please refer cancellation reasons for specific reasons"
    raise RefusalError(
        "TransactionCanceledException", f"{what} [{codes}]", rule=rule.name, reasons=reasons
    )


def rules() -> dict[str, str]:
    """Return the names of all rules, with their texts."""
    return {rule.name: rule.text for rule in RULES} | BEHAVIOURS


def normalise(part: Any) -> None:
    """Rewrite all numbers in an answer as DynamoDB formats them."""
    if isinstance(part, list):
        for inner in part:
            normalise(inner)
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name == "N" and isinstance(inner, str):
                part[name] = normal(inner)
            elif name == "NS" and isinstance(inner, list):
                part[name] = [normal(number) for number in inner]
            elif isinstance(inner, (dict, list)):
                normalise(inner)
