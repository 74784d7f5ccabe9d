"""Does every notice speak of the version that it lies beside?"""

from __future__ import annotations

from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.survey import Survey
from t4zoo.zoo.manifest import NOTICE_NAME
from t4zoo.zoo.storage.folder import Folder

_CURE = f"remove {NOTICE_NAME}, and give the notice again"


def check_notices(survey: Survey, zoo: Folder) -> list[Finding]:
    """By name and manifest digest. A notice without a version is told, too."""
    findings = []
    for held in survey.held.values():
        where = zoo.address.url_of(f"{held.folder}/{NOTICE_NAME}")
        if held.notice_problem:
            findings.append(Finding("notice-broken", where, held.notice_problem, _CURE))
        if held.notice is None:
            continue
        if held.released is None:
            findings.append(Finding("notice-broken", where, f"speaks of {held.notice.name}, which is not here", _CURE))
        elif held.notice.name != str(held.released.name):
            what = f"speaks of {held.notice.name}, and lies beside {held.released.name}"
            findings.append(Finding("notice-broken", where, what, _CURE))
        elif held.notice.manifest != held.released.digest:
            what = f"speaks of the manifest {held.notice.manifest}, and the one here has sha256 {held.released.digest}"
            findings.append(Finding("notice-broken", where, what, _CURE))
    return findings
