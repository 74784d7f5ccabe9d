"""What an S3 server's error codes mean, in a user's words, with the cure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from t4zoo.zoo.storage.patience import ENVIRONMENT

HOW_TO_SIGN_IN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name them in .dvc/config.local"

_STRANGE_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired")
_DENIED = ("AccessDenied", "403", "Forbidden", "AllAccessDisabled")
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
_MAY_BE_SKEWED = ("SignatureDoesNotMatch", *_DENIED)  # what some servers say instead
_SOUND = timedelta(minutes=5)  # a clock so near the server's is none that a signature fails by
_ELSEWHERE = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


def words(code: str, status: int | str, message: str, bucket: str, anonymous: bool, date: str = "") -> str:
    """The line for an answer's code; `message` is the server's own, shown where no code of ours fits.

    date: the answer's Date header, by which a wrong clock here is seen.
    """
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket!r}; create it, or correct the url in .dvc/config"
    ahead = _ahead(date)
    if code in _SKEWED or (code in _MAY_BE_SKEWED and not anonymous and abs(ahead) > _SOUND):
        return f"this machine's clock is {_amount(ahead)}, and no signature of it is accepted; set the clock"
    if code in _STRANGE_KEYS:
        return f"the server does not accept these credentials ({code}); {HOW_TO_SIGN_IN}"
    if code in _DENIED:
        if anonymous:
            return f"access denied without credentials; {HOW_TO_SIGN_IN}"
        return "access denied: these credentials do not have the right to do this"
    if code in _ELSEWHERE:
        return "the bucket is in another region; set `region` of the remote or AWS_REGION"
    if code in ("NotImplemented", "501"):
        return "this server does not know conditional requests, without which a version could be overwritten unseen"
    cure = "; try again later" if isinstance(status, int) and status >= 500 else ""
    return f"the server answered {status} {code}: {' '.join(message.split())}".rstrip(": ") + cure


def unreachable(endpoint: str | None) -> str:
    """The line for a server that does not answer at all."""
    named = endpoint or "the endpoint (AWS_ENDPOINT_URL, or Amazon where that is unset)"
    return f"cannot reach {named}; is the server up and the address right?"


def silent(endpoint: str | None) -> str:
    """The line for a server that takes a request and does not answer it, or breaks off."""
    named = endpoint or "the endpoint"
    return f"{named} takes requests and does not answer; try again later ({ENVIRONMENT}=seconds waits longer)"


def _ahead(date: str) -> timedelta:
    """How far this machine's clock is ahead of the server's; zero where the server does not tell its time."""
    try:
        return datetime.now(UTC) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return timedelta()


def _amount(ahead: timedelta) -> str:
    minutes = round(abs(ahead).total_seconds() / 60)
    if not minutes:
        return "not the server's"
    amount = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
    return f"{amount} {'ahead of' if ahead > timedelta() else 'behind'} the server's"
