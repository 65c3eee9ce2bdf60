from __future__ import annotations

import re
from typing import Any

import pytest

from jupyter_agents.domain.resources import (
    below_uploads,
    check_places,
    count,
    mount_path,
    notes,
    repository,
)
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]
BRANCH = {"type": "branch", "name": "fix/a-1"}
COMMIT = {"type": "commit", "sha": "a" * 40}
GITHUB = ["https://github.com"]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (None, "/mnt/session/uploads/file_1"),
        ("/workspace/data.csv", "/workspace/data.csv"),
        ("/data.csv", "/data.csv"),
        ("/mnt/session/uploads/a/b.csv", "/mnt/session/uploads/a/b.csv"),
    ],
)
def test_where_a_file_is_mounted(given: str | None, place: str) -> None:
    assert mount_path(given, "file_1") == place


@pytest.mark.parametrize(
    "given",
    [
        "data.csv",
        "",
        "/",
        "//",
        "/workspace",
        "/workspace/",
        "/workspace/../etc/passwd",
        "/etc/passwd",
        "/usr/bin/python3",
        "/lib64/x",
        "/proc/self/mem",
        "/dev/null",
        "/mnt/session/outputs/x",
        "/mnt/session/uploads",
        "/mnt/session",
        "/mnt",
        "//workspace",
        "//mnt/session/outputs/x",
        "//x",
        "/work\x00space",
        "/a\nb",
        "/" + "x" * 1024,
    ],
)
def test_a_path_that_is_not_safe_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match="mount_path"):
        mount_path(given, "file_1")


@pytest.mark.parametrize(
    ("path", "below"),
    [("/workspace/a", "workspace/a"), ("/mnt/session/uploads/a/b", "a/b"), ("/data.csv", "data.csv")],
)
def test_where_a_file_lies_below_the_uploads(path: str, below: str) -> None:
    assert str(below_uploads(path)) == below


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/workspace/a", "/workspace/a"),
        ("/workspace/a", "/workspace//a/"),
        ("/workspace/a", "/workspace/a/b"),
        ("/workspace/a/b", "/workspace/a"),
        ("/a", "/mnt/session/uploads/a"),
        ("/mnt/session/uploads/data/x", "/data"),
    ],
)
def test_two_mounts_at_or_below_each_other_are_refused(one: str, other: str) -> None:
    with pytest.raises(InvalidRequest, match="mounted at, above or below"):
        check_places([{"mount_path": one}, {"mount_path": other}])


def test_neighbours_are_no_trouble() -> None:
    check_places([{"mount_path": "/workspace/a"}, {"mount_path": "/workspace/ab"}, {"type": "other"}])


def given(**more: Any) -> Doc:
    return {"type": "github_repository", "url": "https://github.com/pallets/click", **more}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (given(), {"mount_path": "/workspace/click", "checkout": None}),
        (given(mount_path=None, checkout=None), {"mount_path": "/workspace/click", "checkout": None}),
        (given(mount_path="/workspace/lib/click"), {"mount_path": "/workspace/lib/click"}),
        (given(checkout=BRANCH), {"checkout": BRANCH}),
        (given(checkout=COMMIT), {"checkout": COMMIT}),
        (given(authorization_token="ghp_secret"), {"url": "https://github.com/pallets/click"}),
    ],
)  # fmt: skip
def test_a_repository(body: Doc, found: Doc) -> None:
    made = repository(body, GITHUB)
    assert made | found == made and "secret" not in str(made)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/pallets/click.git",
        "https://github.com/pallets",
        "https://github.com/pallets/",
        "https://github.com/a/b/c",
        "https://github.com/a/..",
        "https://github.com/./b",
        "https://github.com/a/b?x=1",
        "https://github.com/a/b\n",
        "https://github.com.example.org/a/b",
        "https://user@github.com/a/b",
        "http://github.com/a/b",
        "git@github.com:a/b",
        "ssh://github.com/a/b",
        "file:///etc/passwd",
        "ext::sh -c true",
        "--upload-pack=x",
        "",
    ],
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape("url: expected https://github.com/<owner>/<repo>")):
        repository({"url": url}, GITHUB)


def test_other_hosts_are_the_administrators_to_name() -> None:
    hosts = [*GITHUB, "http://127.0.0.1:8080/git/"]
    made = repository({"url": "http://127.0.0.1:8080/git/a/b"}, hosts)
    assert made["mount_path"] == "/workspace/b"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"mount_path": "/repo"}, "below /workspace"),
        ({"mount_path": "/workspace"}, "mount_path"),
        ({"mount_path": "/workspace/outputs"}, "below /workspace"),
        ({"mount_path": "/workspace/../etc"}, "mount_path"),
        ({"checkout": {"type": "commit", "sha": "abc"}}, "checkout.sha"),
        ({"checkout": {"type": "commit", "sha": "-" * 40}}, "checkout.sha"),
        ({"authorization_token": ""}, "authorization_token"),
        ({"authorization_token": "a b"}, "authorization_token"),
        ({"authorization_token": "a\r\nX: y"}, "authorization_token"),
        ({"authorization_token": "a" * 1001}, "authorization_token"),
    ],
)
def test_a_repository_that_cannot_be_had(more: Doc, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        repository(given(**more), GITHUB)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "--upload-pack=sh",
        "a..b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a.lock",
        "/a",
        "a/",
        "a//b",
        "@{-1}",
        "a\n",
        ".a",
        "a/.b",
        "a.",
        "a" * 256,
    ],
)
def test_a_name_that_no_branch_has_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"checkout\.name"):
        repository(given(checkout={"type": "branch", "name": name}), GITHUB)


def test_what_the_model_is_told() -> None:
    mounted = [
        {"type": "file", "mount_path": "/workspace/a.csv"},
        {"type": "github_repository", "mount_path": "/workspace/click", "url": "https://github.com/pallets/click"},
    ]  # fmt: skip
    files, repositories = notes(mounted)
    assert files == "Files from the user:\n- /workspace/a.csv"
    assert repositories.endswith("- /workspace/click (https://github.com/pallets/click)")
    assert (notes([]), count(mounted, "file")) == ([], 1)
