"""URLs that stand for files: redirects, permissions in queries, hashes in names, names that would lead elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from t4zoo.zoo.reading import ranges, transfer
from t4zoo.zoo.reading.cache import cache
from t4zoo.zoo.reading.failure import FetchError
from t4zoo.zoo.reading.fetch import resolve
from t4zoo.zoo.reading.locate import Where
from t4zoo.zoo.storage.folder import FolderError
from t4zoo.zoo.storage.server import Server
from tests.zoo.certificate import make_certificate, serving_tls
from tests.zoo.repository import NAME, Repository
from tests.zoo.serving import serving
from tests.zoo.shelf import Shelf, shelf

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web(alone: Path) -> Iterator[Shelf]:
    with shelf({"epoch_1.pth": CONTENT}) as found:
        yield found


def redirecting(target: str) -> Any:
    """A handler that sends everybody elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def test_a_redirect_is_followed_and_every_hop_is_counted(web: Shelf) -> None:
    asked: list[str] = []
    where = Where(on_request=lambda method, url: asked.append(url))
    with serving(redirecting(f"{web.url}/epoch_1.pth?token=hidden")) as base:
        assert resolve(f"{base}/latest.pth", where).read_bytes() == CONTENT
    assert asked == [f"{base}/latest.pth", f"{web.url}/epoch_1.pth"]


def test_a_relative_redirect_is_followed_and_a_circle_is_not(alone: Path) -> None:
    with (
        serving(redirecting("/other.pth")) as base,
        pytest.raises(FolderError, match=r"/latest\.pth: is redirected more than 5 times"),
    ):
        resolve(f"{base}/latest.pth", Where())


@pytest.mark.parametrize("target", ["file:///etc/passwd", "s3://bucket/epoch_1.pth", "ftp://h/x", "gopher:x"])
def test_a_redirect_to_anything_but_a_web_server_is_refused(alone: Path, target: str) -> None:
    with serving(redirecting(target)) as base, pytest.raises(FolderError, match=r"is redirected to .* refused") as told:
        resolve(f"{base}/latest.pth?token=hidden", Where())
    assert "hidden" not in str(told.value)


