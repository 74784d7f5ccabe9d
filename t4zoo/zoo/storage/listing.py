"""One page of an S3 listing, read from the XML that a server sends."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

from t4zoo.zoo.storage.folder import Entry

LIMIT = 16 * 1024**2  # bytes of one page: a thousand names are far below


@dataclass(frozen=True)
class Page:
    """Objects by their whole key. token: asks for the next page, "" after the last."""

    entries: tuple[Entry, ...]
    token: str


def query(prefix: str, token: str) -> str:
    """The query for a page of ListObjectsV2. Keys come percent-encoded, since XML has no way to write some of them."""
    fields = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    # A plus would be a space to some servers and a plus to a signature.
    return urlencode(sorted({**fields, **({"continuation-token": token} if token else {})}.items()), quote_via=quote)


def parse(text: bytes) -> Page | None:
    """The page, or None where the text is none."""
    if b"<!DOCTYPE" in text:  # entities are the danger in foreign XML; a listing has no use for a document type at all
        return None
    try:
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        return None
    if not root.tag.endswith("ListBucketResult"):
        return None
    name = root.tag.removesuffix("ListBucketResult")  # the XML namespace, which servers spell differently
    encoded = root.findtext(f"{name}EncodingType", "") == "url"
    entries = []
    for item in root.iter(f"{name}Contents"):
        key, size, etag, modified = (
            item.findtext(f"{name}{field}", "") for field in ("Key", "Size", "ETag", "LastModified")
        )
        entries.append(Entry(unquote_plus(key) if encoded else key, int(size or 0), etag.strip('"'), modified))
    return Page(tuple(entries), root.findtext(f"{name}NextContinuationToken", ""))


def is_cut(text: bytes) -> bool:
    """Whether the text, which is no page, is the beginning of one."""
    return not text.strip() or b"<ListBucketResult" in text


def error_in(text: bytes) -> tuple[str, str]:
    """Code and message of an S3 error document; empty where it is none."""
    try:
        root = None if b"<!DOCTYPE" in text else ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        root = None
    if root is None or not root.tag.endswith("Error"):
        return "", ""
    name = root.tag.removesuffix("Error")
    return root.findtext(f"{name}Code", ""), root.findtext(f"{name}Message", "")
