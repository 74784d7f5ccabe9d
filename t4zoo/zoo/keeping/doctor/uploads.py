"""Uploads in parts that nobody finished, in the zoo and in the store."""

from __future__ import annotations

from datetime import UTC, datetime

from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.storage.folder import FolderError
from t4zoo.zoo.storage.uploads import Upload, Uploads

OLD = 7.0  # days after which nobody can still be at it


def check_uploads(folder: Uploads, days: float = OLD) -> tuple[list[Finding], list[Upload]]:
    """A finding for each unfinished upload; and those older than `days`, which `--fix` may end."""
    address = folder.address
    try:
        uploads = sorted(folder.list())
    except FolderError as error:
        return [Finding("not-looked-at", address.url, f"unfinished uploads: {error}", "")], []
    old = [upload for upload in uploads if _age(upload) > days]
    findings = [
        Finding(
            "upload-unfinished",
            address.url_of(upload.path),
            f"begun on {upload.started:%Y-%m-%d}, and not finished",
            "`t4zoo doctor --fix` ends it" if upload in old else f"wait: it is younger than {days:g} days",
            fixable=upload in old,
        )
        for upload in uploads
    ]
    return findings, old


def _age(upload: Upload) -> float:
    """In days."""
    return (datetime.now(UTC) - upload.started).total_seconds() / 86400
