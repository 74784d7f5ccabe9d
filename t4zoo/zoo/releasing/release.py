"""One release from beginning to end, as the command does it: plan, publish, and what to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from t4zoo.errors import UsageError
from t4zoo.zoo import git
from t4zoo.zoo.address import find_repository, find_store, zoo_of
from t4zoo.zoo.layout import Layout, load_layout
from t4zoo.zoo.manifest import FILE_NAME
from t4zoo.zoo.reading import cache
from t4zoo.zoo.reading.columns import human
from t4zoo.zoo.reading.table import size
from t4zoo.zoo.releasing.gate.contract import Inspect
from t4zoo.zoo.releasing.plan import Plan, make_plan
from t4zoo.zoo.releasing.publish import Outcome, publish
from t4zoo.zoo.releasing.view import plan_record, plan_view
from t4zoo.zoo.storage.folder import OnRequest
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.version import Name, parse_name

OnFile = Callable[[str], None]


def open_repository(folder: Path, on_request: OnRequest | None = None) -> tuple[Path, S3Folder, S3Folder]:
    """The top of the repository around `folder`, its store and its zoo; raises UsageError where there is none."""
    root = find_repository(folder.resolve())
    if root is None or git.root_of(root) != root:
        raise UsageError(f"{folder}: not in a git repository with .dvc/config at its top; a release needs both")
    return root, S3Folder(find_store(root), on_request), S3Folder(zoo_of(root), on_request)


@dataclass(frozen=True)
class Releasing:
    """A version to be, the repository that it comes from, and the two places in S3.

    inspect: finds what is wrong with exported files; None looks at none.
    """

    name: Name
    root: Path
    layout: Layout
    store: S3Folder
    zoo: S3Folder
    inspect: Inspect | None = None

    @staticmethod
    def here(
        folder: Path, version: str, on_request: OnRequest | None = None, inspect: Inspect | None = None
    ) -> Releasing:
        """A release from the repository around `folder`; raises UsageError where there is none."""
        name = parse_name(version)
        root, store, zoo = open_repository(folder, on_request)
        return Releasing(name, root, load_layout(root), store, zoo, inspect)

    def plan(self, done: OnFile = lambda path: None, sure: bool = False) -> Plan:
        """See `plan.make_plan`."""
        return make_plan(self.name, self.root, self.store, self.zoo, self.layout, done, self.inspect, sure)

    def publish(self, plan: Plan, done: OnFile = lambda path: None) -> Outcome:
        """See `publish.publish`."""
        outcome = publish(plan, self.store, self.zoo, done)
        cache.keep(plan.content, FILE_NAME)  # it is asked for when its children are released, and its next version
        return outcome

    def view(self, plan: Plan) -> RenderableType:
        """The plan, for the screen."""
        return plan_view(plan, self.zoo)

    def record(self, plan: Plan) -> dict[str, Any]:
        """The plan, for a script."""
        return plan_record(plan, self.zoo)

    @property
    def requests(self) -> int:
        """Sent to S3 so far."""
        return self.store.requests + self.zoo.requests

    def tell(self, plan: Plan, outcome: Outcome) -> str:
        """What happened, for the screen."""
        url = self.zoo.address.url_of(plan.folder)
        where = f"  at  {url}/\n  manifest sha256 {plan.digest}\n  {self.requests} requests to S3"
        where += f"\n  warning: {outcome.warning}" if outcome.warning else ""
        if outcome.was_released:
            unread = f"  its files were not looked at: `t4zoo verify {plan.name}` reads them"
            return f"{plan.name} is already released, with this very manifest\n{where}\n{unread}"
        left = f" ({outcome.found} were there from an earlier run)" if outcome.found else ""
        count = len(plan.manifest.files)
        return (
            f"{plan.name} is released: {count} files, {human(size(plan.manifest))}, copied inside S3{left}\n{where}\n"
            f"  git tag {plan.name.tag}; share it with `git push origin '{plan.name.tag}'`"
        )
