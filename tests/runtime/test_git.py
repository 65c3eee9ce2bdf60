"""Clones from a git host on loopback."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.runtime import git as module
from jupyter_agents.runtime.git import GitError, GitLimits, clone, environment
from tests.git_host import TOKEN, GitHost

LIMITS = GitLimits(seconds=60)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with GitHost(tmp_path / "host").serving() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "staging"
    made.mkdir()
    return made


def wanted(host: GitHost, name: str, checkout: Any = None) -> dict[str, Any]:
    return {"url": host.address(name), "checkout": checkout}


async def test_the_default_branch(host: GitHost, folder: Path) -> None:
    sha = host.repository("lib", {"README": b"hello\n", "src/a.py": b"1\n"})
    made = await clone(wanted(host, "lib"), None, folder, LIMITS)
    assert (made / "README").read_bytes() == b"hello\n" and (made / "src/a.py").exists()
    assert host.git("-C", str(made), "rev-parse", "HEAD").strip() == sha
    assert host.git("-C", str(made), "symbolic-ref", "--short", "HEAD").strip() == "main"
    assert host.git("-C", str(made), "status", "--porcelain") == ""


async def test_a_branch_and_a_commit(host: GitHost, tmp_path: Path) -> None:
    first = host.repository("lib", {"a": b"1"})
    host.commit("lib", {"a": b"2"}, push="main")
    host.commit("lib", {"a": b"3"}, push="fix/it")
    gone = host.commit("lib", {"a": b"4"}, push="gone")
    host.git("-C", str(host.folder / "bare/owner/lib"), "branch", "-D", "gone")
    for number, (checkout, content) in enumerate(
        [
            (None, b"2"),
            ({"type": "branch", "name": "fix/it"}, b"3"),
            ({"type": "commit", "sha": first}, b"1"),
            ({"type": "commit", "sha": gone}, b"4"),
        ]
    ):
        place = tmp_path / str(number)
        place.mkdir()
        made = await clone(wanted(host, "lib", checkout), None, place, LIMITS)
        assert (made / "a").read_bytes() == content


async def test_a_repository_without_commits(host: GitHost, folder: Path) -> None:
    host.git("init", "--quiet", "--bare", str(host.folder / "bare/owner/empty"))
    made = await clone(wanted(host, "empty"), None, folder, LIMITS)
    assert os.listdir(made) == [".git"]


async def test_a_token_opens_a_private_repository_and_stays_nowhere(host: GitHost, folder: Path) -> None:
    host.repository("lib", {"a": b"1"})
    host.private.add("lib")
    made = await clone(wanted(host, "lib"), TOKEN, folder, LIMITS)
    assert (made / "a").exists()
    found = subprocess.run(["grep", "-rl", TOKEN, str(folder)], capture_output=True)
    assert found.stdout == b""
    config = (made / ".git/config").read_text().lower()
    assert "extraheader" not in config and "authorization" not in config
    assert host.address("lib") in config


@pytest.mark.parametrize(
    ("prepare", "checkout", "token", "kind"),
    [
        (lambda host: host.private.add("lib"), None, None, "authentication"),
        (lambda host: host.private.add("lib"), None, "wrong", "authentication"),
        (lambda host: host.forbidden.add("lib"), None, TOKEN, "forbidden"),
        (lambda host: None, {"type": "branch", "name": "nope"}, None, "checkout"),
        (lambda host: None, {"type": "commit", "sha": "a" * 40}, None, "checkout"),
    ],
)
async def test_what_goes_wrong_has_a_name(
    host: GitHost, folder: Path, prepare: Any, checkout: Any, token: str | None, kind: str
) -> None:
    host.repository("lib", {"a": b"1"})
    prepare(host)
    with pytest.raises(GitError) as caught:
        await clone(wanted(host, "lib", checkout), token, folder, LIMITS)
    assert caught.value.type == f"repository_{kind}_error"
    assert TOKEN not in caught.value.message and caught.value.message.endswith(".")


async def test_one_that_is_not_there(host: GitHost, folder: Path) -> None:
    with pytest.raises(GitError) as caught:
        await clone(wanted(host, "nothing"), None, folder, LIMITS)
    assert caught.value.type == "repository_not_found_error"


async def test_a_redirect_is_not_followed(host: GitHost, folder: Path) -> None:
    host.repository("real", {"a": b"1"})
    host.moved["lib"] = host.address("real")
    with pytest.raises(GitError, match="moved") as caught:
        await clone(wanted(host, "lib"), TOKEN, folder, LIMITS)
    assert caught.value.type == "repository_clone_error"
    assert not [path for path in host.asked if "/real" in path]


async def test_a_host_that_does_not_answer_takes_limited_time(host: GitHost, folder: Path) -> None:
    host.slow.add("lib")
    with pytest.raises(GitError, match=r"longer than 0\.5 seconds"):
        await clone(wanted(host, "lib"), None, folder, GitLimits(seconds=0.5))
    assert processes(folder) == []


async def test_a_clone_that_is_cancelled_leaves_no_process(host: GitHost, folder: Path) -> None:
    host.slow.add("lib")
    task = asyncio.create_task(clone(wanted(host, "lib"), None, folder, LIMITS))
    while not host.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert processes(folder) == []


def processes(folder: Path) -> list[str]:
    """The processes at work in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink() == folder:
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


