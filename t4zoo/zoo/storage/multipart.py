"""A copy inside S3 in parts, for what is too large for one request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from t4zoo.zoo.storage.folder import BrokenTransferError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef


class EndedUploadError(Exception):
    """The upload is no more: completed by a request whose answer was lost, or ended by another publisher."""


@dataclass(frozen=True)
class PartsCopy:
    """One copy in parts. etag: pins the source. size, part [bytes]: of the whole and of each part but the last."""

    source: CopySourceTypeDef
    etag: str
    bucket: str
    key: str
    size: int
    part: int

    def run(self, client: S3Client, sha256: str, content_type: str, cache_control: str) -> str:
        """Copy, unless the key exists; the copy's etag.

        Leaves no open upload unless it is killed. Raises ClientError and BotoCoreError as the client does,
        EndedUploadError, and BrokenTransferError for half an answer.
        """
        upload = client.create_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            Metadata={"sha256": sha256},
            ContentType=content_type,
            CacheControl=cache_control,
        ).get("UploadId")
        if upload is None:
            raise BrokenTransferError(f"{self.bucket}/{self.key}: the answer broke off")
        try:
            parts = list(self._parts(client, upload))
            done = client.complete_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "NoSuchUpload":
                raise EndedUploadError from error
            with contextlib.suppress(BotoCoreError, ClientError):  # the error that led here is the one to tell
                client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload)
            raise
        return done.get("ETag", "").strip('"')

    def _parts(self, client: S3Client, upload: str) -> Iterator[CompletedPartTypeDef]:
        for number, start in enumerate(range(0, self.size, self.part), 1):
            answer = client.upload_part_copy(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload,
                PartNumber=number,
                CopySource=self.source,
                CopySourceIfMatch=f'"{self.etag}"',
                CopySourceRange=f"bytes={start}-{min(start + self.part, self.size) - 1}",
            )
            etag = answer.get("CopyPartResult", {}).get("ETag")
            if etag is None:
                raise BrokenTransferError(f"{self.bucket}/{self.key}: the answer broke off")
            yield {"PartNumber": number, "ETag": etag}
