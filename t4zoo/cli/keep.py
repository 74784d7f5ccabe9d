"""Commands that keep a zoo after its releases: look whether all agrees, withdraw, trace a scene, tidy the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import Json, Name, Zoo, stop_for, where
from t4zoo.plain import plain
from t4zoo.screen import Advance, print_json, print_lines, print_note, progress

if TYPE_CHECKING:
    from t4zoo.zoo.keeping.doctor.examine import Examination, Patient
    from t4zoo.zoo.keeping.revoke import Descent
    from t4zoo.zoo.reading.notice import State

commands = typer.Typer()

Reason = Annotated[str, typer.Option("--reason", help="Why, for everybody who reads the version.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@commands.command()
def doctor(
    zoo: Zoo = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read and hash every file, too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended without losing anything.")] = False,
    days: Annotated[float, typer.Option(help="Age in days at which --fix ends an unfinished upload.")] = 7.0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Prove that tags, store and zoo agree; exit code 1 if a version cannot be trusted, got or traced back."""
    from t4zoo.zoo.keeping.doctor.examine import Patient, own_repository
    from t4zoo.zoo.keeping.doctor.mend import acts
    from t4zoo.zoo.keeping.doctor.report import as_dict, told
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.storage.folder import open_writable

    place = where(zoo)
    folder, layout = place.open_zoo(), load_layout(place.repository)
    patient = Patient(folder, layout, own_repository(folder, place.repository), days)
    found = _examine(patient, deep)
    if fix or dry_run:
        todo = acts(found, lambda: open_writable(folder.address), patient.repository)
        for words, act in todo:
            print_note(f"would {words}" if dry_run else words)
            if not dry_run:
                act()
        found = _examine(patient, deep) if todo and not dry_run else found
    print_json(as_dict(found)) if as_json else print(told(found))
    stop_for([], failed=any(finding.severity == "error" for finding in found.findings))


def _examine(patient: Patient, deep: bool) -> Examination:
    """With a bar for one part of it after another."""
    from t4zoo.zoo.keeping.doctor.examine import examine

    with ExitStack() as bar:

        def step(title: str, total: int | None) -> Advance:
            bar.close()
            return bar.enter_context(progress(title, total))

        return examine(patient, step, deep)


@commands.command()
def deprecate(version: Name, reason: Reason, zoo: Zoo = None, dry_run: DryRun = False) -> None:
    """Say of a version that a better one is there. It is still read, with the reason shown."""
    _say("deprecated", version, reason, zoo, dry_run)


@commands.command()
def yank(version: Name, reason: Reason, zoo: Zoo = None, dry_run: DryRun = False) -> None:
    """Withdraw a version: who names it can still read it, warned; its bytes stay for those who must look into it."""
    _say("yanked", version, reason, zoo, dry_run)


@commands.command()
def restore(version: Name, reason: Reason, zoo: Zoo = None, dry_run: DryRun = False) -> None:
    """Take back what `deprecate` or `yank` said; the history of it stays."""
    _say("active", version, reason, zoo, dry_run)


def _say(state: State, version: str, reason: str, zoo: str | None, dry_run: bool) -> None:
    print_lines(_said(state, version, reason, zoo, dry_run))


def _said(state: State, version: str, reason: str, zoo: str | None, dry_run: bool) -> Iterator[str]:
    """Say it, unless it is a dry run; and the lines that tell of it."""
    from t4zoo.zoo.keeping.withdraw import now_by, planned, say
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.reading.locate import locate
    from t4zoo.zoo.storage.folder import open_writable

    place = where(zoo)
    event = now_by(Path.cwd(), state, reason)
    located = locate(version, place)
    folder = open_writable(located.source.address)
    if dry_run:
        yield f"would say: {planned(folder, located.released, event)[0]}"
        return
    said = say(folder, load_layout(place.repository), located.released, event)
    yield f"{said.notice}" if said.is_new else f"{said.notice} (as was said before)"
    if said.index:
        print_note(said.index)


