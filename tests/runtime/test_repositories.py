"""Clones on their way into a workspace, and what is kept of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.git import GitLimits
from jupyter_agents.runtime.repositories import Checkouts, Repositories
from tests.domain.talk import Clock, Ids
from tests.git_host import GitHost

Doc = dict[str, Any]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with GitHost(tmp_path / "host").serving() as running:
        running.repository("lib", {"a": b"1"})
        yield running


@pytest.fixture
def kept(tmp_path: Path, host: GitHost) -> Repositories:
    return Repositories(tmp_path / "kept", [host.url], GitLimits(), Clock(), Ids())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "agents/work"
    made.mkdir(parents=True)
    return made


def attach(kept: Repositories, host: GitHost, **more: Any) -> Doc:
    return kept.attach("sesn_1", {"url": host.address("lib"), **more}, [])


async def test_a_clone_comes_once(kept: Repositories, host: GitHost, workspace: Path) -> None:
    checkouts = Checkouts("sesn_1", [attach(kept, host, mount_path="/workspace/deep/er//lib")], kept)
    assert checkouts.waiting
    assert await checkouts.bring(workspace, None) == ["deep/er/lib"]
    assert not checkouts.waiting and (workspace / "deep/er/lib/a").read_bytes() == b"1"
    asked = len(host.asked)
    checkouts.try_again()
    assert await checkouts.bring(workspace, None) == [] and len(host.asked) == asked
    assert checkouts.problems() == [] and os.listdir(workspace.parent) == ["work"]


async def test_one_that_was_moved_away_comes_again(
    kept: Repositories, host: GitHost, workspace: Path
) -> None:
    checkouts = Checkouts("sesn_1", [attach(kept, host)], kept)
    await checkouts.bring(workspace, None)
    (workspace / "lib").rename(workspace / "mine")
    checkouts.try_again()
    assert await checkouts.bring(workspace, None) == ["lib"]


@pytest.mark.parametrize("in_the_way", ["file", "full", "link", "above"])
async def test_what_is_in_the_way_stays_and_is_said(
    kept: Repositories, host: GitHost, workspace: Path, tmp_path: Path, in_the_way: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = "/workspace/in/lib"
    (workspace / "in").mkdir()
    match in_the_way:
        case "file":
            (workspace / "in/lib").write_text("mine")
        case "full":
            (workspace / "in/lib").mkdir()
            (workspace / "in/lib/mine").touch()
        case "link":
            (workspace / "in/lib").symlink_to(elsewhere)
        case "above":
            (workspace / "in").rmdir()
            (workspace / "in").symlink_to(elsewhere)
    checkouts = Checkouts("sesn_1", [attach(kept, host, mount_path=path)], kept)
    assert await checkouts.bring(workspace, None) == []
    (problem,) = checkouts.problems()
    assert problem.type == "repository_clone_error" and problem.mount_path == path
    assert list(elsewhere.iterdir()) == [] and checkouts.problems() == []


async def test_an_empty_folder_is_not_in_the_way(kept: Repositories, host: GitHost, workspace: Path) -> None:
    (workspace / "lib").mkdir()
    assert await Checkouts("sesn_1", [attach(kept, host)], kept).bring(workspace, None) == ["lib"]


async def test_what_a_dead_server_left_goes(kept: Repositories, host: GitHost, workspace: Path) -> None:
    (workspace.parent / "jupyter-agents-99999999-abc").mkdir()
    (workspace.parent / f"jupyter-agents-{os.getpid()}-abc").mkdir()
    await Checkouts("sesn_1", [attach(kept, host)], kept).bring(workspace, None)
    assert sorted(os.listdir(workspace.parent)) == [f"jupyter-agents-{os.getpid()}-abc", "work"]


def test_tokens_are_kept_apart_and_for_the_owner_alone(kept: Repositories, host: GitHost) -> None:
    made = attach(kept, host, authorization_token="tok-1")
    assert "tok-1" not in str(made) and kept.token("sesn_1", made["id"]) == "tok-1"
    assert kept.token("sesn_2", made["id"]) is None
    kept.set_token("sesn_1", made["id"], "tok-2")
    assert kept.token("sesn_1", made["id"]) == "tok-2"
    (path,) = (kept.folder).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and kept.kept() == [path]
    with pytest.raises(InvalidRequest):
        kept.set_token("sesn_1", made["id"], "a b")
    kept.forget("sesn_1")
    kept.forget("sesn_1")
    assert kept.token("sesn_1", made["id"]) is None and kept.kept() == []
