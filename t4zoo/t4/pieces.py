"""The pieces of many scenes in their order: those that were made before, and those that are made now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.scene_files import needed_here
from t4zoo.spread import Engine, KilledError, spread
from t4zoo.t4.dataset_list import SceneId
from t4zoo.t4.frames import FrameSettings
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.piece import Piece, Recipe, digest_of_file, make, tables_digest
from t4zoo.t4.piece_cache import PieceCache
from t4zoo.t4.reader import ReadError, find_recorded, find_scene, read_tables
from t4zoo.t4.selection import Selection
from t4zoo.t4.stamps import Known, Stamps, now

NAMED = 20  # broken scenes that a message tells of


class BrokenScenesError(ReadError):
    """Several scenes that cannot be converted."""


@dataclass(frozen=True)
class Order:
    """A scene that is asked for, and how."""

    selection: Selection
    scene: SceneId
    settings: FrameSettings
    settled: str  # `settings_digest` of these
    data_root: Path

    def recipe(self) -> Recipe:
        """Where the scene is. Raises ReadError when it is not there."""
        dataset, scene, labels = self.selection.dataset, self.scene, self.settings.labels
        if dataset.data_of is None:
            home = dataset.name
            files = folder = find_scene(self.data_root / home / scene.id, scene.revision)
        else:  # paths in the frames are those of the scene that was labelled, so that no link to it is needed
            home = dataset.data_of
            folder = find_scene(self.selection.lists / scene.id, scene.revision)
            files = find_recorded(self.data_root / home / scene.id, scene.revision)
        about = dataset.name, home, scene.city, scene.vehicle_type
        return Recipe(folder, files, *about, self.settings, self.settled, labels or LabelMap((), {}), self.data_root)


@dataclass(frozen=True, eq=False)
class _Result:
    """A piece with its key, or why there is none. known, read: what `Stamps.keep` remembers."""

    key: str = ""
    piece: Piece | None = None
    recipe: Recipe | None = None
    known: Known | None = None
    read: int = 0
    error: T4zooError | None = None


@dataclass(frozen=True)
class _Maker:
    """Reads a scene's tables, and makes its piece where nobody has."""

    cache: PieceCache

    def __call__(self, order: Order) -> _Result:
        read = now()
        try:
            recipe = order.recipe()
            tables = read_tables(recipe.folder)
            digest = tables_digest(tables)
            key = recipe.key(digest)
            piece = self.cache.find(key)
            if piece is None or not piece.fits(recipe, {}):
                piece = make(recipe, tables)
                self.cache.keep(key, piece)
        except T4zooError as error:
            return _Result(error=error)
        infos = {name: digest_of_file(recipe.files / name) for name in piece.infos}
        return _Result(key, piece, recipe, Known(digest, infos), read)


def pieces(
    orders: Sequence[Order], workers: int | Engine, cache: Path | None, infos: Path
) -> Iterator[tuple[str, Piece]]:
    """Key and piece of each scene, in their order; no more of them at a time than the workers are busy with.

    cache: a folder of this machine. infos: the folder of all products' info files, whose pieces are used too. Raises
    what a broken scene raises once all others are made, so that they need not be made again; one error tells of all.
    """
    kept = PieceCache(cache, tuple(sorted(path.parent for path in infos.glob("*/pieces.json"))))
    stamps = Stamps(None if cache is None else cache / "stamps.json")

    def at_hand(order: Order) -> _Result | None:
        try:
            recipe = order.recipe()
        except ReadError as error:
            return _Result(error=error)
        known = stamps.known(recipe.folder, recipe.files)
        piece = None if known is None else kept.find(key := recipe.key(known.digest))
        if known is None or piece is None or not piece.fits(recipe, known.infos):
            return None
        return _Result(key, piece)

    errors = []
    for result in spread(_Maker(kept), orders, workers, at_hand, _killed, _reads):
        if result.error is not None or result.piece is None:
            errors.append(str(result.error))
            continue
        if result.recipe is not None and result.known is not None:
            stamps.keep(result.recipe.folder, result.recipe.files, result.known, result.read)
        if not errors:
            yield result.key, result.piece
    stamps.save()
    if errors:
        raise BrokenScenesError(_told(errors))


def _killed(order: Order, error: KilledError) -> _Result:
    return _Result(error=ReadError(f"scene {order.scene.id}: {error}"))


def _reads(order: Order) -> list[Path]:
    try:
        recipe = order.recipe()
    except ReadError:
        return []  # told by whoever reads it
    return sorted({needed_here(recipe.folder), needed_here(recipe.files)})


def _told(errors: Sequence[str]) -> str:
    more = [f"and {len(errors) - NAMED} more"] if len(errors) > NAMED else []
    head = [f"{len(errors)} scenes cannot be converted:"] if len(errors) > 1 else []
    return "\n".join((*head, *errors[:NAMED], *more))
