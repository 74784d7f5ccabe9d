"""The `t4zoo` command: quick to start, plain in its errors, silent about credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.markup import render
from typer.testing import CliRunner

from t4zoo import cli
from t4zoo.cli.main import app
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.reading.index import Index, Row, write
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server

HEAVY = ("torch", "mmengine", "dvc", "hydra", "numpy", "onnx")


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "t4zoo", *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)


def imported(code: str, cwd: Path) -> set[str]:
    script = f"import sys\n{code}\nprint('modules:', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules: ")[2].split())


def test_list_imports_only_what_reads_an_index(s3: Server, prefix: str, tmp_path: Path) -> None:
    url = f"s3://{s3.bucket}/{prefix}/autoware-ml"
    assert write(S3Folder(parse_address(url)), Index(()))
    code = f"from t4zoo.cli.main import app\napp(['list', '--json', '--zoo', {url!r}], standalone_mode=False)"
    modules = imported(code, tmp_path)
    assert "t4zoo.zoo.reading.index" in modules
    assert not modules.intersection(
        (*HEAVY, "boto3", "pydantic", "yaml", "rich.console", "t4zoo.zoo.manifest", "t4zoo.zoo.layout")
    )


def test_help_imports_nothing_of_the_library_but_the_command(alone: Path, tmp_path: Path) -> None:
    code = "from t4zoo.cli.main import app\ntry:\n    app(['--help'])\nexcept SystemExit: pass"
    modules = imported(code, tmp_path)
    ours = {name for name in modules if name.startswith("t4zoo")}
    commands = {f"t4zoo.cli.{path.stem}" for path in Path(cli.__file__).parent.glob("*.py")} - {"t4zoo.cli.__init__"}
    assert ours == {"t4zoo", "t4zoo.cli", "t4zoo.errors", "t4zoo.plain", "t4zoo.screen", *commands}
    assert not modules.intersection((*HEAVY, "boto3", "botocore", "pydantic", "urllib3", "yaml"))


def test_every_command_explains_itself() -> None:
    commands = typer.main.get_group(app).commands
    reading = {"list", "show", "compare", "lineage", "cat", "pull", "verify"}
    assert {"sample", "serve", "init", "demo", "release", *reading} <= commands.keys()
    for command in commands:
        told = CliRunner().invoke(app, [command, "--help"])
        assert told.exit_code == 0 and "Usage" in told.output


def test_no_word_of_a_help_text_is_taken_for_markup() -> None:
    """Help is rendered as Rich markup, in which `[m]` is a style that nobody has, and is left out."""
    group = typer.main.get_group(app)
    commands = [*group.commands.values(), *getattr(group.commands["labels"], "commands").values()]  # noqa: B009
    texts = [text for command in commands for text in (command.help, *(getattr(p, "help", "") for p in command.params))]
    assert len(texts) > 100
    assert [text for text in texts if text and render(text).plain != text] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "CenterPoint/t4base"), 2, "write algorithm/model@version"),
        (("show", "CenterPoint/t4base@v1"), 2, "vX.Y.Z"),
        (("show", "ftp://host/x"), 2, "ftp:// is not known"),
        (("list",), 2, "T4ZOO_URL"),
        (("release", "CenterPoint/t4base@v1.0.0"), 2, "not in a git repository"),
        (("pull", "CenterPoint/t4base@v1.0.0"), 2, "--to"),
        (("demo", "--epochs", "1"), 2, "--epochs 1: shortens the full demo alone"),
        (("list", "--zoo", "http://127.0.0.1:9/bucket/autoware-ml"), 1, "cannot be reached"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    alone: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    told = run(*arguments, cwd=tmp_path, TERMINAL_WIDTH="200")
    assert told.returncode == code and words in told.stderr and "Traceback" not in told.stderr


def test_what_s3_refuses_is_told_in_words_without_credentials(
    s3: Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = f"s3://{s3.bucket}/{prefix}/autoware-ml"
    store = f"s3://{s3.bucket}/{prefix}/dvc"
    key, secret = s3.environment["AWS_ACCESS_KEY_ID"], "a-wrong-secret-of-no-one"
    cases = [
        (run("list", "--zoo", zoo, cwd=tmp_path, AWS_SECRET_ACCESS_KEY=secret), "does not accept these credentials"),
        (run("list", "--zoo", zoo, cwd=tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:9"), "cannot reach"),
        (run("list", "--zoo", "s3://no-such-bucket/x", cwd=tmp_path), "there is no bucket 'no-such-bucket'"),
        (run("list", "--zoo", "s3://No_Bucket!/x", cwd=tmp_path), "'No_Bucket!' cannot be the name of a bucket"),
    ]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    cases.append((run("list", "--zoo", store, cwd=tmp_path), "access denied without credentials"))
    cases.append((run("list", "--zoo", zoo, cwd=tmp_path, AWS_PROFILE="nobody"), "nobody"))
    for told, words in cases:
        assert words in told.stderr and told.stderr.startswith("error: "), told
        assert told.returncode in (1, 2) and "Traceback" not in told.stderr
        assert key not in told.stderr + told.stdout and secret not in told.stderr + told.stdout


def test_what_the_system_refuses_is_one_line_with_the_file(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for arguments in (("sample", "--root", "file/data"), ("serve", "--data", "file")):
        done = run(*arguments, cwd=tmp_path)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and line.startswith("error: ") and "file" in line
    assert (tmp_path / "file").read_text() == "precious"


def completed(line: str, cwd: Path, **variables: str) -> list[str]:
    """What the shell is told when Tab is pressed at the end of a line."""
    asked = {"_T4ZOO_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    command = [sys.executable, "-c", "from t4zoo.cli.main import app; app(prog_name='t4zoo')"]
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **asked, **variables}, capture_output=True, text=True)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_a_shell_completes_commands_and_names_of_versions_without_waiting_for_a_zoo_that_is_gone(
    s3: Server, prefix: str, tmp_path: Path
) -> None:
    url = f"s3://{s3.bucket}/{prefix}/autoware-ml"
    names = ["CenterPoint/t4base@v1.0.0", "CenterPoint/t4x2@v1.0.0", "info@v1.0.0"]
    facts = ("base", None, [], None, 1, 1, None, None, "d" * 64, "active", None, "folder")
    rows = [Row(name, *facts) for name in names]
    assert write(S3Folder(parse_address(url)), Index.of([*rows, Row("info@v2.0.0", *facts)._replace(state="yanked")]))
    assert sorted(completed("t4zoo li", tmp_path)) == ["lineage", "link", "list"]
    online = {"T4ZOO_URL": url, "T4ZOO_TIMEOUT": "60"}
    assert completed("t4zoo show CenterPoint/t4x", tmp_path, **online) == [names[1]]
    assert completed(f"t4zoo compare --zoo {url} {names[0]} info", tmp_path, T4ZOO_TIMEOUT="60") == [names[2]]
    gone = {"T4ZOO_URL": url, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert completed("t4zoo show CenterPoint/", tmp_path, **gone) == names[:2]
    assert completed("t4zoo show CenterPoint/", tmp_path, T4ZOO_URL="ftp://nowhere") == []
    assert completed("t4zoo show CenterPoint/", tmp_path) == []