@commands.command("revoke-scene")
def revoke_scene(
    scenes: Annotated[list[str], typer.Argument(metavar="SCENE...", help="T4 dataset ids, or id/revision.")],
    yank: Annotated[bool, typer.Option("--yank", help="Yank what learned from them or was chosen by them.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; --yank needs it.")] = None,
    zoo: Zoo = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Name every info, model and auto-label version that descends from withdrawn scenes."""
    from t4zoo.errors import UsageError
    from t4zoo.zoo.keeping.revoke import Withdrawn, datasets, descent
    from t4zoo.zoo.keeping.survey import survey
    from t4zoo.zoo.layout import load_layout

    if yank and not reason:
        raise UsageError('--yank: give a --reason, as in --reason "the scene was recorded on private ground"')
    withdrawn, place = Withdrawn.of(scenes), where(zoo)
    folder = place.open_zoo()
    with progress("reading manifests") as advance:
        seen = survey(folder, load_layout(place.repository), advance)
    held = seen.by_name()
    found = descent([released.manifest for h in held.values() if (released := h.released)], withdrawn)
    lists = datasets(place.repository, withdrawn) if place.repository else []
    _tell(found, lists, as_json)
    for descendant in found.descendants:
        if yank and reason and descendant.reach != "scored":
            notice = held[str(descendant.name)].notice
            if notice is None or notice.state != "yanked":
                told = _said("yanked", str(descendant.name), f"{reason} ({descendant.why})", zoo, dry_run)
                list(map(print_note, told)) if as_json else print_lines(told)


def _tell(found: Descent, lists: list[tuple[str, str]], as_json: bool) -> None:
    if as_json:
        rows = [{"name": str(one.name), "reach": one.reach, "why": one.why} for one in found.descendants]
        named = [{"path": path, "splits": splits} for path, splits in lists]
        silent = [str(name) for name in found.silent]
        print_json({"descendants": rows, "silent": silent, "unknown": found.unknown, "datasets": named})
        return
    print_lines(map(plain, _lines(found, lists)))
    if found.unknown:
        print_note(f"no manifest names {', '.join(found.unknown)}; is it spelled as in the scene lists?")
    if found.silent:
        names = ", ".join(str(name) for name in found.silent)
        print_note(f"{len(found.silent)} versions name no scenes, so that nothing can be said of them: {names}")


def _lines(found: Descent, lists: list[tuple[str, str]]) -> Iterator[str]:
    from t4zoo.zoo.keeping.revoke import MEANING

    for reach, meaning in MEANING.items():
        reached = [one for one in found.descendants if one.reach == reach]
        if reached:
            yield f"{meaning}:"
        yield from (f"  {one.name}  ({one.why})" for one in reached)
    if not found.descendants:
        yield "no version descends from it, as far as manifests tell"
    yield from (f"{path} still lists it: {splits}" for path, splits in lists)


@commands.command()
def gc(
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="DIGEST", help="Do the plan of this digest.")
    ] = None,
    register: Annotated[bool, typer.Option("--register", help="Say in the store what this clone needs.")] = False,
    forget: Annotated[str | None, typer.Option("--forget", metavar="CLONE", help="A clone that is no more.")] = None,
    grace: Annotated[int, typer.Option(min=1, help="Whole days for which every object is kept.")] = 14,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan what may leave the store, as nothing in any clone needs it; then delete it by the plan's digest."""
    from t4zoo.zoo.keeping.gc import command

    root = command.repository(Path.cwd())
    if register:
        print(f"the store knows what this clone needs: {command.register(root, dry_run)}")
    if forget:
        print_lines([command.forget(root, forget, dry_run)])
    if register or forget:
        return
    with progress("looking at all that is needed") as advance:
        plan = command.plan(root, grace, advance)
    if delete is None or dry_run:
        print_json(command.as_dict(plan)) if as_json else print_lines(command.view(plan))
        return
    with progress("deleting", len(plan.doomed)) as advance:
        command.delete(root, plan, delete, advance)
    print(f"deleted {len(plan.doomed)} objects, {plan.size} bytes")
