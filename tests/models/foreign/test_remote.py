"""A configuration behind a URL: what it inherits comes along, and nothing of it is run unless it is trusted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from t4zoo.errors import T4zooError, UsageError
from t4zoo.models.foreign.configuration import Source, read
from t4zoo.models.foreign.remote import UntrustedError
from t4zoo.zoo.reading.fetch import resolve
from tests.zoo.shelf import Shelf, shelf

TRAP = "import pathlib\npathlib.Path({trap!r}).touch()\n"
FILES = {
    "configs/_base_/schedule.py": b"train_cfg = dict(max_epochs=12)\nmodel = dict(type='Base')\n",
    "configs/net/small.py": b"_base_ = '../_base_/schedule.py'\nmodel = dict(depth=18)\n",
    "configs/net/tiny.py": b"_base_ = ['./small.py', '../_base_/runtime.py']\nmodel = dict(type='Tiny', depth=9)\n",
    "configs/_base_/runtime.py": b"default_scope = 'mmengine'\n",
}
ORDER = ("net/tiny.py", "net/small.py", "_base_/schedule.py", "_base_/runtime.py")  # as it is inherited
WHOLE = hashlib.sha256(b"".join(FILES[f"configs/{name}"] for name in ORDER)).hexdigest()


@pytest.fixture
def server(alone):
    with shelf(dict(FILES)) as found:
        yield found


def config_at(server: Shelf, path: str = "configs/net/tiny.py", **how) -> Source:
    return Source(f"{server.url}/{path}", **how)


def test_what_a_configuration_inherits_is_found_beside_its_url(server):
    config, _ = read(config_at(server, trust=True), resolve)
    assert config.model == {"type": "Tiny", "depth": 9}
    assert config.train_cfg.max_epochs == 12
    assert config.default_scope == "mmengine"


def test_it_is_not_run_before_somebody_says_so_and_then_the_refusal_tells_what_to_say(server, tmp_path):
    trap = tmp_path / "was here"
    server.files["configs/net/tiny.py"] += TRAP.format(trap=str(trap)).encode()
    with pytest.raises(UntrustedError, match=r"foreign\.trust=true foreign\.sha256=[0-9a-f]{64}") as told:
        read(config_at(server), resolve)
    assert not trap.exists()
    sha256 = str(told.value).partition("foreign.sha256=")[2][:64]
    read(config_at(server, trust=True, sha256=sha256), resolve)
    assert trap.exists()


@pytest.mark.parametrize("name", ["configs/net/tiny.py", "configs/_base_/schedule.py"])
def test_a_pin_holds_for_the_file_and_for_all_that_it_inherits(server, tmp_path, name):
    read(config_at(server, trust=True, sha256=WHOLE), resolve)
    trap = tmp_path / "was here"
    server.files[name] += TRAP.format(trap=str(trap)).encode()
    with pytest.raises(UntrustedError, match=rf"sha256 is {WHOLE}, but .* the 3 that it inherits"):
        read(config_at(server, trust=True, sha256=WHOLE), resolve)
    assert not trap.exists()


def test_the_pin_of_a_file_that_inherits_nothing_is_its_sha256(server):
    sha256 = hashlib.sha256(FILES["configs/_base_/schedule.py"]).hexdigest()
    config, _ = read(config_at(server, "configs/_base_/schedule.py", trust=True, sha256=sha256), resolve)
    assert config.model.type == "Base"


def test_a_base_that_is_not_there_is_named(server):
    del server.files["configs/_base_/runtime.py"]
    with pytest.raises(Exception, match=r"configs/_base_/runtime\.py"):
        read(config_at(server, trust=True), resolve)


@pytest.mark.parametrize("base", ["../../../etc/passwd", "/etc/passwd", "../../../../other/config.py"])
def test_a_base_above_its_own_address_is_refused(server, base):
    server.files["configs/net/evil.py"] = f"_base_ = {base!r}\n".encode()
    with pytest.raises(UsageError, match="which is not below http"):
        read(config_at(server, "configs/net/evil.py", trust=True), resolve)


def test_bases_that_inherit_each_other_end(server):
    server.files["configs/net/small.py"] = b"_base_ = './tiny.py'\n"
    with pytest.raises(UntrustedError):
        read(config_at(server), resolve)


@pytest.mark.parametrize(("trust", "content"), [(False, b""), (True, b"model = dict("), (True, b"raise ValueError(1)")])
def test_a_permission_in_the_query_is_not_shown(server, trust, content):
    server.files["configs/mine.py"] = content
    source = Source(f"{server.url}/configs/mine.py?X-Amz-Signature=aPermission", trust)
    with pytest.raises(T4zooError, match=r"configs/mine\.py") as told:
        read(source, resolve)
    assert "aPermission" not in str(told.value)


@pytest.mark.parametrize("content", [b"model = dict(", b"\xff\xfe\x00", b"_base_ = [print('x')]\n"])
def test_what_is_no_configuration_is_one_line(server, content):
    server.files["configs/net/broken.py"] = content
    with pytest.raises((UsageError, UntrustedError), match=r"broken\.py") as told:
        read(config_at(server, "configs/net/broken.py", trust=True), resolve)
    assert "\n" not in str(told.value)


def test_two_addresses_of_one_file_name_are_two_configurations(server):
    server.files["v2/tiny.py"] = b"model = dict(type='Two')\n"
    server.files["v1/tiny.py"] = b"model = dict(type='One')\n"
    kinds = [read(config_at(server, f"{folder}/tiny.py", trust=True), resolve)[0].model.type for folder in ("v1", "v2")]
    assert kinds == ["One", "Two"]


def test_the_file_that_is_to_be_read_is_named(server):
    with pytest.raises(UntrustedError) as told:
        read(config_at(server, "configs/_base_/schedule.py"), resolve)
    path = Path(str(told.value).partition("read it (")[2].partition(")")[0])
    assert path.read_bytes() == FILES["configs/_base_/schedule.py"]
