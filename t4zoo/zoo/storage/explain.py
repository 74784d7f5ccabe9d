"""What S3 answers, in a user's words, with the cure."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.folder import FolderError

_HOW_TO_SIGN_IN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name them in .dvc/config.local"


def explain(error: Exception, address: Address, path: str, anonymous: bool) -> FolderError:
    """The error of a request for `path` below `address`; never holds a credential."""
    where = address.url_of(path)
    if isinstance(error, ClientError):
        return FolderError(f"{where}: {_answer(error, address, anonymous)}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return FolderError(f"{where}: no credentials; {_HOW_TO_SIGN_IN}")
    if isinstance(error, ConnectionError | ConnectTimeoutError | HTTPClientError):
        endpoint = address.credentials.endpoint or "the endpoint (AWS_ENDPOINT_URL, or Amazon where that is unset)"
        return FolderError(f"{where}: cannot reach {endpoint}; is the server up and the address right?")
    if isinstance(error, ParamValidationError):
        return FolderError(f"{where}: {address.bucket!r} cannot be the name of a bucket")
    return FolderError(f"{where}: {error if isinstance(error, BotoCoreError) else type(error).__name__}")


def _answer(error: ClientError, address: Address, anonymous: bool) -> str:
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "?")
    if code == "NoSuchBucket":
        return f"there is no bucket {address.bucket!r}; create it, or correct the url in .dvc/config"
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired"):
        return f"the server does not accept these credentials ({code}); {_HOW_TO_SIGN_IN}"
    if code in ("AccessDenied", "403", "Forbidden", "AllAccessDisabled"):
        if anonymous:
            return f"access denied without credentials; {_HOW_TO_SIGN_IN}"
        return "access denied: these credentials do not have the right to do this"
    if code in ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        return "the bucket is in another region; set `region` of the remote or AWS_REGION"
    if code in ("NotImplemented", "501"):
        return "this server does not know conditional requests, without which a version could be overwritten unseen"
    return f"the server answered {status} {code}: {details.get('Message', '')}".rstrip(": ")
