"""What boto3 raises, in a user's words and one line, with the cure."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.answers import HOW_TO_SIGN_IN, silent, unreachable, words
from t4zoo.zoo.storage.folder import BrokenTransferError, FolderError


def code_of(error: ClientError) -> str:
    """S3's word for what went wrong, or the HTTP status where the answer had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def explain(error: Exception, address: Address, path: str, anonymous: bool) -> FolderError:
    """The error of a request for `path` below `address`; never holds a credential."""
    where = address.url_of(path)
    if isinstance(error, ClientError):
        return FolderError(f"{where}: {_answer(error, address, anonymous)}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return FolderError(f"{where}: no credentials; {HOW_TO_SIGN_IN}")
    endpoint = address.credentials.endpoint
    if isinstance(error, ReadTimeoutError | ConnectionClosedError):
        return FolderError(f"{where}: {silent(endpoint)}")
    if isinstance(error, ConnectionError | ConnectTimeoutError | HTTPClientError):
        return FolderError(f"{where}: {unreachable(endpoint)}")
    if isinstance(error, ParamValidationError):
        return FolderError(f"{where}: {address.bucket!r} cannot be the name of a bucket")
    if isinstance(error, ResponseParserError):
        return BrokenTransferError(f"{where}: the answer broke off, or is not S3's")
    return FolderError(f"{where}: {error if isinstance(error, BotoCoreError) else type(error).__name__}")


def _answer(error: ClientError, address: Address, anonymous: bool) -> str:
    details = error.response.get("Error", {})
    answer = error.response.get("ResponseMetadata", {})
    status, date = answer.get("HTTPStatusCode", "?"), answer.get("HTTPHeaders", {}).get("date", "")
    return words(code_of(error), status, str(details.get("Message", "")), address.bucket or "", anonymous, date)
