"""A released repository that a test may make ill: in the zoo, in the store, in git."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.zoo.address import zoo_of
from t4zoo.zoo.keeping.doctor.examine import Examination, Patient, examine
from t4zoo.zoo.keeping.doctor.mend import acts
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.storage.folder import open_folder
from t4zoo.zoo.storage.s3 import S3Folder
from tests.zoo.repository import CONFIG, FOLDER, Repository, copy_objects


@dataclass(frozen=True)
class Ward(Repository):
    """client: the test's own hand in S3."""

    client: Any

    def key(self, path: str) -> dict[str, str]:
        """An object below the repository's URL, as boto3 names it."""
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": f"{prefix}/{path}"}

    def get(self, path: str) -> bytes:
        return self.client.get_object(**self.key(path))["Body"].read()

    def put(self, path: str, content: bytes) -> None:
        self.client.put_object(**self.key(path), Body=content)

    def delete(self, path: str) -> None:
        self.client.delete_object(**self.key(path))

    def paths(self, below: str) -> list[str]:
        where = self.key(below)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=where["Bucket"], Prefix=where["Key"])
        start = len(where["Key"]) - len(below)
        return sorted(item["Key"][start:] for page in pages for item in page.get("Contents", []))

    def of_version(self, path: str) -> str:
        """A file of the released version."""
        return f"autoware-ml/{FOLDER}/{path}"

    def patient(self, repository: bool = True) -> Patient:
        zoo = open_folder(zoo_of(self.root))
        return Patient(zoo, load_layout(self.root), self.root if repository else None)

    def examine(self, deep: bool = False, repository: bool = True) -> Examination:
        return examine(self.patient(repository), lambda title, total: lambda step: None, deep)

    def found(self, deep: bool = False) -> list[tuple[str, str]]:
        """(fault, where) of all findings."""
        return [(finding.fault, finding.where.removeprefix(f"{self.url}/")) for finding in self.examine(deep).findings]

    def fix(self) -> list[str]:
        """Do what `--fix` does; what it was, in words."""
        todo = acts(self.examine(), lambda: self.writer, self.root)
        for _, act in todo:
            act()
        return [words for words, _ in todo]

    @property
    def writer(self) -> S3Folder:
        return S3Folder(zoo_of(self.root))


def ward(source: Repository, root: Path, url: str, client: Any) -> Ward:
    """A copy of a released repository, tags and all, with another folder in S3 that a commit of its own names."""
    shutil.copytree(source.root, root, symlinks=True)
    copy_objects(source.url, url, client)
    (root / ".dvc/config").write_text(CONFIG.format(url=url))
    copied = Ward(root, url, client)
    copied.git("commit", "--quiet", "--all", "-m", "Another folder in S3")
    return copied
