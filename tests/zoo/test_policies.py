"""The shipped policies on the real server, in a versioned bucket: each role does its work, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from t4zoo.zoo.address import AddressError
from t4zoo.zoo.policy import USERS, PolicyError, below, names, of_users, render
from t4zoo.zoo.releasing.lock import key_of, parse_lock
from t4zoo.zoo.storage.server import REGION, Server, ServerError, instructions
from t4zoo.zoo.storage.users import OWNER
from tests.zoo.conftest import settings
from tests.zoo.repository import FOLDER, NAME, Repository, make

BUCKET, URL = "team", "s3://team/perception"
STORE, ZOO, ELSEWHERE = "perception/dvc", "perception/autoware-ml", "perception/secret"
OBJECT = f"{STORE}/files/md5/aa/{'b' * 30}"
RELEASED = f"{ZOO}/models/CenterPoint/t4old/v1.0.0/epoch_3.pth"
Attempt = Callable[[Any], object]


def put(key: str, **options: Any) -> Attempt:
    return lambda client: client.put_object(Bucket=BUCKET, Key=key, Body=b"new", **options)


def get(key: str) -> Attempt:
    return lambda client: client.get_object(Bucket=BUCKET, Key=key)


def listing(prefix: str) -> Attempt:
    return lambda client: client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def delete(key: str, **options: Any) -> Attempt:
    return lambda client: client.delete_object(Bucket=BUCKET, Key=key, **options)


def copy(source: str, target: str) -> Attempt:
    return lambda client: client.copy_object(Bucket=BUCKET, Key=target, CopySource={"Bucket": BUCKET, "Key": source})


def delete_many(client: Any) -> None:
    answer = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": OBJECT}, {"Key": RELEASED}]})
    if answer.get("Errors"):
        raise ClientError({"Error": {"Code": answer["Errors"][0]["Code"]}}, "DeleteObjects")


def in_parts(key: str) -> Attempt:
    def act(client: Any) -> None:
        upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        part = client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"new")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)

    return act


def delete_each_version(client: Any, owner: Any) -> None:
    for version in owner.list_object_versions(Bucket=BUCKET, Prefix=OBJECT)["Versions"]:
        client.delete_object(Bucket=BUCKET, Key=OBJECT, VersionId=version["VersionId"], BypassGovernanceRetention=True)


ATTEMPTS: dict[str, Attempt] = {
    "read the zoo": get(RELEASED),
    "list the zoo": listing(f"{ZOO}/"),
    "read the store": get(OBJECT),
    "list the store": listing(f"{STORE}/"),
    "push an object": put(f"{STORE}/files/md5/cc/{'d' * 30}"),
    "push an object in parts": in_parts(f"{STORE}/files/md5/cc/{'e' * 30}"),
    "publish a file": put(f"{ZOO}/models/new", IfNoneMatch="*"),
    "publish by copy": copy(OBJECT, f"{ZOO}/models/copied"),
    "publish in parts": in_parts(f"{ZOO}/models/parts"),
    "see unfinished uploads": lambda client: client.list_multipart_uploads(Bucket=BUCKET),
    # What follows is no role's.
    "read another folder": get(f"{ELSEWHERE}/file"),
    "list another folder": listing(f"{ELSEWHERE}/"),
    "list the folder above": listing("perception/"),
    "list the bucket": listing(""),
    "write another folder": put(f"{ELSEWHERE}/new"),
    "write beside the store": put(f"{STORE}-other/new"),
    "climb out of the store": put(f"{STORE}/../autoware-ml/new"),
    "copy out of another folder": copy(f"{ELSEWHERE}/file", f"{STORE}/stolen"),
    "copy a secret into the zoo": copy(f"{ELSEWHERE}/file", f"{ZOO}/stolen"),
    "delete from the store": delete(OBJECT),
    "delete from the zoo": delete(RELEASED),
    "delete many": delete_many,
    "delete an old version": delete(OBJECT, VersionId="null", BypassGovernanceRetention=True),
    "read the policy": lambda client: client.get_bucket_policy(Bucket=BUCKET),
    "change the policy": lambda client: client.delete_bucket_policy(Bucket=BUCKET),
    "stop versioning": lambda client: client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    ),
    "let objects expire": lambda client: client.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 1}}]
        },
    ),
    "change an object's rights": lambda client: client.put_object_acl(Bucket=BUCKET, Key=RELEASED, ACL="public-read"),
    "tag a released file": lambda client: client.put_object_tagging(
        Bucket=BUCKET, Key=RELEASED, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
    ),
    "make a bucket": lambda client: client.create_bucket(Bucket="mine"),
    "delete the bucket": lambda client: client.delete_bucket(Bucket=BUCKET),
}
READS_THE_ZOO = {"read the zoo", "list the zoo"}
READS_BOTH = READS_THE_ZOO | {"read the store", "list the store"}
RIGHTS = {
    "anonymous": READS_THE_ZOO,
    "reader": READS_THE_ZOO,
    "trainer": READS_BOTH | {"push an object", "push an object in parts"},
    "publisher": READS_BOTH | {"publish a file", "publish by copy", "publish in parts", "see unfinished uploads"},
    # Written for Amazon: this server does not know the conditions, and then nothing is allowed that needs them.
    "publisher-write-once": READS_BOTH | {"see unfinished uploads"},
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a team's bucket: set up as docs/security.md says, with a user for each policy."""
    policies = {name: render(name, *below(URL)) for name in names() if name != "public"}
    with Server(tmp_path_factory.mktemp("team"), BUCKET, policies) as server:
        owner = client_of(server, OWNER)
        owner.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        owner.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(render("public", *below(URL))))
        for key in (OBJECT, RELEASED, f"{ELSEWHERE}/file"):
            owner.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        yield server


