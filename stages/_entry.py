"""How every stage starts: Hydra composes `conf/<stage>.yaml`; an error of the user's is a line, not a traceback."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from t4zoo.errors import SystemRefusal, T4zooError, UsageError

# Two spinning OpenMP threads cost several times the time of one on a small machine, and one makes results repeatable.
os.environ.setdefault("OMP_NUM_THREADS", "1")

CONF = Path(__file__).resolve().parent.parent / "conf"
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a group",
}

Stage = Callable[[DictConfig], None]


def stage(name: str) -> Callable[[Stage], Callable[[], None]]:
    """Turn a function of the composed configuration into the command `python -m stages.<name>`."""

    def decorate(body: Stage) -> Callable[[], None]:
        def guarded(cfg: DictConfig) -> None:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was begun is cleared away
            logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries are of no use to a reader
            try:
                _check_kinds(name, cfg)
                body(cfg)
            except T4zooError as error:
                _stop(name, str(error), error.exit_code)
            except OmegaConfBaseException as error:
                _stop(name, f"conf/{name}.yaml: {error}", UsageError.exit_code)
            except OSError as error:
                _stop(name, str(SystemRefusal(error)), SystemRefusal.exit_code)

        guarded.__doc__ = body.__doc__
        main: Callable[[], None] = hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(guarded)
        return main

    return decorate


def _check_kinds(name: str, cfg: DictConfig) -> None:
    """Raise UsageError for an override of another kind than the value that it replaces: a text for a number."""
    choices, given = HydraConfig.get().runtime.choices, HydraConfig.get().overrides.task
    groups = [text for text in given if text.partition("=")[0] in choices]
    shipped = hydra.compose(name, overrides=groups)
    for key in (text.partition("=")[0].lstrip("+") for text in given if text not in groups and text[0] != "~"):
        before, after = (OmegaConf.select(config, key) for config in (shipped, cfg))
        if before is not None and not _is_like(after, before):
            raise UsageError(f"{key}={after}: must be {KINDS[_kind(before)]}, as {before} in conf/")


def _is_like(value: Any, example: Any) -> bool:
    kind, wanted = _kind(value), _kind(example)
    if value is None:
        return wanted is dict  # a whole group can be switched off, as the augmentations
    if wanted is list and kind is list:
        return all(_is_like(item, example[0]) for item in value) if example else True
    return kind is wanted or (wanted is float and kind is int) or (wanted is str and kind is int)


def _kind(value: Any) -> type:
    if isinstance(value, DictConfig | ListConfig):
        return dict if isinstance(value, DictConfig) else list
    return type(value)


def _stop(name: str, message: str, exit_code: int) -> None:
    print(f"error: {name}: {message}", file=sys.stderr)
    raise SystemExit(exit_code)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell  # Ctrl-C may come at any time, also while torch is imported
