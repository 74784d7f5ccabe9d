"""Uploads in parts that nobody finished: seen, and ended, below one folder in S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.connect import connect
from t4zoo.zoo.storage.explain import explain
from t4zoo.zoo.storage.patience import silence

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, order=True)
class Upload:
    """path: of the object that it would have become. started: by the server's clock."""

    path: str
    id: str
    started: datetime


class Uploads:
    """The unfinished uploads below `address`."""

    def __init__(self, address: Address, connected: tuple[S3Client, bool] | None = None) -> None:
        """Connect lazily, or go by a client that is there. Raises UsageError for an address that is not in S3."""
        if address.bucket is None:
            raise UsageError(f"{address.url}: only an s3:// address knows of uploads")
        self.address = address
        self.bucket: str = address.bucket
        self.requests = 0
        self._client, self._anonymous = connected or connect(address, silence())

    def list(self) -> Iterator[Upload]:
        """All of them, a thousand a request; raises FolderError where they may not be seen."""
        prefix = self.address.key("x")[:-1]
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix)
        try:
            for page in pages:
                self.requests += 1
                for item in page.get("Uploads", []):
                    yield Upload(item["Key"].removeprefix(prefix), item["UploadId"], item["Initiated"])
        except (BotoCoreError, ClientError) as error:
            raise explain(error, self.address, "", self._anonymous) from error

    def abort(self, upload: Upload) -> None:
        """End one: its parts are gone for good. One that is finished by now stays as it is."""
        key = self.address.key(upload.path)
        self.requests += 1
        try:
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload.id)
        except self._client.exceptions.NoSuchUpload:
            return
        except (BotoCoreError, ClientError) as error:
            raise explain(error, self.address, upload.path, self._anonymous) from error