async def test_one_that_is_too_large_is_stopped(host: GitHost, folder: Path) -> None:
    host.repository("lib", {"a": os.urandom(300_000)})
    with pytest.raises(GitError, match="larger than 100000 bytes"):
        await clone(wanted(host, "lib"), None, folder, GitLimits(seconds=60, size=100_000))


async def test_too_many_files_are_too_large(
    host: GitHost, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.repository("lib", {f"{n}": b"" for n in range(200)})
    monkeypatch.setattr(module, "MOST_FILES", 150)
    with pytest.raises(GitError, match="150 files"):
        await clone(wanted(host, "lib"), None, folder, LIMITS)


async def test_no_git_is_said_plainly(host: GitHost, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(GitError, match="git is not installed"):
        await clone(wanted(host, "lib"), None, folder, LIMITS)


async def test_nothing_of_a_hostile_repository_runs_or_escapes(
    host: GitHost, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = folder.parent / "proof"
    hook = f"#!/bin/sh\ntouch {proof}\n".encode()
    files = {"hooks/post-checkout": hook, ".gitattributes": b"* filter=bad\n", "data": b"x"}
    submodule = f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% {proof}\n'.encode()
    host.repository("lib", files | {".gitmodules": submodule}, links={"link": str(folder.parent)})
    home = folder.parent / "home"
    (home / "hooks").mkdir(parents=True)
    (home / "hooks/post-checkout").write_bytes(hook)
    (home / "hooks/post-checkout").chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[core]\n hooksPath = {home}/hooks\n[filter "bad"]\n smudge = touch {proof}\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(home))
    made = await clone(wanted(host, "lib"), None, folder, LIMITS)
    assert not proof.exists()
    assert (made / "link").is_symlink() and not (made / ".git/hooks").exists()
    assert sorted(os.listdir(folder.parent)) == ["home", "host", "staging"]


def test_git_sees_nothing_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("GIT_SSH_COMMAND", "sh")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    found = environment("https://github.com/a/b", "tok", tmp_path)
    assert "sk-secret" not in found.values() and "GIT_SSH_COMMAND" not in found
    assert found["https_proxy"] == "http://proxy.example:3128" and found["GIT_ALLOW_PROTOCOL"] == "https"
    assert "http.https://github.com/.extraHeader" in found.values() and "tok" not in found.values()
    near = environment("http://127.0.0.1:1/a/b", None, tmp_path)
    assert "https_proxy" not in near and near["GIT_ALLOW_PROTOCOL"] == "http"
