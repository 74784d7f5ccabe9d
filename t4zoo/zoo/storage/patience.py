"""How long a silent server is waited for, so that one that hangs ends in an error and no command hangs with it."""

from __future__ import annotations

import os

from t4zoo.errors import UsageError

ENVIRONMENT = "T4ZOO_TIMEOUT"
CONNECT = 10.0  # seconds until a server that does not pick up is given up
SILENCE = 60.0  # seconds without a byte until an answer is given up; overridden by T4ZOO_TIMEOUT
COPYING = 10  # times as long for a copy above LARGE, which some servers answer only when it is done
LARGE = 1024**3  # bytes
TRIES = 4  # of a request that fails in a way that may pass, unless AWS_MAX_ATTEMPTS says otherwise


def silence(otherwise: float = SILENCE) -> float:
    """Seconds without a byte after which an answer is given up; raises UsageError where the variable is no time.

    otherwise: where nothing is said.
    """
    text = os.environ.get(ENVIRONMENT, "")
    try:
        seconds = float(text or otherwise)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise UsageError(f"{ENVIRONMENT}={text!r}: write seconds, as in {ENVIRONMENT}=120")
    return seconds
