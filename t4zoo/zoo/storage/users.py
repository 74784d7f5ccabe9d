"""Who may sign in to the embedded server: its owner, and users with no rights but a policy's. One file, for its owner.

Policies are written in Amazon's language, which this server evaluates: what is tried here is what Amazon enforces.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.whole import write_whole

OWNER = "owner"  # may do everything; the first in the file
Policy = Mapping[str, Any]


class UsersError(T4zooError):
    """A file of users that cannot be read."""


@dataclass(frozen=True, repr=False)
class Key:
    """What a user signs requests with."""

    id: str
    secret: str


def keys(path: Path) -> dict[str, Key]:
    """The users by name; the owner is made if there is no file yet. Raises UsersError."""
    if not path.exists():
        offer(path, {})
    return {user["name"]: Key(*_credential(user)) for user in _read(path)["identities"]}


def offer(path: Path, policies: Mapping[str, Policy]) -> None:
    """Let users of these names sign in, each with the rights of its policy. Who is known keeps the key."""
    data = _read(path) if path.exists() else {"identities": [_user(OWNER, actions=list(_EVERYTHING))]}
    known = {user["name"] for user in data["identities"]}
    data["identities"] += [_user(name, policyNames=[name]) for name in policies if name not in known]
    texts = {policy["name"]: policy["content"] for policy in data.get("policies", [])}
    texts |= {name: json.dumps(policy) for name, policy in policies.items()}
    data["policies"] = [{"name": name, "content": text} for name, text in texts.items()]
    write_whole(path, json.dumps(data), mode=0o600)


def open_zoo(bucket: str) -> Policy:
    """The bucket's policy: anyone reads and lists what lies below an `autoware-ml/` folder, and nothing else."""
    everyone = {"Effect": "Allow", "Principal": "*"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadTheZoo",
                **everyone,
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/{folder}autoware-ml/*" for folder in ("", "*/")],
            },
            {
                "Sid": "ListTheZoo",
                **everyone,
                "Action": ["s3:ListBucket"],
                "Resource": [f"arn:aws:s3:::{bucket}"],
                "Condition": {"StringLike": {"s3:prefix": ["autoware-ml/*", "*/autoware-ml/*"]}},
            },
        ],
    }


_EVERYTHING = ("Admin", "Read", "List", "Tagging", "Write")


def _user(name: str, **rights: list[str]) -> dict[str, Any]:
    key = {"accessKey": secrets.token_hex(10).upper(), "secretKey": secrets.token_urlsafe(30)}
    return {"name": name, "credentials": [key], **rights}


def _read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for user in data["identities"]:
            _credential(user)
    except (ValueError, KeyError, TypeError, IndexError):
        raise UsersError(f"{path}: not the users of this server; remove it, and new ones are made") from None
    return data


def _credential(user: dict[str, Any]) -> tuple[str, str]:
    first = user["credentials"][0]
    return first["accessKey"], first["secretKey"]
