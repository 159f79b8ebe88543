"""A simulated AWS account, for pages that tell the reader to run `aws`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from packages import ROOT


@contextmanager
def aws_account() -> Iterator[dict[str, str]]:
    """Simulate AWS; yield an environment in which all command lines use it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        scripts = Path(sys.executable).parent
        yield {
            "PATH": os.pathsep.join([str(scripts), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_PAGER": "",
        }
    finally:
        server.stop()


def client_of(service: str, account: dict[str, str]) -> Any:
    session: Any = boto3.Session("nobody", "nothing", region_name=account["AWS_REGION"])
    return session.client(service, endpoint_url=account["AWS_ENDPOINT_URL"])
