"""Reading the zoo: list, pull and resolve, by name or by URL, without git, DVC or credentials."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import FILE_NAME, ManifestError, digest
from t4zoo.zoo.reading.cache import cache
from t4zoo.zoo.reading.catalogue import NotReleasedError, names
from t4zoo.zoo.reading.failure import FetchError
from t4zoo.zoo.reading.fetch import resolve
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.pull import pull
from t4zoo.zoo.reading.rows import read_rows
from t4zoo.zoo.reading.transfer import silently
from t4zoo.zoo.storage.folder import FolderError
from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import FILES, FOLDER, NAME, Repository
from tests.zoo.serving import serving


@contextmanager
def without_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED":
                patch.delenv(name)
        yield


def forms(repository: Repository, server: Server) -> dict[str, str]:
    web = repository.zoo.replace("s3://", f"{server.endpoint}/")
    return {
        "name": NAME,
        "zoo": "zoo://CenterPoint/t4base/v1.0.0",
        "s3": f"{repository.zoo}/{FOLDER}",
        "s3 with a slash": f"{repository.zoo}/{FOLDER}/",
        "http": f"{web}/{FOLDER}/",
    }


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_version_is_pulled_by_each_form_of_its_name(published: Repository, s3: Server, tmp_path: Path) -> None:
    model = published.root / "models/CenterPoint/t4base"
    expected = {
        path.removeprefix(f"{part}/"): content
        for path, content in files_below(model).items()
        for part in ("train", "evaluate", "export")
        if path.startswith(f"{part}/")
    }
    assert len(expected) == FILES
    for form, text in forms(published, s3).items():
        pull(locate(text, Where(published.zoo)), tmp_path / form)
        found = files_below(tmp_path / form)
        manifest = found.pop(FILE_NAME)
        assert found == expected, form
        assert digest(manifest) == locate(NAME, Where(published.zoo)).released.digest


def test_reading_over_http_needs_no_credentials(published: Repository, s3: Server, tmp_path: Path) -> None:
    web = published.zoo.replace("s3://", f"{s3.endpoint}/")
    with without_credentials():
        pull(locate(f"{web}/{FOLDER}/", Where()), tmp_path / "pulled")
        listed = read_rows(Where(web).open_zoo(), None)
        with pytest.raises(FolderError, match="does not list"):
            names(Where(web.replace("autoware-ml", "dvc")).open_zoo(), load_layout(None))
    assert [row.name for row in listed.rows] == [NAME]


def test_a_version_of_ten_files_is_pulled_with_two_requests_more(published: Repository, tmp_path: Path) -> None:
    asked: list[str] = []
    where = Where(published.zoo, on_request=lambda method, url: asked.append(method))
    pull(locate(NAME, where), tmp_path / "pulled")
    assert asked == ["GET"] * (FILES + 2)


def test_pulling_again_brings_nothing_or_what_was_lost(published: Repository, tmp_path: Path) -> None:
    located = locate(NAME, Where(published.zoo))
    pull(located, tmp_path)
    assert pull(located, tmp_path).fetched == ()
    (tmp_path / "config.py").unlink()
    (tmp_path / "plots/car.csv").unlink()
    assert pull(located, tmp_path).fetched == ("config.py", "plots/car.csv")


def test_what_a_person_changed_in_a_pulled_folder_is_never_replaced(published: Repository, tmp_path: Path) -> None:
    located = locate(NAME, Where(published.zoo))
    pull(located, tmp_path)
    (tmp_path / "config.py").write_text("mine")
    (tmp_path / "plots/car.csv").unlink()
    with pytest.raises(FetchError, match=r"config\.py: was changed since it was pulled; move it away"):
        pull(located, tmp_path)
    (tmp_path / "config.py").rename(tmp_path / "mine.py")
    assert pull(located, tmp_path).fetched == ("config.py", "plots/car.csv")
    assert (tmp_path / "mine.py").read_text() == "mine"


def test_files_of_another_origin_are_never_replaced(published: Repository, tmp_path: Path) -> None:
    located = locate(NAME, Where(published.zoo))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.py").write_text("mine")
    with pytest.raises(FetchError, match=r"config\.py: exists with other bytes"):
        pull(located, tmp_path / "mine")
    assert files_below(tmp_path / "mine") == {"config.py": b"mine"}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE_NAME).write_text("{}")
    with pytest.raises(FetchError, match="holds another version"):
        pull(located, tmp_path / "other")


def test_roles_and_single_files_can_be_pulled(published: Repository, tmp_path: Path) -> None:
    located = locate(NAME, Where(published.zoo))
    assert pull(located, tmp_path / "a", ["onnx", "ros_param"]).fetched == (
        "detection_class_remapper.param.yaml",
        "ml_package.param.yaml",
        "pts_backbone_neck_head.onnx",
        "pts_voxel_encoder.onnx",
    )
    with pytest.raises(FetchError, match="no file of the role 'weights'; it has checkpoint, config"):
        pull(located, tmp_path / "b", ["weights"])
    one = locate("zoo://CenterPoint/t4base/v1.0.0/plots/car.csv", Where(published.zoo))
    assert pull(one, tmp_path / "c").fetched == ("plots/car.csv",)
    with pytest.raises(ManifestError, match=r"has no file 'epoch_4\.pth'; it has config\.py, "):
        locate("zoo://CenterPoint/t4base/v1.0.0/epoch_4.pth", Where(published.zoo))


def test_a_corrupt_object_is_never_put_in_place(spoilable: Repository, tmp_path: Path, client: Any) -> None:
    bucket, _, prefix = f"{spoilable.zoo}/{FOLDER}".removeprefix("s3://").partition("/")
    content = client.get_object(Bucket=bucket, Key=f"{prefix}/epoch_3.pth")["Body"].read()
    for spoilt, words in (
        (content[:-1] + b"?", "other bytes"),
        (content[:-1], "truncated"),
        (content + b"?", "other bytes"),
    ):
        client.put_object(Bucket=bucket, Key=f"{prefix}/epoch_3.pth", Body=spoilt)
        with pytest.raises(FetchError, match=words):
            pull(locate(NAME, Where(spoilable.zoo)), tmp_path / "pulled")
        assert not [path for path in files_below(tmp_path / "pulled") if "epoch_3" in path or FILE_NAME in path]


def test_a_version_that_is_not_released_is_named(published: Repository) -> None:
    for text in ("CenterPoint/t4base@v9.0.0", f"{published.zoo}/models/CenterPoint/t4base/v9.0.0/"):
        with pytest.raises(NotReleasedError, match=r"v9\.0\.0"):
            locate(text, Where(published.zoo))


def test_a_manifest_in_the_folder_of_another_version_is_refused(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    source = {"Bucket": bucket, "Key": f"{prefix}/{FOLDER}/{FILE_NAME}"}
    folder = f"{prefix}/models/CenterPoint/t4base/v2.0.0"
    client.copy_object(Bucket=bucket, Key=f"{folder}/{FILE_NAME}", CopySource=source)
    with pytest.raises(ManifestError, match="lies in the folder of"):
        locate("CenterPoint/t4base@v2.0.0", Where(spoilable.zoo))


def test_a_version_stands_for_its_checkpoint_wherever_a_path_is_taken(published: Repository, s3: Server) -> None:
    asked: list[str] = []
    where = Where(published.zoo, on_request=lambda method, url: asked.append(url))
    expected = (published.root / "models/CenterPoint/t4base/train/epoch_3.pth").read_bytes()
    paths = {resolve(text, where) for text in forms(published, s3).values()}
    paths.add(resolve("zoo://CenterPoint/t4base/v1.0.0/epoch_3.pth", where))
    (path,) = paths
    assert path.name == "epoch_3.pth" and path.read_bytes() == expected and path.is_relative_to(cache())
    assert sum(url.endswith("epoch_3.pth") for url in asked) == 1
    path.write_bytes(expected[:-1])
    assert resolve(NAME, where).read_bytes() == expected


def test_resolve_finds_the_zoo_of_the_repository_around_it(
    published: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(published.root / "models")
    assert resolve(NAME).name == "epoch_3.pth"


class Files(SimpleHTTPRequestHandler):
    """A plain web server over a folder that answers with an entity tag made of the content."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        same = self.headers.get("If-None-Match") == etag
        self.send_response(304 if same else 200)
        self.send_header("ETag", etag)
        if not same:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not same:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_two_urls_that_end_in_the_same_name_are_two_files(alone: Path, tmp_path: Path) -> None:
    for version, content in {"v1.0": b"first", "v1.1": b"second", "v1.1.0": b"third"}.items():
        (tmp_path / "web" / version).mkdir(parents=True)
        (tmp_path / "web" / version / "epoch_50.pth").write_bytes(content)
    with serving(lambda *arguments: Files(*arguments, directory=str(tmp_path / "web"))) as base:
        brought: list[str] = []

        def begin(name: str, size: int | None) -> AbstractContextManager[Callable[[int], None]]:
            brought.append(name)
            return silently(name, size)

        first, second, third = (resolve(f"{base}/{v}/epoch_50.pth", Where(), begin) for v in ("v1.0", "v1.1", "v1.1.0"))
        assert (first.read_bytes(), second.read_bytes(), third.read_bytes()) == (b"first", b"second", b"third")
        assert resolve(f"{base}/v1.0/epoch_50.pth", Where(), begin) == first and brought == ["epoch_50.pth"] * 3
        (tmp_path / "web/v1.0/epoch_50.pth").write_bytes(b"changed")
        assert resolve(f"{base}/v1.0/epoch_50.pth", Where()).read_bytes() == b"changed"
        assert first.read_bytes() == b"first"
        with pytest.raises(FetchError, match="there is no such file"):
            resolve(f"{base}/v1.0/other.pth", Where())


def test_a_plain_s3_url_is_resolved_by_its_entity_tag(s3: Server, prefix: str, client: Any) -> None:
    url = f"s3://{s3.bucket}/{prefix}/weights.pth"
    for content in (b"one", b"two"):
        client.put_object(Bucket=s3.bucket, Key=f"{prefix}/weights.pth", Body=content)
        assert resolve(url, Where()).read_bytes() == content
        assert resolve(url, Where()).read_bytes() == content


def test_a_transfer_that_breaks_is_tried_again(alone: Path) -> None:
    content = os.urandom(300_000)
    cuts = [1000, 200_000]

    class Breaking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: cuts.pop(0)] if cuts else content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Breaking) as base:
        assert resolve(f"{base}/epoch_1.pth", Where()).read_bytes() == content
    assert cuts == []
