"""Who may do what in S3: the least rights of each role, as policies in Amazon's language for one store and one zoo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.zoo.address import FOLDERS, STORE, ZOO, Address, find_repository, find_store, parse_address, zoo_of

USERS = ("reader", "trainer", "publisher")  # of an account; the same person may be more than one
Policy = dict[str, Any]
_SHIPPED = Path(__file__).with_name("policies")
_SPECIAL = "*?$"  # a policy would take them as a pattern or variable, and give more than was meant


class PolicyError(UsageError):
    """A policy that is not shipped, or an address that none can be made for."""


def names() -> list[str]:
    """The shipped policies: the users', their stricter variants, and `public` for the bucket itself."""
    return sorted(path.stem for path in _SHIPPED.glob("*.json"))


def below(url: str) -> tuple[Address, Address]:
    """The store and the zoo of a team's URL, `s3://bucket/prefix`, as `t4zoo init` lays them out."""
    base = parse_address(url)
    store, zoo = (parse_address(f"{base.url}/{FOLDERS[remote]}") for remote in (STORE, ZOO))
    return store, zoo


def here(folder: Path) -> tuple[Address, Address]:
    """The store and the zoo of the repository around `folder`; raises AddressError where it names none."""
    repository = find_repository(folder) or folder
    return find_store(repository), zoo_of(repository)


def of_users(folder: Path, bucket: str) -> dict[str, Policy]:
    """The users' policies, where the repository around `folder` has its store and zoo in `bucket`; none elsewhere."""
    try:
        store, zoo = here(folder)
    except UsageError:
        return {}
    return {name: render(name, store, zoo) for name in USERS} if {store.bucket, zoo.bucket} == {bucket} else {}


def render(name: str, store: Address, zoo: Address) -> Policy:
    """The shipped policy with the two folders put in. Raises PolicyError for an unknown name or an unfit address."""
    if name not in names():
        raise PolicyError(f"{name!r} is no policy; there are {', '.join(names())}")
    values = {key: value for word, folder in ((STORE, store), (ZOO, zoo)) for key, value in _places(word, folder)}
    filled: Policy = _fill(json.loads((_SHIPPED / f"{name}.json").read_text(encoding="utf-8")), values)
    return filled


def _places(word: str, folder: Address) -> list[tuple[str, str]]:
    if folder.bucket is None or not folder.prefix:
        raise PolicyError(f"{folder.url}: a policy needs a folder in S3, as in s3://bucket/prefix")
    if any(character in folder.url for character in _SPECIAL):
        raise PolicyError(f"{folder.url}: has one of {' '.join(_SPECIAL)}, which a policy would not take literally")
    return [
        (f"<{word}>", f"{folder.bucket}/{folder.prefix}"),
        (f"<{word} bucket>", folder.bucket),
        (f"<{word} prefix>", folder.prefix),
    ]


def _fill(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, values) for item in value]
    for place, text in values.items():
        value = value.replace(place, text)
    return value
