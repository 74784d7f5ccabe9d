"""Scenes in a real bucket behind a proxy that counts requests and breaks them, and datasets whose source they are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.far_scenes.looking import begin
from tests.zoo.proxy import Proxy, Request


@dataclass
class Bucket:
    """A prefix of the test's own. proxy: where AWS_ENDPOINT_URL leads."""

    client: Any
    bucket: str
    prefix: str
    proxy: Proxy

    def url(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}/{name}"

    def put(self, name: str, path: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}/{path}", Body=content)

    def get(self, name: str, path: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}/{path}")["Body"].read()

    def remove(self, name: str, path: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}/{path}")

    def upload(self, folder: Path, name: str) -> None:
        """Every file below the folder, under its path."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(name, path.relative_to(folder).as_posix(), path.read_bytes())

    def take_in(self, dataset: Path) -> None:
        """Put the scenes of a dataset's folder into the bucket, and leave in their place where they are."""
        self.upload(dataset, dataset.name)
        shutil.rmtree(dataset)
        begin(dataset, self.url(dataset.name))

    def requests(self, kind: str = "") -> list[Request]:
        """What was sent since `proxy.let_pass`; kind: part of the path."""
        return [request for request in self.proxy.requests if kind in request.path]
