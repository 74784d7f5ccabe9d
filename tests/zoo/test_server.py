"""The embedded server: open to its owner, readable below autoware-ml/ for everyone, gone when its owner is."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from t4zoo.zoo.address import Credentials, parse_address
from t4zoo.zoo.manifest import digest
from t4zoo.zoo.storage.folder import read
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.storage.server import SERVICES, Server, ServerError


def owner(server: Server) -> S3Folder:
    options = server.dvc_options
    credentials = Credentials(
        options["endpointurl"], options["region"], None, options["access_key_id"], options["secret_access_key"]
    )
    return S3Folder(parse_address(f"s3://{server.bucket}/a/autoware-ml", credentials))


def status(url: str, method: str = "GET", data: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def refuses(url: str, method: str) -> bool:
    try:
        return status(url, method, b"x") >= 400
    except (URLError, ConnectionError):
        return True


def test_a_restart_keeps_objects_credentials_and_port_and_a_second_server_is_refused(
    alone: Path, tmp_path: Path
) -> None:
    with Server(tmp_path / "s3") as server:
        first = (server.endpoint, server.environment)
        owner(server).create("kept", b"x", Description("text/plain", digest(b"x")))
        with pytest.raises(ServerError, match=rf"running there already, at {server.endpoint}"):
            Server(tmp_path / "s3").start()
        assert stat.S_IMODE((tmp_path / "s3/iam.json").stat().st_mode) == 0o600
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    numbers = [server.port + number + offset for number in range(len(SERVICES)) for offset in (0, 10000)]
    assert not [path for path in Path("/tmp").glob("seaweedfs-*") if any(f"-{n}." in path.name for n in numbers)]
    with Server(tmp_path / "s3") as server:
        assert (server.endpoint, server.environment) == first
        assert read(owner(server), "kept", 10) == b"x"


def test_everyone_may_read_and_list_the_zoo_and_nothing_else(server: Server, prefix: str, client: object) -> None:
    base = f"{server.endpoint}/{server.bucket}"
    for key in (f"{prefix}/autoware-ml/a", f"{prefix}/dvc/a"):
        client.put_object(Bucket=server.bucket, Key=key, Body=b"x")  # type: ignore[attr-defined]
    allowed = [f"{prefix}/autoware-ml/a", f"?list-type=2&prefix={prefix}/autoware-ml/"]
    denied = [f"{prefix}/dvc/a", f"?list-type=2&prefix={prefix}/dvc/", "?list-type=2", "?policy"]
    assert [status(f"{base}/{path}") for path in allowed] == [200, 200]
    assert [status(f"{base}/{path}") for path in denied] == [403] * 4
    assert status(f"{base}/{prefix}/autoware-ml/b", "PUT", b"x") == 403
    assert status(f"{base}/{prefix}/autoware-ml/a", "DELETE") == 403


def test_the_filers_own_door_is_closed_and_no_port_is_open_to_other_machines(server: Server) -> None:
    filer = f"http://127.0.0.1:{server.port + SERVICES.index('filer')}/buckets/{server.bucket}/x"
    for method in ("GET", "PUT", "DELETE"):
        assert refuses(filer, method)
    table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    ours = {f"{server.port + number + offset:04X}" for number in range(len(SERVICES)) for offset in (0, 10000)}
    listening = [line.split()[1].rpartition(":") for line in table.splitlines()[1:] if " 0A " in line]
    addresses = {address for address, _, port in listening if port in ours}
    assert addresses == {"0100007F"}


def test_the_server_dies_with_a_parent_that_was_killed(alone: Path, tmp_path: Path) -> None:
    script = "import sys, time; from pathlib import Path; from t4zoo.zoo.storage.server import Server\n"
    script += "server = Server(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s3")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(pid)
    parent.stdout.close()


def gone(pid: int) -> bool:
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # nobody is left to collect it
            return True
        time.sleep(0.05)
    return False


def test_serve_says_how_to_use_it_and_stops_at_ctrl_c(alone: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "t4zoo", "serve", "--data", str(tmp_path / "s3")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert "S3 at http://127.0.0.1:" in process.stdout.readline()
        pid = json.loads((tmp_path / "s3/server.json").read_text())["pid"]
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0 and err == "" and "AWS_ENDPOINT_URL" in out and "stopped" in out
    assert gone(pid)
