"""Which server holds a bucket, and who signs: what boto3 decides too, decided without importing it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials as Signer

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address, Credentials
from t4zoo.zoo.storage.answers import HOW_TO_SIGN_IN

DEFAULT_REGION = "us-east-1"  # where signatures are taken for, when nobody names a region

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")  # a dot would not fit Amazon's certificate
_KEYS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
_ASK_OTHERS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True)
class Access:
    """endpoint: of a server that is not Amazon's. signer: None reads without a signature."""

    bucket: str
    endpoint: str | None
    region: str
    signer: Any  # botocore's Credentials, or one of its kinds that renews itself
    verify_tls: bool = True

    @property
    def base(self) -> str:
        """The bucket's URL. Amazon wants the bucket in the host's name; a server of one's own has only one name."""
        if self.endpoint:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}"
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        if _HOST_LABEL.fullmatch(self.bucket):
            return f"https://{self.bucket}.s3.{self.region}.{domain}"
        return f"https://s3.{self.region}.{domain}/{self.bucket}"


def own_server(credentials: Credentials) -> str | None:
    """The endpoint that `.dvc/config` or the environment names; None is Amazon. Raises UsageError for a bad one."""
    found = credentials.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return _sound(found) if found else None


def _sound(endpoint: str) -> str:
    scheme, _, rest = endpoint.partition("://")
    if "@" in (rest or endpoint).partition("/")[0]:
        raise UsageError("the S3 endpoint has a user or password in it, which ends up in logs; " + HOW_TO_SIGN_IN)
    if scheme not in ("http", "https") or not rest:
        raise UsageError(
            f"the S3 endpoint {endpoint!r} is no URL; write http://host:port or https://host, in AWS_ENDPOINT_URL or "
            "as endpointurl in .dvc/config.local"
        )
    return endpoint


def named_region(credentials: Credentials) -> str | None:
    """The region that `.dvc/config` or the environment names."""
    return credentials.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def find_access(address: Address) -> Access:
    """How to read a bucket; raises UsageError for half of a pair of keys, and for a profile that does not exist."""
    given = address.credentials
    if address.bucket is None or not _BUCKET.fullmatch(address.bucket):
        raise UsageError(f"{address.url}: {address.bucket!r} cannot be the name of a bucket")
    region = named_region(given)
    signer = _named(given.key_id, given.secret, given.token, f"{address.url}: access_key_id and secret_access_key")
    if signer is None and given.profile is None:
        key_id, secret, token = (os.environ.get(f"AWS_{name}") for name in _KEYS)
        signer = _named(key_id, secret, token, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    endpoint = own_server(given)
    if signer is None and (given.profile or _others_may_know()):
        signer, region, endpoint = _ask_others(address, region, endpoint)
    return Access(address.bucket, endpoint, region or DEFAULT_REGION, signer, given.verify_tls)


def _named(key_id: str | None, secret: str | None, token: str | None, names: str) -> Any:
    if key_id and secret:
        return Signer(key_id, secret, token or None)
    if key_id or secret:
        raise UsageError(f"{names} belong together, but only one of them is set; {HOW_TO_SIGN_IN}")
    return None


def _others_may_know() -> bool:
    """Whether files or a service may hold credentials. Only the machine's own metadata service is asked on no hint."""
    if any(os.environ.get(name) for name in _ASK_OTHERS):
        return True
    files = (Path.home() / ".aws" / name for name in ("credentials", "config"))
    return any(file.exists() for file in files) or os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"


def _ask_others(address: Address, region: str | None, endpoint: str | None) -> tuple[Any, str | None, str | None]:
    import botocore.session  # late: it takes as long to import as all the rest of the start
    from botocore.exceptions import BotoCoreError, ProfileNotFound

    try:
        session = botocore.session.Session(profile=address.credentials.profile)
        signer = session.get_credentials()
        scoped = session.get_scoped_config()
    except ProfileNotFound as error:
        raise UsageError(f"{address.url}: {error}; ~/.aws/config or .dvc/config.local names it") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"{address.url}: {error}") from error
    found = endpoint or scoped.get("endpoint_url")
    return signer, region or scoped.get("region"), _sound(found) if found else None
