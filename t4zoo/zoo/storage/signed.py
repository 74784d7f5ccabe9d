"""A folder in S3 as readers see it: signed GET requests, without the start-up time of boto3."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.access import find_access
from t4zoo.zoo.storage.answers import HOW_TO_SIGN_IN, silent, unreachable, words
from t4zoo.zoo.storage.folder import AwayError, DeniedError, FolderError, NotListedError, OnRequest
from t4zoo.zoo.storage.http import Answer, Http, SilentError, UnreachableError
from t4zoo.zoo.storage.listing import error_in
from t4zoo.zoo.storage.remote import RemoteFolder

_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


class SignedFolder(RemoteFolder):
    """Objects below an `s3://` address; unsigned where no credentials are known."""

    def __init__(self, address: Address, on_request: OnRequest | None = None) -> None:
        """Find credentials; nothing is sent to the bucket yet."""
        self._access = find_access(address)
        super().__init__(address, Http(on_request, self._access.verify_tls))

    @property
    def anonymous(self) -> bool:
        """Whether requests go unsigned."""
        return self._access.signer is None

    def _get(self, path: str, headers: dict[str, str]) -> Answer:
        return self._ask(f"/{quote(self.address.key(path), safe='/~')}", headers, path)

    def _get_page(self, query: str) -> Answer:
        return self._ask(f"/?{query}", {"Accept-Encoding": "identity"}, "")

    def _ask(self, below: str, headers: dict[str, str], path: str) -> Answer:
        try:
            answer = self._send(below, headers)
            region = answer.headers.get("x-amz-bucket-region")
            # It becomes part of a host's name, to which the request is signed again.
            is_named = region is not None and _REGION.fullmatch(region)
            if answer.status in (301, 307, 400) and region and is_named and region != self._access.region:
                answer.close()
                self._access = replace(self._access, region=region)
                answer = self._send(below, headers)
        except UnreachableError as error:
            where = self.address.url_of(path)
            told = silent if isinstance(error, SilentError) else unreachable
            raise AwayError(f"{where}: {told(self._access.endpoint)}") from error
        return answer

    def _send(self, below: str, headers: dict[str, str]) -> Answer:
        return self._http.get(self._access.base + below, headers, None if self.anonymous else self._sign)

    def _sign(self, url: str, headers: dict[str, str]) -> dict[str, str]:
        access = self._access
        request = AWSRequest("GET", url, headers=headers)
        try:
            S3SigV4Auth(access.signer.get_frozen_credentials(), "s3", access.region).add_auth(request)
        except BotoCoreError as error:  # credentials that could not be renewed
            raise AwayError(f"{self.address.url}: no credentials ({type(error).__name__}); {HOW_TO_SIGN_IN}") from error
        return dict(request.headers)

    def _root(self) -> str:
        return self.address.key("x")[:-1]

    def _absent(self, status: int, text: bytes) -> bool:
        return error_in(text)[0] != "NoSuchBucket"

    def _refusal(self, path: str, answer: Answer, text: bytes) -> FolderError:
        code, message = error_in(text)
        status, date = answer.status, answer.headers.get("Date", "")
        line = words(code or str(status), status, message, self._access.bucket, self.anonymous, date)
        denied = code in ("AccessDenied", "") and status == 403
        return (DeniedError if denied else FolderError)(f"{self.address.url_of(path)}: {line}")

    def _unlisted(self, prefix: str, answer: Answer, text: bytes) -> FolderError:
        told = self._refusal(prefix, answer, text)
        return NotListedError(str(told)) if answer.status == 403 else told
