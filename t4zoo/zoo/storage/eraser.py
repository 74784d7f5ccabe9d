"""The one thing that deletes objects, and what time it is at the server, by which their age is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.connect import connect
from t4zoo.zoo.storage.explain import explain
from t4zoo.zoo.storage.folder import DeniedError
from t4zoo.zoo.storage.patience import silence

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ErrorTypeDef

BATCH = 1000  # objects that S3 deletes in one request


class Eraser:
    """Deletes objects below `address`, by name alone: what is to go was decided elsewhere."""

    def __init__(self, address: Address) -> None:
        """Connect lazily. Raises UsageError for an address that is not in S3."""
        if address.bucket is None:
            raise UsageError(f"{address.url}: only what is at an s3:// address can be deleted")
        self.address = address
        self.bucket: str = address.bucket
        self._client, self._anonymous = connect(address, silence())

    def delete(self, paths: Sequence[str]) -> None:
        """Delete these objects, at most BATCH; one that is gone already is no error. Raises FolderError."""
        objects = [{"Key": self.address.key(path)} for path in paths]
        try:
            answer = self._client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": objects, "Quiet": True},  # type: ignore[typeddict-item]
            )
        except (BotoCoreError, ClientError) as error:
            raise explain(error, self.address, paths[0], self._anonymous) from error
        if errors := answer.get("Errors"):
            raise self._refused(errors)

    def _refused(self, errors: list[ErrorTypeDef]) -> DeniedError:
        first = errors[0]
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        return DeniedError(
            f"s3://{self.bucket}/{first.get('Key', '')}{more}: not deleted ({first.get('Code', '?')}); this needs the "
            f"right s3:DeleteObject below {self.address.url}, which no role of daily work has: see docs/security.md"
        )


def server_time(address: Address) -> datetime:
    """Now, by the clock of the server at `address`, which stamps its objects; our own where it does not say."""
    client, anonymous = connect(address, silence())
    try:
        answer = client.list_objects_v2(Bucket=address.bucket or "", Prefix=address.key("x"), MaxKeys=1)
    except (BotoCoreError, ClientError) as error:
        raise explain(error, address, "", anonymous) from error
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(said) if said else datetime.now(UTC)
