"""How a comparison of two versions looks, on a screen and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from t4zoo.plain import plain
from t4zoo.zoo.manifest import ManifestFile
from t4zoo.zoo.reading.columns import aligned, human
from t4zoo.zoo.reading.compare import Change, Comparison, Figure, SceneChanges
from t4zoo.zoo.reading.reindex import kind_of

_LEADING = ("mAP", "AP")  # what a person looks at first; the rest with --all
_BETWEEN = ("bands", "classes")  # words of metrics.json that only hold it together
_LONGEST = 80  # characters of one value


def view(found: Comparison, config: Sequence[str], everything: bool = False) -> Iterator[str]:
    """`t4zoo compare`: harmless lines. config: the difference of the two configs. everything: figures of all kinds."""
    yield from aligned(("", "a", "b"), _facts(found))
    for title, lines in (
        ("figures", _figures(found.figures, everything)),
        ("scenes", _scenes(found.scenes)),
        ("what was waived", _changes(found.waivers, ": ")),
        ("what the node reads", _changes(found.parameters, ": ")),
        ("how it was labelled", _changes(found.labelling, ": ")),
        ("config", [plain(line, keep="\t") for line in config] or _config(found)),
        ("files", _files(found)),
        ("packages", _changes(found.packages, ".")),
    ):
        if lines:
            yield from ("", title, *(f"  {line}" for line in lines))


def record(found: Comparison, config: Sequence[str]) -> dict[str, Any]:
    """`t4zoo compare --json`."""
    return {
        "a": found.a.name,
        "b": found.b.name,
        "figures": [{**asdict(one), "difference": one.difference} for one in found.figures],
        "scenes": [asdict(one) for one in found.scenes],
        "waivers": [asdict(one) for one in found.waivers],
        "ros_parameters": [asdict(one) for one in found.parameters],
        "labelling": [asdict(one) for one in found.labelling],
        "config": None if found.same_config is None else {"same": found.same_config, "diff": list(config)},
        "files": [{"path": one.path, "a": _file(one.a), "b": _file(one.b)} for one in found.files],
        "same_files": found.same_files,
        "packages": [asdict(one) for one in found.packages],
    }


def _facts(found: Comparison) -> list[tuple[str, str, str]]:
    sides = (found.a, found.b)
    rows = {
        "version": [one.name for one in sides],
        "kind": [kind_of(one) or "-" for one in sides],
        "product": [one.product or "-" for one in sides],
        "parent": [(one.parent.name or one.parent.file) if one.parent else "-" for one in sides],
    }
    return [(name, plain(a), plain(b)) for name, (a, b) in rows.items()]


def _figures(figures: Sequence[Figure], everything: bool) -> list[str]:
    leading = [one for one in figures if one.key[-1] in _LEADING or one.key[0] in _LEADING]
    shown = figures if everything or not leading else leading
    if not shown:
        return []
    cells = [(_name(one.key), *map(_number, (one.a, one.b)), _signed(one.difference)) for one in shown]
    return list(aligned(("", "a", "b", "b - a"), cells, right=(1, 2, 3)))


def _name(key: Sequence[str]) -> str:
    return plain(" ".join(part for part in key if part not in _BETWEEN))


def _scenes(scenes: Sequence[SceneChanges]) -> list[str]:
    lines = []
    for one in scenes:
        counts = f"{len(one.added)} added, {len(one.removed)} removed, {len(one.annotated)} annotated anew"
        lines.append(f"{plain(one.split)}: {one.same} the same, {counts}")
        lines += [f"  + {plain(scene)}" for scene in one.added]
        lines += [f"  - {plain(scene)}" for scene in one.removed]
        lines += [f"  ~ {plain(f'{scene}: revision {a} -> {b}')}" for scene, a, b in one.annotated]
    return lines


def _changes(changes: Sequence[Change], joint: str) -> list[str]:
    return [f"{plain(_path(one.key, joint))}: {_value(one.a)} -> {_value(one.b)}" for one in changes]


def _path(key: Sequence[str], joint: str) -> str:
    return joint.join([key[0], ".".join(key[1:])]) if len(key) > 1 else ".".join(key)


def _config(found: Comparison) -> list[str]:
    if found.same_config is None:
        return []
    return ["the same"] if found.same_config else ["only one of both names a config"]


def _files(found: Comparison) -> list[str]:
    lines = [f"{found.same_files} the same"] if found.same_files else []
    for one in found.files:
        mark = "+" if one.a is None else "-" if one.b is None else "~"
        sizes = [human(side.size) for side in (one.a, one.b) if side]
        lines.append(f"{mark} {plain(one.path)} ({' -> '.join(sizes)})")
    return lines


def _file(file: ManifestFile | None) -> dict[str, Any] | None:
    return file.model_dump(mode="json", exclude={"path", "md5"}) if file else None


def _value(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _signed(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:+d}" if isinstance(value, int) else f"{value:+.4f}"
