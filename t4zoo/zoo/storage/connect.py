"""A client of S3 as t4zoo wants it: patient within bounds, asking again by AWS's own rules, path-style where needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ProfileNotFound

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.access import named_region, own_server
from t4zoo.zoo.storage.patience import CONNECT, TRIES

if TYPE_CHECKING:
    from botocore.config import _RetryDict
    from mypy_boto3_s3 import S3Client


def connect(address: Address, silence: float) -> tuple[S3Client, bool]:
    """A client for `address`, and whether it signs nothing; nothing is sent yet.

    silence: seconds without a byte after which an answer is given up. Raises UsageError for settings that are wrong.
    """
    credentials = address.credentials
    try:
        session = boto3.Session(
            aws_access_key_id=credentials.key_id,
            aws_secret_access_key=credentials.secret,
            aws_session_token=credentials.token,
            profile_name=credentials.profile,
            region_name=named_region(credentials),
        )
        anonymous = session.get_credentials() is None
        client = session.client(
            "s3",
            endpoint_url=credentials.endpoint,
            config=_config(address, anonymous, silence),
            verify=None if credentials.verify_tls else False,
        )
    except ProfileNotFound as error:
        raise UsageError(f"{address.url}: {error}; ~/.aws/config or .dvc/config.local names it") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"{address.url}: {error}") from error
    return client, anonymous


def _config(address: Address, anonymous: bool, silence: float) -> Config:
    retries: _RetryDict = {"mode": "standard"}
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = TRIES
    return Config(
        signature_version=UNSIGNED if anonymous else None,
        retries=retries,
        max_pool_connections=16,
        connect_timeout=min(CONNECT, silence),
        read_timeout=silence,
        # Amazon wants the bucket in the host's name; a server known by address or alias has only one name.
        s3={"addressing_style": "path" if own_server(address.credentials) else "auto"},
    )
