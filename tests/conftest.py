"""What tests share: a real S3 server, an environment without the user's own settings, and how they are spread."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from xdist.scheduler import LoadScopeScheduling

from t4zoo.zoo.storage.server import REGION, Server

# A shell's background jobs ignore Ctrl-C, and so would every command that the tests start from there.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes minutes begins first, so that no process is left alone with it at the end.
FULL_DEMO = "tests/demo/test_full_demo.py"
LONGEST = (
    FULL_DEMO,
    "tests/demo/",
    "tests/test_chain.py",
    "tests/zoo/faults/",
    "tests/models/",
    "tests/stages/",
    "tests/zoo/test_secrets.py",
)


class FilesApartDemoTogether(LoadScopeScheduling):
    """A test file stays in one process, so that what its tests share is made once; so do those of the short demo."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "tests/demo" if file.startswith("tests/demo/") and file != FULL_DEMO else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    # pytest-xdist's own `--dist loadgroup` loses its groups under pytest 9.
    config.option.loadscopereorder = False  # by number of tests; the demo has few, and they are the longest
    return FilesApartDemoTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, the others in their usual order."""
    ranks = {start: rank for rank, start in enumerate(LONGEST)}
    items.sort(key=lambda item: min((r for s, r in ranks.items() if item.nodeid.startswith(s)), default=len(ranks)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests want seen when they pass, `record_property("shown", line)`, from whatever process they ran in."""
    reports = terminalreporter.getreports("passed")
    for line in [value for report in reports for name, value in report.user_properties if name == "shown"]:
        terminalreporter.write_line(str(line))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One S3 server a test process; each test takes a prefix of its own in the one bucket."""
    with Server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    """The test's own hand in S3, to look and to spoil."""
    options = server.environment
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no credentials, no git or DVC settings, no caches but the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("AWS_", "T4ZOO_", "GIT_", "DVC_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("T4ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{variable}_NAME", "Ada Tester")
        monkeypatch.setenv(f"{variable}_EMAIL", "ada@example.invalid")
    return home


@pytest.fixture
def s3(server: Server, alone: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with its endpoint and credentials in the environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def prefix() -> str:
    """A folder in the bucket that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
