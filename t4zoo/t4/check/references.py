"""REF: does every token lead to a row, and only to one?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from t4zoo.t4.check.raw import RawScene
from t4zoo.t4.check.records import token_of
from t4zoo.t4.check.rule import Fault, Rule, named
from t4zoo.t4.check.schema import LINKS, SCHEMA, TARGETS

TWICE = Rule("REF001", "error", "two rows of a table have one token", "give every row its own token")
DANGLING = Rule("REF002", "error", "a token leads to no row", "write the row, or take out what refers to it")
EMPTY = Rule("REF003", "error", "a row does not say what it belongs to", "write the token")
UNSEEN = Rule("REF004", "warning", "an annotation does not say its visibility", "refer to the level `unavailable`")
UNMAPPED = Rule("REF005", "warning", "a log is in no map", "name it in log_tokens of a map; nuscenes-devkit needs it")
CHANNEL = Rule("REF006", "error", "two sensors have one channel", "give every sensor its own channel")

RULES = (TWICE, DANGLING, EMPTY, UNSEEN, UNMAPPED, CHANNEL)

# A reference that may be "": the ends of the boxes of an object that has none, seen in images only.
_MAY_BE_EMPTY = {"first_annotation_token", "last_annotation_token", *LINKS}


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of tokens. What refers to a table that could not be read is left alone."""
    for table in scene.tokens:
        yield from _twice(scene, table)
        yield from _references(scene, table)
    yield from _unmapped(scene)
    channels = Counter(row["channel"] for row in scene.sound("sensor", "channel"))
    for channel, count in channels.items():
        if count > 1:
            yield Fault(CHANNEL, "sensor", "", f"{named(channel)} in {count} rows")


def _twice(scene: RawScene, table: str) -> Iterator[Fault]:
    rows = scene.rows(table)
    if len(scene.tokens[table]) == len(rows):
        return
    counts = Counter(row["token"] for row in rows if isinstance(row.get("token"), str))
    for token, count in counts.items():
        if count > 1 and token:
            yield Fault(TWICE, table, named(token), f"in {count} rows")


def _references(scene: RawScene, table: str) -> Iterator[Fault]:
    for number, row in enumerate(scene.rows(table)):
        for field, value in row.items():
            target = table if field in LINKS else TARGETS.get(field)
            if target is None or target not in scene.tokens:
                continue
            known = scene.tokens[target]
            for token in _tokens(field, value):
                if token not in known:
                    if token:
                        yield Fault(
                            DANGLING, table, token_of(row, number), f"{field} {named(token)} is not in {target}"
                        )
                    elif table in SCHEMA and field not in _MAY_BE_EMPTY:
                        rule = UNSEEN if field == "visibility_token" else EMPTY
                        yield Fault(rule, table, token_of(row, number), f'{field} is ""')


def _tokens(field: str, value: Any) -> list[str]:
    """The tokens that a field holds; a value of another type is a fault of the record."""
    if field.endswith("tokens"):
        return [token for token in value if isinstance(token, str) and token] if isinstance(value, list) else []
    return [value or ""] if value is None or isinstance(value, str) else []


def _unmapped(scene: RawScene) -> Iterator[Fault]:
    if "map" not in scene.tables:
        return
    mapped = {token for row in scene.sound("map", "log_tokens") for token in row["log_tokens"]}
    for row in scene.sound("log"):
        if row["token"] not in mapped:
            yield Fault(UNMAPPED, "log", named(row["token"]), "not in log_tokens of any map")