def test_a_redirect_from_https_to_http_is_refused_and_to_https_followed(
    web: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    with serving_tls(redirecting(f"{web.url}/epoch_1.pth"), certificate, key) as base:
        with pytest.raises(FolderError, match=r"cannot be reached .*SSL"):
            resolve(f"{base}/latest.pth", Where())  # nobody vouches for it
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        with pytest.raises(FolderError, match=r"is redirected from https to http .*epoch_1\.pth.*; refused"):
            resolve(f"{base}/latest.pth", Where())
        assert not web.asked
        with (
            serving(redirecting(f"{base}/latest.pth")) as start,
            pytest.raises(FolderError, match="from https to http"),
        ):
            resolve(f"{start}/latest.pth", Where())


def test_a_presigned_url_of_the_real_server_works_and_its_permission_is_kept_nowhere(
    s3: Server, prefix: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put_object(Bucket=s3.bucket, Key=f"{prefix}/a b/epoch+1.pth", Body=CONTENT)
    options = {"Bucket": s3.bucket, "Key": f"{prefix}/a b/epoch+1.pth"}
    url = client.generate_presigned_url("get_object", Params=options)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    asked: list[str] = []
    where = Where(on_request=lambda method, found: asked.append(found))
    path = resolve(url, where)
    assert path.read_bytes() == CONTENT and path.name == "epoch+1.pth"
    assert resolve(url, where) == path
    secret = url.partition("Signature=")[2][:20]
    kept = [file.read_bytes() for file in cache().rglob("*") if file.is_file()]
    assert len(kept) == 2 and not [content for content in kept if secret.encode() in content]
    assert not [found for found in asked if "?" in found]
    with pytest.raises(
        FolderError, match=r"the server answered 40\d; the permission in its query may have expired"
    ) as told:
        resolve(url[:-3] + "xyz", Where())
    assert secret not in str(told.value)


def test_a_file_of_a_version_whose_manifest_cannot_be_read_now_is_not_taken_unchecked(web: Shelf) -> None:
    version = "models/CenterPoint/t4base/v1.0.0"
    web.files = {f"{version}/epoch_1.pth": CONTENT}
    assert (
        resolve(f"{web.url}/{version}/epoch_1.pth", Where()).read_bytes() == CONTENT
    )  # of no version, by its URL alone
    web.refused = f"{version}/manifest.json"
    with pytest.raises(FolderError, match=r"manifest\.json: the server answered 401"):
        resolve(f"{web.url}/{version}/epoch_1.pth", Where())


def test_a_hash_in_the_name_must_be_that_of_the_bytes(web: Shelf) -> None:
    for name in (f"a-{SHA256[:8]}.pth", f"v1.0-deadbeef.x-{SHA256[:10].upper()}.pth", f"m-{SHA256}.onnx"):
        web.files[name] = CONTENT
        assert resolve(f"{web.url}/{name}", Where()).read_bytes() == CONTENT
    for name in ("a-20241101.pth", "base-deadbee.pth", "epoch-1.pth", "x-deadbeef", "deadbeef.pth"):
        web.files[name] = CONTENT  # a date, too few digits, and no hash at all
        resolve(f"{web.url}/{name}", Where())
    for name in ("a-deadbeef.pth", f"a-{SHA256[:8]}-deadbeef.pth", "a-20241301.pth"):
        web.files[name] = CONTENT
        said = name.rpartition("-")[2].partition(".")[0]
        for _ in range(2):  # and it is no better when it is here already
            with pytest.raises(FetchError, match=f"{name}: its name says .* begins with {said}, but it is {SHA256}"):
                resolve(f"{web.url}/{name}", Where())


@pytest.mark.parametrize("name", ["..%2f..%2fescaped.pth", "..%5Cescaped.pth", "%2Fescaped.pth", ".%00x.pth"])
def test_a_name_that_leads_elsewhere_stays_in_the_cache(web: Shelf, name: str) -> None:
    web.files[unquote(name).lstrip("/")] = CONTENT
    path = resolve(f"{web.url}/{name}", Where())
    assert path.resolve().parent.name == SHA256 and path.resolve().is_relative_to(cache().resolve())
    assert not [file for file in cache().parent.rglob("*escaped*") if SHA256 not in str(file)]


def test_a_large_file_of_a_plain_url_comes_in_ranges_and_again_by_its_tag(
    web: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "PARALLEL", 2_000_000)
    monkeypatch.setattr(ranges, "PART", 1_000_000)
    monkeypatch.setattr(transfer, "RESUMABLE", 1_000_000)
    web.files["big.pth"] = bytes(range(256)) * 20_000
    sizes: list[int | None] = []

    def begin(name: str, size: int | None) -> Any:
        sizes.append(size)
        return transfer.silently(name, size)

    path = resolve(f"{web.url}/big.pth", Where(), begin)
    assert path.read_bytes() == web.files["big.pth"] and sizes == [5_120_000]
    assert len([span for _, span in web.asked if span]) == 6
    assert resolve(f"{web.url}/big.pth", Where(), begin) == path and len(sizes) == 1
    web.files["big.pth"] = web.files["big.pth"][::-1]
    assert resolve(f"{web.url}/big.pth", Where()).read_bytes() == web.files["big.pth"]


def test_a_server_without_entity_tags_is_asked_for_the_bytes_each_time(web: Shelf) -> None:
    web.etags = False
    for content in (CONTENT, b"other"):
        web.files["epoch_1.pth"] = content
        assert resolve(f"{web.url}/epoch_1.pth", Where()).read_bytes() == content
    assert web.sent == len(CONTENT) + len(b"other")


def test_a_version_that_was_fetched_is_found_without_the_zoo(
    published: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(published.root)
    path = resolve(NAME)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "gone")
    assert resolve(NAME) == path == resolve("zoo://CenterPoint/t4base/v1.0.0/epoch_3.pth")
    with pytest.raises(FolderError, match="InvalidAccessKeyId"):
        resolve("zoo://CenterPoint/t4base/v1.0.0/config.py")


def test_a_config_is_resolved_as_a_checkpoint_is(published: Repository) -> None:
    where = Where(published.zoo)
    for text in (
        "zoo://CenterPoint/t4base/v1.0.0/config.py",
        f"{published.zoo}/models/CenterPoint/t4base/v1.0.0/config.py",
    ):
        path = resolve(text, where)
        assert path.name == "config.py" and path.read_text() == "model = 't4base'\n"
