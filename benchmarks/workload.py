"""The files that are published and pulled: their bytes, their place in the store, and their manifest."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.address import parse_address
from t4zoo.zoo.manifest import Manifest, ManifestFile, Source, role_of
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.storage.s3 import Description, S3Folder

MODEL = "Benchmark/files"


@dataclass(frozen=True)
class Workload:
    """folder: the files. base: the `s3://` URL below which all contenders work."""

    folder: Path
    base: str
    files: tuple[ManifestFile, ...]

    @property
    def store(self) -> str:
        """Where their objects lie by md5, as after `dvc push`."""
        return f"{self.base}/store"

    @property
    def zoo(self) -> str:
        """Where versions are published."""
        return f"{self.base}/autoware-ml"

    def manifest(self, version: str) -> Manifest:
        """That of one version; all versions have the same files."""
        source = Source(commit="0" * 40, subject="-", committer="-", time="2025-01-01T00:00:00Z", dvc_lock="0" * 64)
        return Manifest(schema_version=1, name=f"{MODEL}@{version}", files=self.files, source=source, packages={})


def make(folder: Path, base: str, count: int, size: int) -> Workload:
    """Random files, `count` of `size` bytes each, on disk and in the store."""
    folder.mkdir(parents=True)
    names = [f"{number:05d}.bin" for number in range(count)]
    store = S3Folder(parse_address(f"{base}/store"))

    def one(name: str, content: bytes) -> ManifestFile:
        (folder / name).write_bytes(content)
        sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
        store.create(key_of(md5), content, Description("application/octet-stream", sha256))
        return ManifestFile(path=name, role=role_of(name), size=size, sha256=sha256, md5=md5)

    with ThreadPoolExecutor(8 if size < 2**20 else 1) as pool:
        files = list(pool.map(lambda name: one(name, os.urandom(size)), names))
    return Workload(folder, base, tuple(files))


def compare(workload: Workload, folder: Path) -> None:
    """Raise ValueError where a pulled folder lacks a file or holds other bytes."""
    for file in workload.files:
        found = next(iter(folder.rglob(file.path)), None)
        if found is None or hashlib.sha256(found.read_bytes()).hexdigest() != file.sha256:
            raise ValueError(f"{folder}: {file.path} is missing or is not what was published")
