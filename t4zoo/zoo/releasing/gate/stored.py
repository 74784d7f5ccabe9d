"""Does the store hold every object of the version, whole?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from t4zoo.zoo.releasing.lock import TrackedFile, key_of
from t4zoo.zoo.releasing.objects import MissingObjectError, ObjectError, Objects, Stored
from t4zoo.zoo.releasing.refusal import Refusal, some

THREADS = 8


def check_store(
    files: dict[str, TrackedFile], objects: Objects, done: Callable[[str], None]
) -> tuple[dict[str, Stored], list[Refusal]]:
    """Every object is in the store, whole. Returns what is there by md5; `done` hears of each file."""
    missing: dict[str | None, list[str]] = defaultdict(list)
    refusals: list[Refusal] = []
    stored: dict[str, Stored] = {}
    by_md5 = {file.md5: (path, file) for path, file in sorted(files.items(), reverse=True)}

    def check(md5: str) -> Stored | ObjectError:
        try:
            return objects.check(md5)
        except ObjectError as error:
            return error
        finally:
            done(by_md5[md5][0])

    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(zip(by_md5, pool.map(check, by_md5), strict=True))
    for md5, (path, file) in sorted(by_md5.items(), key=lambda item: item[1][0]):
        answer = answers[md5]
        if isinstance(answer, MissingObjectError):
            missing[file.folder].append(path)
        elif isinstance(answer, ObjectError):
            refusals.append(Refusal(path, str(answer), f"remove {_names(objects, md5, file.folder)}, then `dvc push`"))
        else:
            stored[md5] = answer
    cures: dict[str, list[str]] = defaultdict(list)
    for folder, paths in missing.items():
        cures[_how_to_push(objects, folder)] += paths
    refusals += [Refusal("store", f"lacks {some(sorted(paths))}", cure) for cure, paths in sorted(cures.items())]
    return stored, refusals


def _how_to_push(objects: Objects, folder: str | None) -> str:
    if folder is not None and _is_there(objects, folder):
        # DVC takes a folder whose list is there for pushed, and would answer that everything is up to date.
        return f"remove {objects.url(folder)}, then `dvc push`"
    return "`dvc push`"


def _is_there(objects: Objects, md5: str) -> bool:
    with objects.store.open(key_of(md5)) as body:
        return body is not None


def _names(objects: Objects, md5: str, folder: str | None) -> str:
    return " and ".join(objects.url(name) for name in (md5, folder) if name)
