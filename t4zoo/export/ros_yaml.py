"""ROS 2 parameter files, read and written with ROS 2's own strict types: `10.0` is a double and `10` never is."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from t4zoo.errors import T4zooError, in_one_line

EVERY_NODE = "/**"  # under which the parameters of a file stand
LINE_OF_A_LIST = 8  # a longer list is broken into rows of this many, so that an 8x8 matrix looks like one

# How rcl_yaml_param_parser (get_value in parse.c) types a plain scalar. Anything else, and all that is quoted, is a
# string.
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|\d+)")
_DOUBLE = re.compile(r"[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|(?i:inf|infinity|nan))")  # what strtod takes
_NOT_FINITE = {".nan": math.nan, ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf}
_PLAIN_STRING = re.compile(r"[A-Za-z][\w./-]*")


class RosYamlError(T4zooError):
    """A parameter file that is no YAML, or a value that ROS 2 has no type for."""


def load(path: Path) -> dict[str, Any]:
    """The parameters of a file as bool, int, float, str, lists of one of these, and dicts, typed as ROS 2 types them.

    Raises RosYamlError when the file is missing, is no YAML mapping, or a value is empty.
    """
    try:
        text = path.read_text(encoding="utf-8")
        aliases = [event for event in yaml.parse(text, Loader=yaml.SafeLoader) if isinstance(event, yaml.AliasEvent)]
        node = None if aliases else yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise RosYamlError(f"{path}: no such file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RosYamlError(f"{path}: not YAML: {in_one_line(error)}") from error
    if aliases:  # a few of them can stand for billions of values
        raise RosYamlError(f"{path}: uses YAML's aliases (*{aliases[0].anchor}), which ROS 2 does not take either")
    try:
        value = _value(node, ())
    except (ValueError, RecursionError) as error:
        raise RosYamlError(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise RosYamlError(f"{path}: a parameter file is a mapping that begins with `/**:`")
    return value


def dump(parameters: dict[str, Any], header: str) -> str:
    """`parameters` in the form of `load`, as the text of a file that opens with `header` as its comment.

    Raises RosYamlError for a value without a ROS 2 type: None, NaN, control characters, an empty or a mixed list.
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    return comment + "".join(f"{line}\n" for line in _lines(parameters, 0, ()))


class _UntypedError(ValueError):
    """Says which key and line hold a value that has no ROS 2 type."""


def _value(node: yaml.Node | None, key: tuple[str, ...]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, key) for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, key)
    raise _UntypedError("the file is empty")


def _mapping(node: yaml.MappingNode, key: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, item in node.value:
        if not isinstance(name, yaml.ScalarNode) or name.value in values:
            raise _UntypedError(f"{_place(key, name)} is written twice or is no name; keep one")
        values[name.value] = _value(item, (*key, name.value))
    return values


def _scalar(node: yaml.ScalarNode, key: tuple[str, ...]) -> Any:
    if node.style in ("'", '"', "|", ">"):
        return node.value
    if node.value in ("", "~", "null", "Null", "NULL"):
        raise _UntypedError(f"{_place(key, node)} has no value; give one or remove the key")
    return _plain(node.value)


def _plain(text: str) -> bool | int | float | str:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 16 if "x" in text.lower() else 10)
    if _DOUBLE.fullmatch(text):
        return float(text)
    return _NOT_FINITE.get(text.lower(), text)


def _place(key: tuple[str, ...], node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}, {'.'.join(key) or node.value}"


def _lines(parameters: dict[str, Any], depth: int, key: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    for name, value in parameters.items():
        path, start = (*key, name), f"{indent}{_string(name)}:"
        if isinstance(value, dict):
            lines += [start, *_lines(value, depth + 1, path)]
        elif isinstance(value, list):
            lines += [start + _list(value, indent, path)]
        else:
            lines += [f"{start} {_text(value, path, quote=False)}"]
    return lines


def _list(values: list[Any], indent: str, key: tuple[str, ...]) -> str:
    if not values or len({type(value) for value in values}) > 1:
        raise RosYamlError(f"{'.'.join(key)} = {values}: a ROS 2 array has at least one value, all of one type")
    texts = [_text(value, key, quote=True) for value in values]
    if len(texts) <= LINE_OF_A_LIST:
        return f" [{', '.join(texts)}]"
    width = max(map(len, texts))
    rows = [texts[i : i + LINE_OF_A_LIST] for i in range(0, len(texts), LINE_OF_A_LIST)]
    body = f",\n{indent}   ".join(", ".join(text.rjust(width) for text in row) for row in rows)
    return f"\n{indent}  [{body}]"


def _text(value: Any, key: tuple[str, ...], *, quote: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return _double(value)
    if isinstance(value, str) and value.isprintable():
        return json.dumps(value, ensure_ascii=False) if quote else _string(value)
    raise RosYamlError(
        f"{'.'.join(key)} = {value!r}: ROS 2 parameters are booleans, integers, doubles and lines of text"
    )


def _string(value: str) -> str:
    """Without quotes where no reader could take it for anything but a string."""
    safe = value == EVERY_NODE or (_PLAIN_STRING.fullmatch(value) and value.lower() != "null")
    return value if safe and isinstance(_plain(value), str) else json.dumps(value, ensure_ascii=False)


def _double(value: float) -> str:
    """The shortest text that reads back as the same double, and as a double: never without its decimal point."""
    mantissa, exponent, power = repr(value).partition("e")
    return mantissa + ("" if "." in mantissa else ".0") + exponent + power
