"""Where store and zoo are: DVC's own files, or a URL; and nothing that would show a credential."""

from __future__ import annotations

from pathlib import Path

import pytest

from t4zoo.zoo.address import (
    AddressError,
    address_of,
    cache_folder,
    find_repository,
    find_store,
    find_zoo,
    listing_address,
    parse_address,
)

CONFIG = """\
[core]
    remote = store
['remote "store"']
    url = s3://bucket/team/dvc
    verify = true
['remote "zoo"']
    url = s3://bucket/team/autoware-ml/
"""

LOCAL = """\
['remote "store"']
    endpointurl = http://127.0.0.1:9000
    access_key_id = KEY
    secret_access_key = "SEC=RET%1"
"""


@pytest.fixture
def repository(tmp_path: Path, alone: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(CONFIG)
    (tmp_path / ".dvc/config.local").write_text(LOCAL)
    return tmp_path


def test_remotes_are_read_as_dvc_wrote_them(repository: Path) -> None:
    store, zoo = find_store(repository), find_zoo(None, repository)
    assert (store.bucket, store.prefix, store.credentials.endpoint) == ("bucket", "team/dvc", "http://127.0.0.1:9000")
    assert zoo.url == "s3://bucket/team/autoware-ml" and zoo.key("models/x") == "team/autoware-ml/models/x"
    assert store.credentials.secret == "SEC=RET%1"


def test_the_zoo_takes_what_is_said_of_the_store_unless_it_says_its_own(repository: Path) -> None:
    assert find_zoo(None, repository).credentials == find_store(repository).credentials
    own = "['remote \"zoo\"']\n    endpointurl = https://elsewhere\n"
    (repository / ".dvc/config.local").write_text(LOCAL + own)
    zoo = find_zoo(None, repository)
    assert zoo.credentials.endpoint == "https://elsewhere" and zoo.credentials.secret is None


def test_a_given_url_comes_before_the_variable_and_this_before_the_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T4ZOO_URL", "s3://variable/zoo")
    assert find_zoo("https://given/zoo", repository).url == "https://given/zoo"
    assert find_zoo(None, repository).url == "s3://variable/zoo"
    assert find_zoo(None, None).url == "s3://variable/zoo"
    monkeypatch.delenv("T4ZOO_URL")
    with pytest.raises(AddressError, match="T4ZOO_URL"):
        find_zoo(None, None)


def test_a_url_in_a_remotes_bucket_is_read_with_its_credentials_and_no_other(repository: Path) -> None:
    assert address_of("s3://bucket/any/where", repository).credentials.secret == "SEC=RET%1"
    assert address_of("s3://other/any/where", repository).credentials.secret is None
    assert address_of("https://bucket/any/where", repository).credentials.secret is None


def test_credentials_are_never_shown(repository: Path) -> None:
    shown = repr(find_store(repository)) + str(find_zoo(None, repository))
    assert "KEY" not in shown and "SEC" not in shown
    (repository / ".dvc/config.local").write_text("secret_access_key = SECRET\n")
    with pytest.raises(AddressError) as error:
        find_store(repository)
    assert "SECRET" not in str(error.value) and "config.local" in str(error.value)


@pytest.mark.parametrize("url", ["bucket/x", "file://x", "s3://", "https://user:pw@host/x", "s3://b/x?versionId=1", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AddressError) as error:
        parse_address(url)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "base", "prefix"),
    [
        ("https://host/bucket/a/zoo", "https://host/bucket", "a/zoo"),
        ("https://bk.s3.eu-west-1.amazonaws.com/a/zoo", "https://bk.s3.eu-west-1.amazonaws.com/", "a/zoo"),
        ("https://bk.s3.amazonaws.com", "https://bk.s3.amazonaws.com/", ""),
        ("https://s3.eu-west-1.amazonaws.com/bk/zoo", "https://s3.eu-west-1.amazonaws.com/bk", "zoo"),
    ],
)
def test_a_web_address_is_listed_where_s3_would_list_it(url: str, base: str, prefix: str) -> None:
    assert listing_address(parse_address(url)) == (base, prefix)


def test_the_repository_is_the_nearest_folder_upward_with_a_dvc_config(repository: Path) -> None:
    (repository / "a/b").mkdir(parents=True)
    assert find_repository(repository / "a/b") == repository
    assert find_repository(Path("/")) is None


def test_a_shared_cache_is_found(repository: Path) -> None:
    assert cache_folder(repository) == repository / ".dvc/cache"
    (repository / ".dvc/config.local").write_text("[cache]\n    dir = ../../shared\n")
    assert cache_folder(repository) == repository.parent / "shared"


def test_a_url_that_cannot_be_split_is_refused_and_its_password_not_repeated() -> None:
    with pytest.raises(AddressError, match="no address"):
        parse_address("http://[::1/zoo")
    with pytest.raises(AddressError) as error:
        parse_address("http://ada:geheim@[::1/zoo")
    assert "geheim" not in str(error.value)


def test_a_config_in_another_encoding_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_bytes("[core]\nremote = geheim".encode("utf-16"))
    with pytest.raises(AddressError, match="not an INI file") as error:
        find_zoo(None, tmp_path)
    assert "geheim" not in str(error.value)
