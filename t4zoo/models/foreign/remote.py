"""A configuration file behind a URL, with the files that it inherits: brought here, but run only if it is trusted."""

from __future__ import annotations

import ast
import hashlib
import posixpath
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from t4zoo.errors import T4zooError, UsageError

MOST = 64  # files; a configuration of MMLab inherits about five


class UntrustedError(T4zooError):
    """A program of somebody else's, which nobody here has said to run."""


def bring(url: str, fetch: Callable[[str], Path], folder: Path, trust: bool, sha256: str | None) -> Path:
    """The configuration at `url` as a file below `folder`, the files that it inherits at the same distance from it.

    sha256: of the file and of all that it inherits, one after the other in the order of `_base_`, each once; of a file
    that inherits nothing it is its own. Runs nothing. Raises UntrustedError unless `trust`, or for another sha256.
    """
    files: dict[str, bytes] = {}
    _gather(url, fetch, files)
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    shown = _without_query(url)
    if sha256 is not None and sha256 != digest:
        raise UntrustedError(f"{shown}: foreign.sha256 is {sha256}, but {_these(len(files))} sha256 {digest}")
    if not trust:
        raise UntrustedError(
            f"{shown}: a configuration is a program, and this one is not of this machine; read it ({fetch(url)}), then "
            f"say foreign.trust=true foreign.sha256={digest}" + (f" ({_these(len(files))} that)" if files else "")
        )
    for address, content in files.items():
        path = folder / _place(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / _place(shown)


def _these(count: int) -> str:
    return "its file has" if count == 1 else f"its file and the {count - 1} that it inherits together have"


def _gather(url: str, fetch: Callable[[str], Path], files: dict[str, bytes]) -> None:
    address = _without_query(url)
    if address in files:
        return
    if len(files) == MOST:
        raise UsageError(f"{address}: with it, more than {MOST} files are inherited; bring them here and give a path")
    files[address] = fetch(url).read_bytes()
    for base in _bases(address, files[address]):
        _gather(_beside(address, base), fetch, files)


def _bases(address: str, content: bytes) -> list[str]:
    """What `_base_` names, but for the files of installed packages (`mmdet::...`)."""
    try:
        body = ast.parse(content).body
        values = [node.value for node in body if isinstance(node, ast.Assign) and _is_base(node.targets)]
        named = [ast.literal_eval(value) for value in values]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{address}: is no configuration that can be read: {error}") from None
    flat = [name for value in named for name in ([value] if isinstance(value, str) else value)]
    return [name for name in flat if "::" not in name]


def _is_base(targets: list[ast.expr]) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "_base_" for target in targets)


def _beside(address: str, base: str) -> str:
    scheme, _, rest = address.partition("://")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(rest), base))
    host = rest.partition("/")[0]
    if base.startswith("/") or not path.startswith(f"{host}/"):
        raise UsageError(f"{address}: inherits {base}, which is not below {scheme}://{host}/")
    return f"{scheme}://{path}"


def _without_query(url: str) -> str:
    return url.partition("?")[0]  # which may be a permission


def _place(address: str) -> Path:
    """Where the file is put: by its path, so that `../` in it means the same."""
    parts = urlsplit(address)
    inside = [part for part in unquote(parts.path).split("/") if part]
    if ".." in inside:
        raise UsageError(f"{address}: its path climbs")
    return Path(parts.netloc.replace(":", "_"), *inside)
