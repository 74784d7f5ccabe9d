"""Who is compared: t4zoo, and what people use to move the same files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Contender, empty
from benchmarks.workload import MODEL, Workload, compare

PEERS = Path(__file__).resolve().parent.parent / ".bench" / "bin"  # as `make bench-zoo` installs them


def peer(name: str) -> str | None:
    """Where a peer's command is: in the environment of the peers, else on PATH; None where it is not installed."""
    beside = PEERS / name
    return str(beside) if beside.exists() else shutil.which(name)


def publishers(load: Workload, work: Path) -> list[Contender]:
    """Each publishes the files once more, to another place each run."""
    manifests = work / "manifests"
    manifests.mkdir()

    def write(run: int) -> None:
        (manifests / f"{run}.json").write_bytes(load.manifest(f"v1.0.{run}").to_bytes())

    module = [sys.executable, "-m", "benchmarks.publishing"]
    root = Path(__file__).resolve().parent.parent
    found = [
        Contender(
            "t4zoo release",
            lambda run: [*module, str(manifests / f"{run}.json"), load.store, load.zoo],
            work,
            prepare=write,
            variables={"PYTHONPATH": str(root)},
        )
    ]
    if s5cmd := peer("s5cmd"):
        inside = f"{load.base}/s5cmd-0/*"  # what its own first run brought there
        found.append(
            Contender("s5cmd cp", lambda run: [s5cmd, "cp", f"{load.folder}/", f"{load.base}/s5cmd-{run}/"], work)
        )
        found.append(
            Contender("s5cmd cp, inside S3", lambda run: [s5cmd, "cp", inside, f"{load.base}/inside-{run}/"], work)
        )
    if aws := peer("aws"):
        sync = [aws, "s3", "sync", "--only-show-errors"]
        found.append(Contender("aws s3 sync", lambda run: [*sync, str(load.folder), f"{load.base}/aws-{run}/"], work))
    found.append(_dvc(load, work / "dvc", "push"))
    return found


def pullers(load: Workload, work: Path) -> list[Contender]:
    """Each brings the files into an empty folder; what comes is compared with what was published."""
    name, cache = f"{MODEL}@v1.0.0", {"T4ZOO_CACHE": str(work / "cache")}

    def target(label: str) -> Path:
        return work / f"pulled-{label}"

    def t4zoo(label: str) -> Callable[[int], list[str]]:
        return lambda run: [sys.executable, "-m", "t4zoo", "pull", name, "--to", str(target(label)), "--zoo", load.zoo]

    def clear(*folders: Path) -> Callable[[int], None]:
        def act(run: int) -> None:
            for folder in folders:
                empty(folder)

        return act

    def look(label: str) -> Callable[[int], None]:
        return lambda run: compare(load, target(label))

    found = [
        Contender(
            "t4zoo pull",
            t4zoo("t4zoo"),
            work,
            clear(target("t4zoo"), work / "cache"),
            look("t4zoo"),
            cache,
            (target("t4zoo"),),
        ),
        Contender(
            "t4zoo pull, again", t4zoo("again"), work, clear(target("again")), look("again"), cache, (target("again"),)
        ),
        Contender(
            "(t4zoo show: the start alone)",
            lambda run: [sys.executable, "-m", "t4zoo", "show", name, "--json", "--zoo", load.zoo],
            work,
        ),
    ]
    if s5cmd := peer("s5cmd"):
        copy = [s5cmd, "cp", f"{load.base}/s5cmd-0/*", f"{target('s5cmd')}/"]
        sums = work / "sha256sums"
        sums.write_text("".join(f"{file.sha256}  {file.path}\n" for file in load.files))
        checked = f'"$@" > /dev/null && cd {target("s5cmd")} && sha256sum --quiet -c {sums}'
        found.append(
            Contender(
                "s5cmd cp", lambda run: copy, work, clear(target("s5cmd")), look("s5cmd"), left=(target("s5cmd"),)
            )
        )
        found.append(
            Contender(
                "s5cmd cp, then sha256sum",
                lambda run: ["sh", "-c", checked, "sh", *copy],
                work,
                clear(target("s5cmd")),
                left=(target("s5cmd"),),
            )
        )
    if aws := peer("aws"):
        sync = [aws, "s3", "sync", "--only-show-errors", f"{load.base}/aws-0/", str(target("aws"))]
        found.append(
            Contender("aws s3 sync", lambda run: sync, work, clear(target("aws")), look("aws"), left=(target("aws"),))
        )
    found.append(_dvc(load, work / "dvc", "pull"))
    return found


def _dvc(load: Workload, root: Path, action: str) -> Contender:
    """In a repository of its own. Each push goes to another remote, and each pull begins with an empty cache."""
    dvc = [sys.executable, "-m", "dvc"]
    if not root.exists():
        root.mkdir()
        for command in (["init", "--no-scm", "--quiet"], ["config", "core.analytics", "false"]):
            subprocess.run([*dvc, *command], cwd=root, check=True)
        shutil.copytree(load.folder, root / "files")
        subprocess.run([*dvc, "add", "--quiet", "files"], cwd=root, check=True)

    def remote(run: int) -> None:
        url = f"{load.base}/dvc-{run if action == 'push' else 0}"
        subprocess.run([*dvc, "remote", "add", "--force", "--default", "--quiet", "there", url], cwd=root, check=True)
        if action == "pull":
            for left in (root / ".dvc/cache", root / ".dvc/tmp", root / "files"):
                shutil.rmtree(left, ignore_errors=True)

    look: Callable[[int], object] = (
        (lambda run: compare(load, root / "files")) if action == "pull" else lambda run: None
    )
    return Contender(f"dvc {action}", lambda run: [*dvc, action, "--quiet"], root, remote, look)
