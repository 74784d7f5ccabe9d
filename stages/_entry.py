"""How every stage starts: Hydra composes `conf/<stage>.yaml`; an error of the user's is a line, not a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from t4zoo.errors import T4zooError, UsageError

# Two spinning OpenMP threads cost several times the time of one on a small machine, and one makes results repeatable.
os.environ.setdefault("OMP_NUM_THREADS", "1")

CONF = Path(__file__).resolve().parent.parent / "conf"

Stage = Callable[[DictConfig], None]


def stage(name: str) -> Callable[[Stage], Callable[[], None]]:
    """Turn a function of the composed configuration into the command `python -m stages.<name>`."""

    def decorate(body: Stage) -> Callable[[], None]:
        def guarded(cfg: DictConfig) -> None:
            try:
                body(cfg)
            except T4zooError as error:
                _stop(name, str(error), error.exit_code)
            except OmegaConfBaseException as error:
                _stop(name, f"conf/{name}.yaml: {error}", UsageError.exit_code)

        guarded.__doc__ = body.__doc__
        main: Callable[[], None] = hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(guarded)
        return main

    return decorate


def _stop(name: str, message: str, exit_code: int) -> None:
    print(f"error: {name}: {message}", file=sys.stderr)
    raise SystemExit(exit_code)
