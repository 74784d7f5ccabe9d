"""The command that takes a zoo as people filled it by hand into the list of versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import Json, stop_for
from t4zoo.screen import print_json, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.zoo.keeping.adopting.plan import Places, Plan
    from t4zoo.zoo.manifest import Kind

commands = typer.Typer()

_BESIDE = "beside"
_MANY = list[str] | None


@commands.command()
def adopt(
    url: Annotated[str, typer.Argument(metavar="URL", help="The zoo that people filled, as s3://bucket/prefix.")],
    manifests: Annotated[
        str, typer.Option(metavar="beside|URL|FOLDER", help="Where manifests go: into this zoo, or apart.")
    ] = _BESIDE,
    layout: Annotated[
        str | None, typer.Option(help="Where versions lie: models/{project}/{algorithm}/{model}/{version}.")
    ] = None,
    rename: Annotated[_MANY, typer.Option(metavar="OLD=NEW", help="Read one word of a path as another.")] = None,
    name: Annotated[_MANY, typer.Option(metavar="FOLDER=NAME", help="Name the version in one folder.")] = None,
    skip: Annotated[_MANY, typer.Option(metavar="FOLDER", help="Leave out a folder, or a pattern of them.")] = None,
    kind: Annotated[_MANY, typer.Option(metavar="MODEL=KIND", help="Say what models are: '*/t4base=base'.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read the listing alone, and write nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if there is any hole.")] = False,
    as_json: Json = False,
) -> None:
    """Give versions that people put into S3 by hand their manifests. Nothing is moved, renamed or uploaded again."""
    from t4zoo.zoo.keeping.adopting.digests import Record
    from t4zoo.zoo.keeping.adopting.hand_filled import find_versions
    from t4zoo.zoo.keeping.adopting.naming import Rules
    from t4zoo.zoo.keeping.adopting.plan import make_plan
    from t4zoo.zoo.keeping.adopting.view import as_json as plain
    from t4zoo.zoo.keeping.adopting.view import view
    from t4zoo.zoo.reading.cache import cache

    rules = Rules.of(layout, rename or (), name or (), skip or ())
    kinds = _kinds(kind or [])
    places = _places(url, manifests, not dry_run)
    found = find_versions(places.source.list(), rules)
    record = Record(cache() / "adopt", places.source.address.url)
    size = sum(file.size for version in found.versions for file in version.files)
    with progress(f"reading {places.source.address.url}", size, unit="bytes") as advance:
        plan = make_plan(found, places, record, kinds, not dry_run, advance)
    written = None if dry_run else _write(places, plan)
    print_json(plain(plan)) if as_json else print_rich(view(plan, written))
    incomplete = strict and any([plan.left_out, plan.twins, *(adoption.holes for adoption in plan.adoptions)])
    stop_for([], bool(plan.having("refused")) or incomplete)


def _kinds(texts: list[str]) -> dict[str, Kind]:
    from typing import cast, get_args

    from t4zoo.zoo.keeping.adopting.naming import NamingError, pairs
    from t4zoo.zoo.manifest import Kind

    found = pairs("--kind", texts)
    for pattern, kind in found.items():
        if kind not in get_args(Kind):
            raise NamingError(f"--kind {pattern}={kind}: write {', '.join(get_args(Kind))}")
    return cast("dict[str, Kind]", found)


def _places(url: str, manifests: str, write: bool) -> Places:
    from t4zoo.zoo.address import AddressError, address_of, find_repository, find_zoo
    from t4zoo.zoo.keeping.adopting.plan import Places
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.storage.folder import open_folder

    repository = find_repository(Path.cwd())
    source = open_folder(address_of(url, repository))
    if source.address.is_local:
        raise AddressError(f"{url}: a zoo to adopt is one that everybody can read: s3:// or https://")
    if manifests != _BESIDE and "://" not in manifests:
        manifests = f"file://{Path(manifests).resolve()}"
    target = source if manifests == _BESIDE else open_folder(find_zoo(manifests, repository))
    if write and target.address.bucket is None and not target.address.is_local:
        raise AddressError(f"{target.address.url}: cannot be written; give --manifests s3://bucket/prefix, or a folder")
    return Places(source, target, load_layout(repository))


def _write(places: Places, plan: Plan) -> int:
    from t4zoo.zoo.keeping.adopting.adopt import adopt as act
    from t4zoo.zoo.storage.disk import DiskFolder
    from t4zoo.zoo.storage.s3 import S3Folder

    address = places.target.address
    target = DiskFolder(address) if address.is_local else S3Folder(address)
    new = plan.having("new")
    with progress("writing manifests", len(new)) as advance:
        return act(plan, target, places.layout, advance)
