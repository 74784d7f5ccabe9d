"""Where the store and the zoo are, with whose credentials: `.dvc/config`, read as the INI file that it is, or a URL."""

from __future__ import annotations

import os
import re
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from t4zoo.errors import UsageError

STORE, ZOO = "store", "zoo"  # the two remotes in .dvc/config
FOLDERS = {STORE: "dvc", ZOO: "autoware-ml"}  # where they lie below a team's URL, beside each other
ENVIRONMENT = "T4ZOO_URL"
LOCAL = "file://"  # before an absolute path: a zoo of manifests on this machine

_AMAZON = re.compile(r"(?P<bucket>[a-z0-9.-]+)\.(?P<host>s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com)")


class AddressError(UsageError):
    """No address, or one that is no URL of S3 or of a web server."""


@dataclass(frozen=True)
class Credentials:
    """How to sign in; a field that is None is left to the AWS_* variables and ~/.aws. Never shown."""

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    key_id: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    verify_tls: bool = True


@dataclass(frozen=True)
class Address:
    """A folder in S3 (bucket, prefix without slashes at its ends), or below a web server's URL when bucket is None.

    url: as it was given, without a slash at the end; safe to show.
    """

    url: str
    bucket: str | None
    prefix: str
    credentials: Credentials = Credentials()

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.url.startswith(LOCAL)

    def key(self, path: str) -> str:
        """The object's key of a path below this folder."""
        return f"{self.prefix}/{path}" if self.prefix and path else self.prefix or path

    def url_of(self, path: str) -> str:
        """The readable URL of a path below this folder."""
        return f"{self.url}/{path}" if path else self.url


def parse_address(url: str, credentials: Credentials | None = None) -> Address:
    """The folder that an `s3://`, `http://`, `https://` or `file:///` URL names; raises AddressError otherwise."""
    if url.startswith(LOCAL):
        path = url.removeprefix(LOCAL).rstrip("/")
        if not path.startswith("/"):
            raise AddressError(f"{url!r} is no address of a zoo; write {LOCAL}/folder, with the whole path")
        return Address(LOCAL + path, None, path.strip("/"))
    try:
        parts = urlsplit(url)
    except ValueError as error:  # its text may quote the URL, and that a password
        raise AddressError(f"no address of a zoo: {error if '@' not in url else 'not a URL'}") from None
    if parts.username or parts.password:
        raise AddressError("a URL with a user and password in it ends up in logs; give credentials by AWS_* variables")
    if parts.query or parts.fragment:  # not quoted: in a presigned URL the query is the permission
        raise AddressError(f"{parts.scheme}://{parts.netloc}{parts.path}?...: a zoo's address ends before its query")
    if not parts.netloc or parts.scheme not in ("s3", "http", "https"):
        raise AddressError(f"{url!r} is no address of a zoo; write s3://bucket/prefix or https://host/path")
    prefix = parts.path.strip("/")
    clean = f"{parts.scheme}://{parts.netloc}/{prefix}".rstrip("/")
    bucket = parts.netloc if parts.scheme == "s3" else None
    return Address(clean, bucket, prefix, credentials or Credentials())


def listing_address(address: Address) -> tuple[str, str]:
    """Of a web address: the URL that S3 would list, and the key of the folder within that bucket."""
    parts = urlsplit(address.url)
    if _AMAZON.fullmatch(parts.netloc):
        return f"{parts.scheme}://{parts.netloc}/", address.prefix
    bucket, _, prefix = address.prefix.partition("/")
    return f"{parts.scheme}://{parts.netloc}/{bucket}", prefix


def find_repository(start: Path) -> Path | None:
    """The nearest folder upward that has a `.dvc/config`, or None. Asks no git, which a reader need not have."""
    return next((folder for folder in (start, *start.parents) if (folder / ".dvc" / "config").is_file()), None)


def find_zoo(url: str | None, repository: Path | None) -> Address:
    """The zoo that `--zoo`, T4ZOO_URL or the repository's remote names, in this order."""
    given = url or os.environ.get(ENVIRONMENT)
    if given:
        return address_of(LOCAL + str(Path(given).resolve()) if Path(given).is_dir() else given, repository)
    return _remote(repository, ZOO)


def zoo_of(repository: Path) -> Address:
    """The zoo that this repository releases to: its remote and no other, whatever a reader's variable says."""
    return _remote(repository, ZOO)


def find_store(repository: Path) -> Address:
    """The store: DVC's remote of that name."""
    return _remote(repository, STORE)


def address_of(url: str, repository: Path | None) -> Address:
    """The address of a URL, with the repository's own credentials where one of its remotes is in the same bucket."""
    address = parse_address(url)
    if address.bucket is None or repository is None:
        return address
    for name in (ZOO, STORE):
        remote = _configured(repository, name)
        if remote is not None and remote.bucket == address.bucket:
            return replace(address, credentials=remote.credentials)
    return address


def cache_folder(repository: Path) -> Path:
    """The folder of DVC's local cache, `.dvc/cache` unless `.dvc/config` names a shared one."""
    folder = _read(repository).get("cache", {}).get("dir")
    return (repository / ".dvc" / folder).resolve() if folder else repository / ".dvc" / "cache"


def _remote(repository: Path | None, name: str) -> Address:
    if repository is None:
        raise AddressError(
            f"no zoo is named here: give --zoo URL, or set {ENVIRONMENT} (as in s3://bucket/autoware-ml)"
        )
    address = _configured(repository, name)
    if address is None:
        raise AddressError(f"{repository / '.dvc/config'}: has no remote {name!r} with a url; `t4zoo init` writes it")
    return address


def _configured(repository: Path, name: str) -> Address | None:
    config = _read(repository)
    remote = config.get(f'remote "{name}"', {})
    if not remote.get("url"):
        return None
    credentials = _credentials(remote)
    if name == ZOO and not (credentials.endpoint or credentials.profile or credentials.key_id):
        # Both lie in one service, since a release copies from the one to the other: what is said once holds for both.
        credentials = _credentials(config.get(f'remote "{STORE}"', {}))
    return parse_address(remote["url"], credentials)


def _credentials(remote: dict[str, str]) -> Credentials:
    return Credentials(
        endpoint=remote.get("endpointurl"),
        region=remote.get("region"),
        profile=remote.get("profile"),
        key_id=remote.get("access_key_id"),
        secret=remote.get("secret_access_key"),
        token=remote.get("session_token"),
        verify_tls=remote.get("ssl_verify", "true").lower() not in ("false", "no", "0", "off"),
    )


def _read(repository: Path) -> dict[str, dict[str, str]]:
    """Sections of `.dvc/config`, overlaid by those of `.dvc/config.local`, as DVC does."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), strict=False)
    for name in ("config", "config.local"):
        path = repository / ".dvc" / name
        try:
            parser.read(path, encoding="utf-8")
        except (ConfigError, UnicodeDecodeError) as error:
            # The parser's own message would quote the line, and the line may be a secret.
            raise AddressError(f"{path}: not an INI file ({type(error).__name__})") from None
    return {
        section.strip("'"): {key: value.strip().strip("'\"") for key, value in parser[section].items()}
        for section in parser.sections()
    }
