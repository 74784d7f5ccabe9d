"""AUT: do annotations of models say which model, and how sure it was?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from t4zoo.t4.check.raw import RawScene, Row
from t4zoo.t4.check.records import token_of
from t4zoo.t4.check.rule import Fault, Rule, shown

UNSIGNED = Rule(
    "AUT001", "error", "automatic_annotation is true, and no model is named", "name the models in autolabel_metadata"
)
UNFLAGGED = Rule(
    "AUT002", "error", "models are named, and automatic_annotation is not true", "set it, or take the models out"
)
NO_LIST = Rule("AUT003", "error", "autolabel_metadata is no list of models", 'write [{"name": ..., "score": ...}]')
NAMELESS = Rule("AUT004", "error", "a model has no name", "name the model and its version")
SCORE = Rule("AUT005", "error", "a score or uncertainty is no number from 0 to 1", "write the model's own score")
WHOLE = Rule(
    "AUT006",
    "error",
    "a score or uncertainty is written without a decimal point",
    "write 1.0 instead of 1; t4-devkit refuses it",
)

RULES = (UNSIGNED, UNFLAGGED, NO_LIST, NAMELESS, SCORE, WHOLE)


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of what is said about models."""
    for table in ("sample_annotation", "object_ann", "surface_ann", "sample_data"):
        for number, row in enumerate(scene.rows(table)):
            told = row.get("autolabel_metadata")
            if told is None and not row.get("automatic_annotation"):
                continue
            yield from _row(table, row, number, told)


def _row(table: str, row: Row, number: int, told: Any) -> Iterator[Fault]:
    token, flagged = token_of(row, number), row.get("automatic_annotation") is True
    if flagged and told in (None, [], {}):
        yield Fault(UNSIGNED, table, token, f"autolabel_metadata is {shown(told)}")
        return
    if told is None:
        return
    if not flagged and table != "sample_data":  # which has no flag, and may name models of its own
        yield Fault(UNFLAGGED, table, token, f"autolabel_metadata is {shown(told)}")
    if not isinstance(told, list) or not all(isinstance(model, dict) for model in told):
        yield Fault(NO_LIST, table, token, shown(told))
        return
    for model in told:
        yield from _model(table, token, model)


def _model(table: str, token: str, model: Row) -> Iterator[Fault]:
    name = model.get("name")
    if not isinstance(name, str) or not name:
        yield Fault(NAMELESS, table, token, f"name is {shown(name)}")
    for field in ("score", "uncertainty"):
        value: Any = model.get(field)
        if value is None and field == "uncertainty":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            yield Fault(SCORE, table, token, f"{field} is {shown(value)}")
        elif isinstance(value, int):
            yield Fault(WHOLE, table, token, f"{field} is {value}")
