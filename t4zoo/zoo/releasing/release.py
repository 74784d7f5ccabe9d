"""One release from beginning to end, as the command does it: plan, publish, and what to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType

from t4zoo.errors import UsageError
from t4zoo.zoo import git
from t4zoo.zoo.address import find_repository, find_store, zoo_of
from t4zoo.zoo.layout import Layout, load_layout
from t4zoo.zoo.reading.table import files_table, human, size
from t4zoo.zoo.releasing.plan import Plan, make_plan
from t4zoo.zoo.releasing.publish import Outcome, publish
from t4zoo.zoo.storage.folder import OnRequest
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.version import Name, parse_name

OnFile = Callable[[str], None]


@dataclass(frozen=True)
class Releasing:
    """A version to be, the repository that it comes from, and the two places in S3."""

    name: Name
    root: Path
    layout: Layout
    store: S3Folder
    zoo: S3Folder

    @staticmethod
    def here(folder: Path, version: str, on_request: OnRequest | None = None) -> Releasing:
        """A release from the repository around `folder`; raises UsageError where there is none."""
        name = parse_name(version)
        root = find_repository(folder.resolve())
        if root is None or git.root_of(root) != root:
            raise UsageError(f"{folder}: not in a git repository with .dvc/config at its top; a release needs both")
        store, zoo = find_store(root), zoo_of(root)
        return Releasing(name, root, load_layout(root), S3Folder(store, on_request), S3Folder(zoo, on_request))

    def plan(self, done: OnFile = lambda path: None) -> Plan:
        """See `release.make_plan`."""
        return make_plan(self.name, self.root, self.store, self.zoo, self.layout, done)

    def publish(self, plan: Plan, done: OnFile = lambda path: None) -> Outcome:
        """See `publish.publish`."""
        return publish(plan, self.store, self.zoo, done)

    def view(self, plan: Plan) -> RenderableType:
        """The plan, for the screen."""
        return _plan_view(plan, self.zoo)

    def tell(self, plan: Plan, outcome: Outcome) -> str:
        """What happened, for the screen."""
        requests = self.store.requests + self.zoo.requests
        url = self.zoo.address.url_of(plan.folder)
        where = f"  at  {url}/\n  manifest sha256 {plan.digest}\n  {requests} requests to S3"
        where += f"\n  warning: {outcome.warning}" if outcome.warning else ""
        if outcome.was_released:
            return f"{plan.name} is already released, with these very bytes\n{where}"
        left = f" ({outcome.found} were there from an earlier run)" if outcome.found else ""
        count = len(plan.manifest.files)
        return (
            f"{plan.name} is released: {count} files, {human(size(plan.manifest))}, copied inside S3{left}\n{where}\n"
            f"  git tag {plan.name.tag}; share it with `git push origin '{plan.name.tag}'`"
        )


def _plan_view(plan: Plan, zoo: S3Folder) -> RenderableType:
    lines = [
        f"{plan.name} would be released to {zoo.address.url_of(plan.folder)}/",
        f"from commit {plan.commit[:10]}; manifest sha256 {plan.digest}",
    ]
    if plan.is_released:
        lines.append("it is released already, with these very bytes")
    return Group(*lines, "", files_table(plan.manifest), "", f"tag {plan.name}:", plan.note.rstrip())
