"""REC: does every row have its fields, each of the right kind?"""

from __future__ import annotations

from collections.abc import Iterator

from t4zoo.t4.check.raw import Habit, RawScene, Row
from t4zoo.t4.check.rule import Fault, Rule, named, shown
from t4zoo.t4.check.schema import OPTIONAL_TABLES, SCHEMA

NO_OBJECT = Rule("REC001", "error", "a row is no object", "write every row as a JSON object with a token")
MISSING = Rule("REC002", "error", "a row lacks a field", "write the field; facts of the format are in t4-devkit's docs")
LACKING = Rule(
    "REC003", "warning", "a table lacks a field that T4 has, though nothing here reads it", "write the field"
)
WRONG = Rule("REC004", "error", "a value is of another type, length or name than T4 allows", "write it as T4 has it")
UNKNOWN = Rule("REC005", "warning", "a table has a field that T4 does not know", "correct its name, or leave it out")
WHOLE = Rule("REC006", "warning", "a float is written without a decimal point", "write 1.0 instead of 1")
NULL = Rule("REC007", "warning", 'null stands where T4 says ""', 'write ""')
UNSAID = Rule("REC008", "warning", "null or NaN stands within a list of numbers", "write null instead of the list")
NEGATIVE = Rule("REC009", "error", "a count is negative", "count again")

RULES = (NO_OBJECT, MISSING, LACKING, WRONG, UNKNOWN, WHOLE, NULL, UNSAID, NEGATIVE)

TOLD = 20  # of those things that a broken table could have millions of

_RULE_OF = {"wrong": WRONG, "negative": NEGATIVE}
_ONCE_A_FIELD = {"whole": WHOLE, "null": NULL, "unknown": UNSAID}  # habits of a writer: not told for every row


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of rows by themselves. What is not finite is told by the geometry."""
    for table, rows in scene.tables.items():
        wrong = [number for number, row in enumerate(rows) if not isinstance(row, dict)]
        for number in wrong[:TOLD]:
            yield Fault(NO_OBJECT, table, "", f"row {number} is {shown(rows[number])}")
        if len(wrong) > TOLD:
            yield Fault(NO_OBJECT, table, "", f"row {wrong[TOLD]} and others", len(wrong) - TOLD)
    for table, doubts in scene.doubts.items():
        for doubt in doubts:
            if doubt.verdict is None:
                yield Fault(MISSING, table, token_of(doubt.row, doubt.number), f"has no {doubt.field}")
            elif doubt.verdict in _RULE_OF:
                value = f"{doubt.field} is {shown(doubt.row[doubt.field])}"
                yield Fault(_RULE_OF[doubt.verdict], table, token_of(doubt.row, doubt.number), value)
        yield from _habits(table, scene.habits[table])
        yield from _strangers(table, scene.rows(table))
    yield from _optional(scene)


def token_of(row: Row, number: int) -> str:
    """A row's name: its token, or its number where it has none."""
    token = row.get("token")
    return named(token) if isinstance(token, str) and token else f"(row {number})"


def _habits(table: str, habits: list[Habit]) -> Iterator[Fault]:
    for habit in habits:
        token = token_of(habit.row, habit.number)
        if habit.verdict is None:
            yield Fault(LACKING, table, token, f"has no {habit.field}, in {habit.rows} rows")
        else:
            value = f"{habit.field} is {shown(habit.row[habit.field])}, in {habit.rows} rows"
            yield Fault(_ONCE_A_FIELD[habit.verdict], table, token, value)


def _strangers(table: str, rows: list[Row]) -> Iterator[Fault]:
    known = {field.name for field in SCHEMA[table]}
    counts: dict[str, int] = {}
    for row in rows:
        for name in row.keys() - known:
            counts[name] = counts.get(name, 0) + 1
    for name, count in sorted(counts.items())[:TOLD]:
        yield Fault(UNKNOWN, table, "", f"{shown(name)} in {count} rows")


def _optional(scene: RawScene) -> Iterator[Fault]:
    for table in OPTIONAL_TABLES:
        for number, row in enumerate(scene.rows(table)):
            if not (isinstance(row.get("token"), str) and row["token"]) and table != "traffic_light_instance_map":
                yield Fault(WRONG if "token" in row else MISSING, table, f"(row {number})", "has no token")
