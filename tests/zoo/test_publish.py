"""Publishing: whole or invisible, whoever is killed and whoever else publishes at the same moment."""

from __future__ import annotations

import hashlib
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.address import Credentials, parse_address
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.reading.catalogue import NotReleasedError, names
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.publish import Outcome, PublishError, publish
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.s3 import Description, MissingSourceError, S3Folder
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.version import parse_name
from tests.zoo.repository import FILES, FOLDER, NAME, Repository
from tests.zoo.serving import serving


@pytest.fixture
def plan(repository: Repository) -> Plan:
    return Releasing.here(repository.root, NAME).plan()


def as_version(plan: Plan, name: str, subject: str = "Train t4base") -> Plan:
    """The same files as another version, or with another manifest."""
    source = plan.manifest.source.model_copy(update={"subject": subject})
    manifest = plan.manifest.model_copy(update={"name": name, "source": source})
    folder = plan.folder.replace(str(plan.name.version), str(parse_name(name).version))
    # Tagged: what several publishers do to one git repository is not what these tests look at.
    return replace(
        plan, name=parse_name(name), folder=folder, manifest=manifest, content=manifest.to_bytes(), is_tagged=True
    )


def run(plan: Plan, repository: Repository) -> Outcome:
    return publish(plan, S3Folder(parse_address(f"{repository.url}/dvc")), S3Folder(parse_address(repository.zoo)))


def find(repository: Repository, name: str = NAME) -> Located:
    return locate(name, Where(repository.zoo))


def test_a_publisher_killed_at_any_moment_leaves_nothing_visible_and_a_rerun_finishes(
    repository: Repository, plan: Plan, tmp_path: Path
) -> None:
    (tmp_path / "plan").write_bytes(pickle.dumps(replace(plan, is_tagged=True)))
    script = Path(__file__).with_name("publisher.py")
    command = [sys.executable, str(script), str(tmp_path / "plan"), f"{repository.url}/dvc", repository.zoo]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *killed, last = [line.split()[1:] for line in done.stdout.splitlines()]
    assert len(killed) >= FILES + 3
    assert all(code == str(-signal.SIGKILL) for code, _ in killed)
    visible = [seen for _, seen in killed]
    assert visible == sorted(visible) and visible.count("True") < 3  # once it is there it stays; only the index is left
    assert last == ["0", "True"]
    assert verify_zoo(find(repository)).findings == ()
    assert find(repository).released.digest == plan.digest


def test_of_two_different_publishers_at_once_exactly_one_wins_and_the_other_is_told(
    repository: Repository, plan: Plan
) -> None:
    for number in range(4):
        name = f"CenterPoint/t4base@v1.0.{number}"
        rivals = [as_version(plan, name, subject) for subject in ("mine", "yours")]
        barrier = threading.Barrier(2)

        def act(rival: Plan, barrier: threading.Barrier = barrier) -> PublishError | None:
            barrier.wait()
            try:
                run(rival, repository)
            except PublishError as told:
                return told
            return None

        with ThreadPoolExecutor(2) as pool:
            errors = list(pool.map(act, rivals))
        assert [error is None for error in errors].count(True) == 1, errors
        loser = next(error for error in errors if error)
        assert all(rival.digest in str(loser) for rival in rivals)
        winner = find(repository, name)
        assert winner.released.digest == rivals[errors.index(None)].digest
        assert verify_zoo(winner).findings == ()


def test_two_publishers_of_the_same_bytes_at_once_both_succeed(repository: Repository, plan: Plan) -> None:
    twin = replace(plan, is_tagged=True)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: run(one, repository), [twin, twin]))
    assert verify_zoo(find(repository)).findings == ()


def test_a_claim_without_a_manifest_is_invisible(repository: Repository, plan: Plan, client: Any) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    for path in (".claim", "epoch_3.pth"):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{plan.folder}/{path}", Body=b"half")
    zoo = Where(repository.zoo).open_zoo()
    assert names(zoo, load_layout(None)) == []
    with pytest.raises(NotReleasedError, match=NAME):
        find(repository)
    with pytest.raises(PublishError, match=plan.digest):
        run(plan, repository)


def test_files_that_lie_in_a_version_before_it_is_released_are_refused(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    for number, (path, words) in enumerate({"epoch_3.pth": "holds other bytes", "readme.txt": "no file of"}.items()):
        other = as_version(plan, f"CenterPoint/t4base@v2.0.{number}")
        client.put_object(Bucket=bucket, Key=f"{prefix}/{other.folder}/{path}", Body=b"by hand")
        with pytest.raises(PublishError, match=words):
            run(other, repository)
        with pytest.raises(NotReleasedError):
            find(repository, str(other.name))


def test_a_source_that_vanished_after_it_was_checked_stops_the_publisher(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    client.delete_object(Bucket=bucket, Key=f"{prefix}/dvc/{plan.copies[0].source}")
    with pytest.raises(PublishError, match="is gone"):
        run(plan, repository)
    with pytest.raises(NotReleasedError):
        find(repository)


def test_a_source_that_changed_after_it_was_checked_is_not_copied(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/dvc/{plan.copies[0].source}", Body=b"other")
    with pytest.raises(PublishError, match="is gone"):
        run(plan, repository)


def test_no_byte_of_a_file_leaves_this_machine_again(repository: Repository, plan: Plan) -> None:
    sent: list[int] = []

    def weigh(request: Any, **_: Any) -> None:
        body = request.body or b""
        sent.append(len(body) if isinstance(body, bytes) else len(body.getvalue()))

    folders = [S3Folder(parse_address(f"{repository.url}/{name}")) for name in ("dvc", "autoware-ml")]
    for folder in folders:
        folder._client.meta.events.register("before-send.s3", weigh)
    publish(plan, *folders)
    assert len(plan.content) < sum(sent) < len(plan.content) + 1000


def test_a_large_file_is_copied_in_parts_with_its_description(s3: Server, prefix: str, client: Any) -> None:
    content = bytes(range(256)) * 4 * 11 * 1024  # 11 MiB, as three parts
    etag = client.put_object(Bucket=s3.bucket, Key=f"{prefix}/big", Body=content)["ETag"].strip('"')
    folder = S3Folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    folder.copy_limit = folder.part = 5 * 1024**2
    sha256 = hashlib.sha256(content).hexdigest()
    copied = folder.copy(folder, "big", etag, "copy", len(content), Description("text/plain", sha256))
    found = client.get_object(Bucket=s3.bucket, Key=f"{prefix}/copy")
    assert hashlib.sha256(found["Body"].read()).hexdigest() == sha256
    assert found["Metadata"] == {"sha256": sha256} and found["ContentType"] == "text/plain"
    assert copied == found["ETag"].strip('"') and copied.endswith("-3")
    with pytest.raises(MissingSourceError):
        folder.copy(folder, "big", "0" * 32, "other", len(content), Description("text/plain", sha256))
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3.bucket, Prefix=prefix)


class Forgetful(BaseHTTPRequestHandler):
    """A server that takes every PUT and overlooks If-None-Match, as several S3 imitations do."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"00"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_that_ignores_conditions_is_found_and_refused(repository: Repository, plan: Plan) -> None:
    with serving(Forgetful) as endpoint:
        zoo = S3Folder(parse_address("s3://bucket/autoware-ml", Credentials(endpoint=endpoint)))
        with pytest.raises(PublishError, match="ignores If-None-Match"):
            publish(plan, zoo, zoo)
    assert repository.git("tag", "--list") == ""
    assert FOLDER in plan.folder
