"""`verify` finds each object of a version that is flipped, missing, truncated, empty or exchanged with any other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from t4zoo.errors import T4zooError
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, ManifestError
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.verify import verify_zoo
from tests.zoo.faults.tiny import FILES, Place, locate, plan, release

Objects = dict[str, bytes | None]  # path -> bytes to put there, None to remove
OBJECTS = (*FILES, FILE_NAME, CLAIM_NAME)


def spoils(whole: dict[str, bytes]) -> Iterator[tuple[str, Objects]]:
    """Every object by every means; a byte of it flipped at its start, in its middle and at its end."""
    for path, content in whole.items():
        for place, index in (("first", 0), ("middle", len(content) // 2), ("last", len(content) - 1)):
            flipped = content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]
            yield f"{path}: a bit of its {place} byte flipped", {path: flipped}
        yield f"{path}: missing", {path: None}
        yield f"{path}: truncated by a byte", {path: content[:-1]}
        yield f"{path}: truncated by half", {path: content[: len(content) // 2]}
        yield f"{path}: empty", {path: b""}
        yield f"{path}: a byte more", {path: content + b"\n"}
    for one, other in itertools.combinations(whole, 2):
        yield f"{one} and {other}: exchanged", {one: whole[other], other: whole[one]}


def test_every_spoilt_object_of_a_version_is_found(
    place: Place, client: Any, record_property: Callable[[str, object], None]
) -> None:
    here, other = plan(), plan(whose="yours")
    for released in (here, other):
        release(released, place.cache, *place.folders())
    zoo, prefix = place.reader(), f"{place.prefix}/{place.zoo}/{here.folder}"

    def put(objects: Objects) -> None:
        for path, content in objects.items():
            where = {"Bucket": place.bucket, "Key": f"{prefix}/{path}"}
            client.delete_object(**where) if content is None else client.put_object(**where, Body=content)

    def get(folder: str, path: str) -> bytes:
        content = client.get_object(Bucket=place.bucket, Key=f"{place.prefix}/{place.zoo}/{folder}/{path}")
        return bytes(content["Body"].read())

    whole = {path: get(here.folder, path) for path in OBJECTS}
    ways: list[tuple[str, Objects]] = [*spoils(whole)]
    ways += [(f"{path}: another version's", {path: get(other.folder, path)}) for path in OBJECTS]
    for name, objects in ways:
        put(objects)
        try:
            findings = verify_zoo(locate(here, zoo)).findings
            found = {finding.path for finding in findings}
            # Of a manifest and a claim that disagree, the manifest is named.
            assert found & (set(objects) | ({FILE_NAME} if CLAIM_NAME in objects else set())), name
        except (ManifestError, NotReleasedError) as told:
            assert FILE_NAME in objects and "\n" not in str(told), name
        put({path: whole[path] for path in objects})
    assert verify_zoo(locate(here, zoo)).findings == ()
    record_property("shown", f"verify: {len(ways)} of {len(ways)} ways to spoil an object found")


def test_a_manifest_and_a_claim_exchanged_together_do_not_pass(place: Place, client: Any) -> None:
    here, other = plan(), plan(whose="yours")
    for released in (here, other):
        release(released, place.cache, *place.folders())
    for path in (FILE_NAME, CLAIM_NAME):
        source = {"Bucket": place.bucket, "Key": f"{place.prefix}/{place.zoo}/{other.folder}/{path}"}
        client.copy_object(
            Bucket=place.bucket, Key=f"{place.prefix}/{place.zoo}/{here.folder}/{path}", CopySource=source
        )
    with pytest.raises(T4zooError, match=f"says that it is {other.name}"):
        locate(here, place.reader())
