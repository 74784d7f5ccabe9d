"""Versions of three small files, made and released without git and DVC: what a fault can hurt lies in S3."""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import Address, Credentials, parse_address
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, Manifest, ManifestFile, Source, digest, role_of
from t4zoo.zoo.reading.catalogue import NotReleasedError, find
from t4zoo.zoo.reading.index import Index, read_index
from t4zoo.zoo.reading.locate import Located
from t4zoo.zoo.releasing.gate.stored import check_store
from t4zoo.zoo.releasing.lock import TrackedFile, key_of
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.releasing.plan import Copy, Plan
from t4zoo.zoo.releasing.publish import publish
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError
from t4zoo.zoo.storage.folder import Folder, open_folder, read
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.storage.server import REGION, Server
from t4zoo.zoo.version import parse_name

FILES = {"config.py": 1000, "epoch_3.pth": 3000, "pts_voxel_encoder.onnx": 1000}  # bytes
LARGE_ONE = "large"  # the publisher whose files are a thousand times as long
LARGE = 2000  # bytes above which a copy is made in parts here
NOT_HERE = "config.py"  # is in the store, and no longer in the cache
_numbers = itertools.count()


def contents(whose: str) -> dict[str, bytes]:
    """The three files as one publisher has them; as long for all but LARGE_ONE, so that only bytes tell them apart."""
    times = 1000 if whose == LARGE_ONE else 1
    return {path: random.Random(f"{whose} {path}").randbytes(size * times) for path, size in FILES.items()}


@dataclass(frozen=True)
class Place:
    """A store and a zoo in one server. cache: what DVC has on this machine of the store: all files but the first."""

    endpoint: str
    key_id: str
    secret: str
    bucket: str
    prefix: str
    cache: Path
    zoo: str = "autoware-ml"

    @staticmethod
    def on(server: Server, prefix: str, cache: Path) -> Place:
        """Below a prefix of the server's bucket, with all files in the store."""
        options = server.environment
        keys = options["AWS_ACCESS_KEY_ID"], options["AWS_SECRET_ACCESS_KEY"]
        return Place(server.endpoint, *keys, server.bucket, prefix, cache)._fill()

    def _fill(self) -> Place:
        store = S3Folder(self.address("dvc"))
        for whose in ("mine", "yours", LARGE_ONE):
            for path, content in contents(whose).items():
                key = key_of(_md5(content))
                store.create(key, content, Description("text/plain", hashlib.sha256(content).hexdigest()))
                if path != NOT_HERE:
                    (self.cache / key).parent.mkdir(parents=True, exist_ok=True)
                    (self.cache / key).write_bytes(content)
        return self

    def put(self, plan: Plan, whose: str, zoo: S3Folder) -> None:
        """Lay a version of anyone's files into the zoo as if it had been released, without its row in the index."""
        objects = {**contents(whose), CLAIM_NAME: f"{plan.digest}\n".encode(), FILE_NAME: plan.content}
        for path, content in objects.items():
            described = Description("text/plain", hashlib.sha256(content).hexdigest())
            zoo.create(f"{plan.folder}/{path}", content, described)

    def apart(self) -> Place:
        """The same store with another zoo, in which a version is released already: a first one also lists all of it."""
        other = replace(self, zoo=f"{next(_numbers)}/autoware-ml")
        release(plan(), self.cache, *other.folders())
        return other

    def reader(self, endpoint: str = "") -> Folder:
        """The zoo, to read."""
        return open_folder(self.address(self.zoo, endpoint))

    def address(self, name: str, endpoint: str = "") -> Address:
        """Of `dvc` or a zoo, by way of a proxy if its endpoint is given."""
        credentials = Credentials(endpoint or self.endpoint, REGION, key_id=self.key_id, secret=self.secret)
        return parse_address(f"s3://{self.bucket}/{self.prefix}/{name}", credentials)

    def web(self, endpoint: str = "") -> Folder:
        """The zoo as anyone reads it, without credentials."""
        return open_folder(parse_address(f"{endpoint or self.endpoint}/{self.bucket}/{self.prefix}/{self.zoo}"))

    def folders(self, endpoint: str = "") -> tuple[S3Folder, S3Folder]:
        """Store and zoo, to write."""
        store, zoo = S3Folder(self.address("dvc", endpoint)), S3Folder(self.address(self.zoo, endpoint))
        zoo.copy_limit = LARGE
        return store, zoo


def plan(name: str = "", whose: str = "mine") -> Plan:
    """What releasing these files would do; of a version that no other test has where no name is given."""
    version = parse_name(name or f"CenterPoint/t4base@v1.0.{next(_numbers)}")
    held = tuple(_file(path, content) for path, content in sorted(contents(whose).items()))
    source = Source(commit="0" * 40, subject=whose, committer="Ada", time="2025-01-01T00:00:00Z", dvc_lock="0" * 64)
    manifest = Manifest(schema_version=1, name=str(version), files=held, source=source, packages={})
    irrelevant: dict[str, Any] = {field.name: None for field in fields(Plan)}  # what only the screen and git hear of
    relevant = {
        "name": version,
        "folder": load_layout(None).folder(version),
        "manifest": manifest,
        "content": manifest.to_bytes(),
        "copies": tuple(Copy(key_of(file.md5), file.md5, file) for file in held),
        "is_released": False,
        "is_tagged": True,
    }
    return Plan(**{**irrelevant, **relevant})


def release(plan: Plan, cache: Path, store: S3Folder, zoo: S3Folder) -> None:
    """All that a release asks of S3, in its order."""
    files = {file.path: TrackedFile(file.path, file.md5, file.size, None) for file in plan.manifest.files}
    _, refusals = check_store(files, Objects(cache, store), lambda path: None)
    index = read_index(zoo) or Index(())
    present = read(zoo, f"{plan.folder}/{FILE_NAME}", LIMIT) if index.get(plan.name) else None
    if present not in (None, plan.content):
        what = f"is released already: manifest sha256 {digest(present)}; this one is {plan.digest}"
        refusals.append(Refusal(plan.folder, what, ""))
    if refusals:
        raise RefusedError(plan.name, refusals)
    outcome = publish(replace(plan, is_released=present is not None, index=index), store, zoo)
    if outcome.warning:
        raise WarnedError(outcome.warning)


class WarnedError(T4zooError):
    """The version is released, and something around it is not as it should be."""


def locate(plan: Plan, zoo: Folder) -> Located:
    """The version as a reader finds it."""
    found = find(zoo, plan.folder, plan.name)
    if found is None:
        raise NotReleasedError(f"{plan.name} is not in the zoo")
    return Located(zoo, found, None)


def _file(path: str, content: bytes) -> ManifestFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return ManifestFile(path=path, role=role_of(path), size=len(content), sha256=sha256, md5=_md5(content))


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()
