"""What `t4zoo` sends is what the write-once policy lets Amazon accept, and nothing that would replace a version.

The embedded server does not know the policy's conditions, so real requests are held against it here, as Amazon's manual
says that it decides: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.httpsession import URLLib3Session

from t4zoo.cli.main import app
from t4zoo.zoo.policy import below, render
from tests.zoo.repository import NAME, Repository

CONDITIONS = {"If-None-Match": "s3:if-none-match", "If-Match": "s3:if-match"}


def allows(policy: dict[str, Any], action: str, arn: str, context: dict[str, str]) -> bool:
    """Amazon's decision: a denial wins, else one statement has to allow it, and all its conditions have to hold."""

    def holds(statement: dict[str, Any]) -> bool:
        null = statement.get("Condition", {}).get("Null", {})
        bools = statement.get("Condition", {}).get("Bool", {})
        return (
            action in listed(statement["Action"])
            and any(fnmatchcase(arn, pattern) for pattern in listed(statement["Resource"]))
            and all((key in context) == (wanted == "false") for key, wanted in null.items())
            and all(context.get(key) == wanted for key, wanted in bools.items())
        )

    effects = {statement["Effect"] for statement in policy["Statement"] if holds(statement)}
    return effects == {"Allow"}


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def writes(requests: list[Any]) -> list[tuple[str, str, dict[str, str]]]:
    """Action, key and context of each request that writes."""
    found = []
    for request in requests:
        parts = urlsplit(request.url)
        query = parse_qs(parts.query, keep_blank_values=True)
        arn = f"arn:aws:s3:::{unquote(parts.path[1:])}"
        creates = not ("uploads" in query or "partNumber" in query)
        context = {key: "present" for header, key in CONDITIONS.items() if header in request.headers}
        context["s3:ObjectCreationOperation"] = str(creates).lower()
        if request.method in ("PUT", "POST"):
            found.append(("s3:PutObject", arn, context))
        elif request.method == "DELETE":
            found.append(("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", arn, context))
    return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request that boto3 puts on the wire, as it is sent."""
    requests: list[Any] = []
    send = URLLib3Session.send

    def listen(session: Any, request: Any) -> Any:
        requests.append(request)
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", listen)
    return requests


def test_every_write_of_a_release_and_of_a_notice_is_allowed_and_could_replace_nothing(
    repository: Repository, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = render("publisher-write-once", *below(repository.url))
    monkeypatch.chdir(repository.root)
    for command in (["release", NAME], ["deprecate", NAME, "--reason", "try"], ["yank", NAME, "--reason", "more"]):
        app(command, standalone_mode=False)
    done = writes(sent)
    names = {arn.rpartition("/")[2] for _, arn, _ in done}
    assert {"epoch_3.pth", "manifest.json", ".claim", "index.json", "notice.json"} <= names
    assert any("s3:if-match" in context for _, _, context in done)  # of the index and the notice
    for action, arn, context in done:
        assert allows(policy, action, arn, context), (action, arn, context)
        careless = {key: value for key, value in context.items() if key not in CONDITIONS.values()}
        assert not allows(policy, action, arn, careless), (action, arn)
        if not arn.endswith(("/index.json", "/notice.json")):
            assert not allows(policy, action, arn, careless | {"s3:if-match": "present"}), (action, arn)


def test_parts_of_a_copy_are_allowed_and_its_completion_only_where_nothing_is() -> None:
    policy, key = render("publisher-write-once", *below("s3://b/x")), "arn:aws:s3:::b/x/autoware-ml/models/big"
    part, whole = {"s3:ObjectCreationOperation": "false"}, {"s3:ObjectCreationOperation": "true"}
    assert allows(policy, "s3:PutObject", key, part) and not allows(policy, "s3:PutObject", key, whole)
    assert allows(policy, "s3:PutObject", key, whole | {"s3:if-none-match": "present"})
    assert not allows(policy, "s3:PutObject", "arn:aws:s3:::b/x/dvc/files/md5/aa/bb", part)
    assert not allows(policy, "s3:DeleteObject", key, whole)