def client_of(server: Server, user: str) -> Any:
    options = {"endpoint_url": server.endpoint, "region_name": REGION}
    retries = {"total_max_attempts": 1}
    if user == "anonymous":
        return boto3.client("s3", **options, config=Config(signature_version=UNSIGNED, retries=retries))
    environment = server.environment_of(user)
    return boto3.client(
        "s3",
        **options,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries=retries),
    )


def allowed(client: Any, attempt: Attempt) -> bool:
    try:
        attempt(client)
    except ClientError as error:
        # A key that climbs is refused for what it is; everything else for want of a right.
        assert error.response["Error"]["Code"] in ("AccessDenied", "InvalidRequest"), error
        return False
    return True


def bytes_of(server: Server, key: str) -> bytes:
    content: bytes = client_of(server, OWNER).get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


@pytest.mark.parametrize("user", sorted(RIGHTS))
def test_a_role_may_do_its_work_and_nothing_else(team: Server, user: str) -> None:
    client = client_of(team, user)
    assert {name for name, attempt in ATTEMPTS.items() if allowed(client, attempt)} == RIGHTS[user]
    for key in (OBJECT, RELEASED):
        assert bytes_of(team, key) == key.encode()


def test_every_shipped_policy_is_tried_here() -> None:
    assert set(names()) - {"public"} == set(RIGHTS) - {"anonymous"} and set(USERS) <= set(names())


@pytest.mark.parametrize("overwrite", [put, in_parts])
def test_what_a_trainer_overwrites_in_the_store_is_not_lost(team: Server, overwrite: Callable[[str], Attempt]) -> None:
    """S3 has one right for creating and for replacing; versioning keeps what was there, out of the trainer's reach."""
    trainer, owner = client_of(team, "trainer"), client_of(team, OWNER)
    key = f"{STORE}/files/md5/ff/{overwrite.__name__}"
    put(key)(trainer)
    first = owner.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    overwrite(key)(trainer)
    for version in owner.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]:
        assert not allowed(trainer, delete(key, VersionId=version["VersionId"]))
        assert not allowed(trainer, delete(key, VersionId=version["VersionId"], BypassGovernanceRetention=True))
    source = {"Bucket": BUCKET, "Key": key, "VersionId": first}
    owner.copy_object(Bucket=BUCKET, Key=key, CopySource=source)
    assert bytes_of(team, key) == b"new"


