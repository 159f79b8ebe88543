"""The connections of both lanes: TLS, proxies, time limits, threads, forks, signals."""

import asyncio
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from lanes import WITHOUT, hide_extra, with_lane
from lying_server import make_certificate, real_answer, serving
from packages import run
from recording_server import KEY, Recorded, checked_answer, echo, recording

from catalog_model import Catalog
from catalog_model.aio import AsyncCatalog
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.actions import Put
from catalog_model.dynamodb.conversation import get
from catalog_model.dynamodb.typed_json import ItemKey, key_attributes
from catalog_model.errors import ServiceError, UnreachableError
from catalog_model.testing import without_pauses

pytest.importorskip("pycurl", reason="pycurl, of the extra fast, is not installed")

HER = ItemKey("TITLE#movie#1", "TITLE#movie#1")

Read = Callable[[Catalog], Any]


def handle(
    address: str, *, verify: Any = None, deadline: float | None = None, **settings: Any
) -> Catalog:
    """Return a handle whose requests take the lane, and are tried twice."""
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = CLIENT_DEFAULTS.merge(Config(**{"retries": retries, **settings}))
    client = boto3.client("dynamodb", endpoint_url=address, config=config, verify=verify)
    return Catalog("films", client=with_lane(client), deadline=deadline, fast=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the lane, also where the other tests do without, and make no pauses."""
    monkeypatch.delenv(WITHOUT, raising=False)
    with without_pauses():
        yield


@pytest.fixture(params=["pycurl", "urllib3"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the lane sends by: with the extra ``fast``, or without it."""
    if request.param == "urllib3":
        hide_extra(monkeypatch)
    return str(request.param)


@pytest.fixture(params=["pycurl", "urllib3", "aiohttp"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """Reads an item, by a thread or in an event loop."""
    if request.param == "urllib3":
        hide_extra(monkeypatch)
    if request.param != "aiohttp":
        yield lambda catalog: catalog.gateway.get(HER)
        return
    pytest.importorskip("aiohttp", reason="aiohttp, of the extra aio, is not installed")
    handles: dict[Catalog, AsyncCatalog] = {}
    with asyncio.Runner() as runner:

        def read_async(catalog: Catalog) -> Any:
            handle = handles.setdefault(catalog, AsyncCatalog.of(catalog))
            for _ in range(3):  # a loop that ran meanwhile would know what was closed
                runner.run(asyncio.sleep(0))
            return runner.run(handle.hold(get(HER)))

        yield read_async
        for each in handles.values():
            runner.run(each.close())


# --- TLS


def test_tls_is_verified_by_the_clients_authorities(tmp_path: Path, read: Read) -> None:
    """A server whose certificate is signed by the given authority is asked."""
    own = make_certificate(tmp_path / "own.pem")
    with recording(certificate=own) as server:
        assert read(handle(server.address, verify=str(own)))
        assert [each.is_of_lane for each in server.requests] == [True]


@pytest.mark.parametrize("verify", ["other", None])
def test_a_wrong_authority_is_refused(tmp_path: Path, verify: str | None, read: Read) -> None:
    """A server with another certificate is sent nothing, neither by the lane nor by botocore."""
    own = make_certificate(tmp_path / "own.pem")
    other = make_certificate(tmp_path / "other.pem")
    with recording(certificate=own) as server:
        catalog = handle(server.address, verify=verify and str(other))
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            read(catalog)
        assert not server.requests


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, read: Read) -> None:
    own = make_certificate(tmp_path / "own.pem")
    with recording(certificate=own) as server:
        elsewhere = server.address.replace("127.0.0.1", "localhost")
        with pytest.raises(UnreachableError):
            read(handle(elsewhere, verify=str(own)))
        assert not server.requests


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_without_verification_any_certificate_will_do(tmp_path: Path, read: Read) -> None:
    """As botocore has it with ``verify=False``."""
    with recording(certificate=make_certificate(tmp_path / "own.pem")) as server:
        assert read(handle(server.address, verify=False))
        assert server.requests[0].is_of_lane


@pytest.mark.parametrize("form", [str, lambda path: (str(path), str(path))])
def test_the_clients_certificate_is_shown(
    tmp_path: Path, form: Callable[[Path], Any], read: Read
) -> None:
    """A server that requires one is asked with it, and is not asked without."""
    own, client = make_certificate(tmp_path / "own.pem"), make_certificate(tmp_path / "client.pem")
    with recording(certificate=own, clients=client) as server:
        assert read(handle(server.address, verify=str(own), client_cert=form(client)))
        assert [each.is_of_lane for each in server.requests] == [True]
        with pytest.raises(ServiceError):
            read(handle(server.address, verify=str(own)))
        assert len(server.requests) == 1


# --- Proxies


def test_a_proxy_is_asked_for_the_whole_address(read: Read) -> None:
    """The name of the endpoint is the proxy's to resolve."""
    with recording() as proxy:
        proxied = handle("http://films.invalid", proxies={"http": proxy.address})
        assert read(proxied)
        assert proxy.requests[0].line == "POST http://films.invalid/ HTTP/1.1"
        assert proxy.requests[0].is_of_lane


@pytest.mark.parametrize("user", ["", "me:secret@", "me%20:a%40b%3A@", "me@"])
def test_a_proxy_gets_the_credentials_in_its_address(user: str, read: Read) -> None:
    """The same as from botocore, which ignores a name without a password."""
    with recording() as proxy:
        address = proxy.address.replace("//", f"//{user}")
        for fast in (True, False):
            proxied = handle("http://films.invalid", proxies={"http": address})
            read(Catalog("films", client=proxied.client, fast=fast))
        ours, theirs = proxy.requests
        assert (ours.is_of_lane, theirs.is_of_lane) == (user != "me@", False)
        assert ours.headers.get("proxy-authorization") == theirs.headers.get("proxy-authorization")


def test_a_proxy_connects_to_a_server_with_tls(tmp_path: Path, read: Read) -> None:
    """The proxy sees an address and nothing else; its own answer is not that of the server."""
    own = make_certificate(tmp_path / "own.pem")
    with recording(certificate=own) as server, recording() as proxy:
        catalog = handle(server.address, verify=str(own), proxies={"https": proxy.address})
        assert read(catalog) == read(catalog)
        assert [each.line.split()[0] for each in proxy.requests] == ["CONNECT"]
        assert [each.is_of_lane for each in server.requests] == [True, True]


def test_a_proxy_of_the_environment_is_botocores_to_choose(
    monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    """libcurl reads the variables as well; here, only botocore decides."""
    with recording() as server, recording() as proxy:
        direct = handle(server.address)
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.setenv("ALL_PROXY", proxy.address)
        assert read(direct)
        assert not proxy.requests
        assert read(handle("http://films.invalid"))
        assert len(proxy.requests) == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert read(handle(server.address))
        assert len(proxy.requests) == 1


# --- Time limits


@pytest.mark.parametrize("setting", [{"read_timeout": 0.1}, {"deadline": 0.5}])
def test_silence_ends_with_the_time_limit(setting: dict[str, Any], read: Read) -> None:
    """It is an attempt; botocore decides about the next one."""
    attempts: list[int] = []
    with serving(lambda _, number: attempts.append(number)) as address:
        with pytest.raises(UnreachableError, match="Read timeout"):
            read(handle(address, **setting))
        assert attempts == ([1, 2] if "read_timeout" in setting else [1])


def test_a_slow_answer_within_the_limits_arrives(read: Read) -> None:
    """The time to read limits each silence, and not the whole answer."""
    answer = real_answer({"Item": KEY})
    half = len(answer) // 2

    def act(connection: socket.socket, _: int) -> None:
        for part in (answer[:half], answer[half : half + 9], answer[half + 9 :]):
            connection.sendall(part)
            time.sleep(0.12)

    with serving(act) as address:
        assert read(handle(address, read_timeout=0.2)) == KEY


def test_an_address_that_does_not_answer_is_given_up(read: Read) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(UnreachableError):
            read(handle(f"http://127.0.0.1:{port}", connect_timeout=0.1, read_timeout=0.2))
        for each in waiting:
            each.close()


def test_a_closed_port_and_an_unknown_host_are_unreachable(read: Read) -> None:
    for address in ("http://127.0.0.1:1", "http://films.invalid"):
        with pytest.raises(UnreachableError, match="Could not connect to the endpoint"):
            read(handle(address))


# --- Connections


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.usefixtures("by")
def test_large_requests_and_answers_are_whole(tmp_path: Path, *, is_secure: bool) -> None:
    """Neither fits into a socket at once; on a new connection and on one that is used again."""
    own = make_certificate(tmp_path / "own.pem")
    text = "é" * 5_000

    def answer(request: Recorded) -> bytes:
        if request.operation == "GetItem":
            return checked_answer({"Item": {**request.content["Key"], "text": {"S": text * 35}}})
        return echo(request)

    with recording(answer, certificate=own if is_secure else None) as server:
        catalog = handle(server.address, verify=str(own))
        for _ in range(2):
            item = catalog.gateway.get(HER)
            assert item is not None
            assert item["text"]["S"] == text * 35
            catalog.gateway.transact(
                tuple(
                    Put({**key_attributes(ItemKey("a", str(number))), "text": {"S": text}}, None)
                    for number in range(90)
                )
            )
            assert len(server.requests[-1].content["TransactItems"]) == 90
        assert all(each.is_of_lane for each in server.requests)
        assert len(set(server.connections)) == 1


def test_a_connection_is_used_again(read: Read) -> None:
    with recording() as server:
        catalog = handle(server.address)
        for _ in range(5):
            read(catalog)
        assert len(set(server.connections)) == 1


def test_a_connection_that_the_server_closed_is_no_error(read: Read) -> None:
    """A server closes what is idle for too long, and callers do not see it."""
    with recording(lambda request: _closing(echo(request))) as server:
        catalog = handle(server.address)
        for _ in range(4):
            with catalog.trace() as trace:
                assert read(catalog)
            assert [request.retries for request in trace] == [0]
        assert len(set(server.connections)) == 4
        assert all(each.is_of_lane for each in server.requests)


def _closing(answer: bytes) -> bytes:
    return answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def test_a_connection_that_is_cut_while_idle_is_no_error(read: Read) -> None:
    """The same without an announcement."""
    answer = real_answer({"Item": KEY}).replace(b"Connection: close\r\n", b"")

    is_cut = threading.Event()

    def act(connection: socket.socket, _: int) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)
        is_cut.set()

    with serving(act) as address:
        catalog = handle(address)
        for _ in range(4):
            with catalog.trace() as trace:
                assert read(catalog) == KEY
            assert [request.retries for request in trace] == [0]
            assert is_cut.wait(5)
            is_cut.clear()


def test_each_thread_gets_its_own_answers(by: str) -> None:
    """And a connection of its own while it waits; as many are kept open as botocore would keep."""
    with recording() as server:
        catalog = handle(server.address, max_pool_connections=3)
        together = threading.Barrier(8)

        def ask(number: int) -> None:
            together.wait()
            for turn in range(25):
                key = ItemKey(f"TITLE#movie#{number}", f"{turn}")
                item = catalog.gateway.get(key)
                assert item is not None
                assert (item["PK"]["S"], item["SK"]["S"]) == key

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        assert all(each.is_of_lane for each in server.requests)
        lane: Any = catalog.gateway._lane
        if by == "pycurl":  # otherwise, the pool is urllib3's
            assert 1 <= len(lane._transport._idle) <= 3


FORKING = """
import asyncio, gc, os, sys
from catalog_model import Catalog
from catalog_model.aio import AsyncCatalog
from catalog_model.dynamodb.conversation import get
from catalog_model.dynamodb.typed_json import ItemKey
address, authority = sys.argv[1:]
os.environ.update(AWS_CA_BUNDLE=authority, AWS_DEFAULT_REGION="eu-west-1")
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
import boto3
client = boto3.client("dynamodb", endpoint_url=address)
catalog = Catalog("films", client=client, fast=True)
key = ItemKey("a", "b")
"""

WITH_THREADS = """
assert catalog.gateway.get(key)
for number in range(3):
    child = os.fork()
    if not child:
        if number:
            assert catalog.gateway.get(key)
        sys.exit()  # closes what a process closes at its end
    assert os.waitpid(child, 0)[1] == 0
    assert catalog.gateway.get(key)
"""

WITH_AN_EVENT_LOOP = """
handle = AsyncCatalog.of(catalog)
loop = asyncio.new_event_loop()
assert loop.run_until_complete(handle.hold(get(key)))
for number in range(3):
    child = os.fork()
    if not child:
        if number:
            assert asyncio.run(handle.hold(get(key)))
        gc.collect()
        os._exit(0)  # an inherited loop that closes would disturb the parent's
    assert os.waitpid(child, 0)[1] == 0
    assert loop.run_until_complete(handle.hold(get(key)))
loop.run_until_complete(handle.close())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("program", [WITH_THREADS, WITH_AN_EVENT_LOOP])
def test_a_child_process_shares_no_connection_with_its_parent(tmp_path: Path, program: str) -> None:
    """Nor does it end the parent's session in TLS, whether it used the table or not."""
    own = make_certificate(tmp_path / "own.pem")
    with recording(certificate=own) as server:
        run(sys.executable, "-c", FORKING + program, server.address, str(own))
        assert all(each.is_of_lane for each in server.requests)
        parents, *others = server.connections
        assert others == [parents, others[1], parents, others[3], parents]
        assert len(set(server.connections)) == 3


# --- Signals


@contextmanager
def alarm(handler: Callable[..., Any], seconds: float = 0.1) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no SIGALRM")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.usefixtures("by")
def test_a_signal_ends_a_request(kind: type[BaseException]) -> None:
    """Ctrl-C is not kept until the answer arrives; the next request has a new connection."""
    silent = [True]

    def answer(request: Any) -> bytes:
        while silent[0]:
            time.sleep(0.01)
        return echo(request)

    def interrupt(*_: object) -> None:
        raise kind

    with recording(answer) as server:
        catalog = handle(server.address, read_timeout=None)
        with alarm(interrupt), pytest.raises(kind):
            catalog.gateway.get(HER)
        silent[0] = False
        assert catalog.gateway.get(HER)
        assert len(set(server.connections)) == 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no SIGALRM")
@pytest.mark.usefixtures("by")
def test_other_signals_do_not_disturb_a_request() -> None:
    """Their handlers run while it waits."""
    rung = threading.Event()

    def answer(request: Any) -> bytes:
        rung.wait()
        return echo(request)

    with recording(answer) as server, alarm(lambda *_: rung.set()):
        assert handle(server.address, read_timeout=None).gateway.get(HER)
        assert server.requests[0].is_of_lane
