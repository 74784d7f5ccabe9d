"""A folder behind a plain web server: GET, and a listing where that server is an open S3 bucket. No credentials."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from t4zoo.zoo.address import Address, listing_address
from t4zoo.zoo.storage.folder import DeniedError, FolderError, NotListedError, OnRequest
from t4zoo.zoo.storage.http import Answer, Http
from t4zoo.zoo.storage.remote import RemoteFolder

_AS_GIVEN = "/%!$&'()*+,;=:@"  # what may stand in a path


class WebFolder(RemoteFolder):
    """Files below an `http(s)://` URL."""

    def __init__(self, address: Address, on_request: OnRequest | None = None, query: str | None = None) -> None:
        """Connect lazily. query: of a URL that a person gave, whose paths then are percent-encoded already.

        It is sent with each file's URL, as a presigned one needs it, and never shown.
        """
        super().__init__(address, Http(on_request))
        self._query = f"?{query}" if query else ""
        self._safe = "/" if query is None else _AS_GIVEN

    def _get(self, path: str, headers: dict[str, str]) -> Answer:
        return self._http.get(self.address.url_of(quote(path, safe=self._safe)) + self._query, headers)

    def _get_page(self, query: str) -> Answer:
        return self._http.get(f"{listing_address(self.address)[0]}?{query}", {"Accept-Encoding": "identity"})

    def _root(self) -> str:
        folder = listing_address(self.address)[1]
        return f"{folder}/" if folder else ""

    def _absent(self, status: int, text: bytes) -> bool:
        return True

    def _refusal(self, path: str, answer: Answer, text: bytes) -> FolderError:
        cure = (
            "; the permission in its query may have expired" if self._query and answer.status in (400, 401, 403) else ""
        )
        kind = DeniedError if answer.status == 403 else FolderError
        return kind(f"{self.address.url_of(path)}: the server answered {answer.status}{cure}")

    def _unlisted(self, prefix: str, answer: Answer, text: bytes) -> FolderError:
        host = urlsplit(self.address.url).netloc
        if answer.status >= 500:
            return self._refusal(prefix, answer, text)
        return NotListedError(
            f"{self.address.url}: {host} does not list its files to everyone (it answered {answer.status}); "
            "name the version to be read, or give the zoo as s3://bucket/prefix"
        )