@pytest.fixture(scope="module")
def trained(team: Server, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that was trained and pushed with a trainer's rights alone, by DVC itself."""
    home = tmp_path_factory.mktemp("trainer")
    with settings(team, home), pytest.MonkeyPatch.context() as patch:
        act_as(patch, team, "trainer")
        return make(home / "repository", URL)


def act_as(patch: pytest.MonkeyPatch, server: Server, user: str) -> None:
    for name, value in server.environment_of(user).items():
        patch.setenv(name, value)


def clone(repository: Repository, to: Path) -> Repository:
    """Someone else's working copy: no cache, no outs."""
    ignored = shutil.ignore_patterns("cache", "tmp", "models", "info")
    shutil.copytree(repository.root, to, ignore=ignored)
    return Repository(to, repository.url)


def test_a_trainer_pushes_a_publisher_releases_and_a_reader_pulls(
    team: Server, trained: Repository, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "repository", trained.url)
    shutil.copytree(trained.root, repository.root)
    act_as(monkeypatch, team, "trainer")
    refused = repository.t4zoo("release", NAME, check=False)
    assert refused.code == 1 and "access denied: these credentials do not have the right" in refused.err
    assert "Contents" not in client_of(team, OWNER).list_objects_v2(Bucket=BUCKET, Prefix=f"{ZOO}/{FOLDER}/manifest")

    act_as(monkeypatch, team, "publisher")
    repository.t4zoo("release", NAME)
    assert repository.git("tag", "--list") == NAME

    elsewhere = Repository(tmp_path, "")
    act_as(monkeypatch, team, "reader")
    elsewhere.t4zoo("pull", NAME, "--zoo", f"{URL}/autoware-ml", "--to", "as-reader")
    assert NAME in elsewhere.t4zoo("list", "--zoo", f"{URL}/autoware-ml").out
    denied = clone(trained, tmp_path / "clone").dvc("pull", check=False)
    assert denied.code != 0 and not (tmp_path / "clone/models").exists()

    for name in team.environment:
        monkeypatch.delenv(name)
    open_zoo = f"{team.endpoint}/{BUCKET}/{ZOO}"
    elsewhere.t4zoo("pull", NAME, "--zoo", open_zoo, "--to", "as-anyone")
    assert NAME in elsewhere.t4zoo("list", "--zoo", open_zoo).out
    pulled = [{path.name: path.read_bytes() for path in (tmp_path / f"as-{who}").rglob("*") if path.is_file()}
              for who in ("reader", "anyone")]  # fmt: skip
    assert pulled[0] == pulled[1] and "epoch_3.pth" in pulled[0]


def test_overwritten_objects_are_refused_by_whoever_reads_them_and_can_be_brought_back(
    team: Server, trained: Repository, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "info/base/info_train.pkl"
    out = parse_lock((trained.root / "dvc.lock").read_bytes(), "dvc.lock").holding(path)
    assert out is not None and out.md5 is not None
    key, owner, trainer = f"{STORE}/{key_of(out.md5)}", client_of(team, OWNER), client_of(team, "trainer")
    good = owner.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    before = bytes_of(team, key)
    put(key)(trainer)
    act_as(monkeypatch, team, "trainer")
    fooled = clone(trained, tmp_path / "fooled").dvc("pull", path, check=False)
    assert fooled.code != 0 and not (tmp_path / "fooled" / path).exists()

    owner.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": key, "VersionId": good})
    clone(trained, tmp_path / "mended").dvc("pull", path)
    assert (tmp_path / "mended" / path).read_bytes() == before


def test_policies_are_filled_in_for_the_two_folders_wherever_they_lie() -> None:
    store, zoo = below("s3://bucket")
    text = json.dumps(render("trainer", store, zoo))
    assert '"arn:aws:s3:::bucket/dvc/*"' in text and '"autoware-ml/*"' in text and "<" not in text
    apart = json.dumps(render("publisher", below("s3://one/a")[0], below("s3://two/b")[1]))
    assert "one/a/dvc/*" in apart and "two/b/autoware-ml/*" in apart and "one/a/autoware-ml" not in apart
    for name in names():
        policy = render(name, store, zoo)
        assert policy["Version"] == "2012-10-17" and not {"s3:*", "*"}.intersection(actions(policy))
        assert len(json.dumps(policy)) < 6144  # characters that Amazon takes as a managed policy


def actions(policy: dict[str, Any]) -> set[str]:
    listed = [statement["Action"] for statement in policy["Statement"]]
    return {action for entry in listed for action in ([entry] if isinstance(entry, str) else entry)}


@pytest.mark.parametrize("url", ["s3://bucket/team*", "s3://b?x/team", "s3://bucket/${aws:username}", "https://h/p"])
def test_an_address_that_would_widen_a_policy_is_refused(url: str) -> None:
    with pytest.raises((PolicyError, AddressError)):
        render("reader", *below(url))


def test_the_command_prints_the_policy_of_the_repository_or_of_a_url(published: Repository, tmp_path: Path) -> None:
    printed = published.t4zoo("policy", "reader").out
    assert json.loads(printed) == render("reader", *below(published.url))
    outside = Repository(tmp_path, "")
    printed = outside.t4zoo("policy", "public", "--url", "s3://elsewhere/x").out
    assert "arn:aws:s3:::elsewhere/x/autoware-ml/*" in printed
    unknown = outside.t4zoo("policy", "king", "--url", URL, check=False)
    assert unknown.code == 2 and "'king' is no policy; there are public, publisher" in unknown.err
    nowhere = outside.t4zoo("policy", "reader", check=False)
    assert nowhere.code == 2 and "no remote 'store'" in nowhere.err


def test_roles_are_offered_where_the_repositorys_bucket_is_served(
    published: Repository, team: Server, tmp_path: Path
) -> None:
    assert set(of_users(published.root, published.bucket)) == set(USERS)
    assert of_users(published.root, "another") == {} == of_users(tmp_path, published.bucket)
    told = instructions(team)
    for role in team.policies:
        assert f"  {role:9} AWS_ACCESS_KEY_ID={team.environment_of(role)['AWS_ACCESS_KEY_ID']} " in told
    with pytest.raises(ServerError, match="has no user 'king'"):
        team.environment_of("king")


def test_the_servers_users_keep_their_keys_and_no_one_else_is_let_in(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would let in whoever has the AWS_* keys of its environment, which are a user's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OUTSIDERSKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "outsiders-secret")
    reader = {"reader": render("reader", *below("s3://t4zoo/x"))}
    with Server(tmp_path / "s3", policies=reader) as server:
        first = server.environment_of("reader")
        outsider = boto3.Session().client("s3", endpoint_url=server.endpoint, region_name=REGION)
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            outsider.list_objects_v2(Bucket=server.bucket)
    again = Server(tmp_path / "s3")
    assert again.environment_of("reader")["AWS_SECRET_ACCESS_KEY"] == first["AWS_SECRET_ACCESS_KEY"]
    (tmp_path / "s3/iam.json").write_text("{}")
    with pytest.raises(Exception, match=r"iam\.json: not the users of this server; remove it"):
        again.environment_of("reader")
