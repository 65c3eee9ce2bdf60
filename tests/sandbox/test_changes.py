from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jupyter_agents.sandbox import changes as changes_module
from jupyter_agents.sandbox import listing, watch
from jupyter_agents.sandbox.changes import Change, Changes

Follow = Callable[[], Awaitable[Changes]]


@pytest.fixture(params=["watched", "walked"])
async def follow(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Follow]:
    """Starts `Changes` on tmp_path, with and without the kernel's help."""
    running: list[Changes] = []
    if request.param == "walked":
        monkeypatch.setattr(watch, "WATCHES", 0)

    async def go() -> Changes:
        running.append(await Changes.start(tmp_path))
        assert running[-1].watching is (request.param == "watched")
        return running[-1]

    yield go
    for changes in running:
        changes.close()


def shell(tmp_path: Path, command: str) -> None:
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True, timeout=30)


async def test_each_kind_of_change_is_told_once(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "gone.txt").write_text("gone")
    changes = await follow()
    assert await changes.drain() == []
    (tmp_path / "new.txt").write_text("12345")
    (tmp_path / "old.txt").write_text("newer")
    (tmp_path / "gone.txt").unlink()
    assert await changes.drain() == [
        Change("gone.txt", "deleted", 0),
        Change("new.txt", "created", 5),
        Change("old.txt", "modified", 5),
    ]
    assert await changes.drain() == []
    assert await changes.scan() == []
    assert changes.total == 10


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("mkdir -p a/b/c && echo hi > a/b/c/f", [("a/b/c/f", "created")]),
        ("mkdir new && echo 1 > new/f && mv new newer", [("newer/f", "created")]),
        (
            "mv dir moved",
            [("dir/x", "deleted"), ("dir/y", "deleted"), ("moved/x", "created"), ("moved/y", "created")],
        ),
        ("mv dir moved && echo more >> moved/x && mv moved dir", [("dir/x", "modified")]),
        ("rm -r dir", [("dir/x", "deleted"), ("dir/y", "deleted")]),
        (
            "rm -r dir && mkdir dir && echo z > dir/z",
            [("dir/x", "deleted"), ("dir/y", "deleted"), ("dir/z", "created")],
        ),
        (
            "rm -r dir && echo file > dir",
            [("dir", "created"), ("dir/x", "deleted"), ("dir/y", "deleted")],
        ),
        ("echo t > t && rm t", []),
        ("sed -i s/x/changed/ dir/x", [("dir/x", "modified")]),
        ("mv dir/x dir/y", [("dir/x", "deleted"), ("dir/y", "modified")]),
        ("chmod +x dir/x", [("dir/x", "modified")]),
        ("truncate -s 100 dir/x", [("dir/x", "modified")]),
        ("cat dir/x dir/y > /dev/null; ls -R > /dev/null", []),
        ("ln -s /etc/passwd l; ln -s /etc d; mkfifo p", []),
        ("mkdir .git node_modules && touch .git/a node_modules/b", []),
        ("mkdir dir/__pycache__ && touch dir/__pycache__/c", []),
        ("rm dir/x && ln -s /etc/passwd dir/x", [("dir/x", "deleted")]),
        ("touch $'new\\nline' ./-rf", [("-rf", "created"), ("new\nline", "created")]),
    ],
)
async def test_what_commands_do(
    tmp_path: Path, follow: Follow, command: str, expected: list[tuple[str, str]]
) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "x").write_text("x")
    (tmp_path / "dir" / "y").write_text("y")
    changes = await follow()
    shell(tmp_path, command)
    told = [(change.path, change.kind) for change in await changes.drain()]
    assert told == expected
    assert await changes.scan() == []
    (tmp_path / "after").write_text("still followed")
    assert await changes.drain() == [Change("after", "created", 14)]


async def test_a_moved_folder_is_followed_under_its_new_name(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    changes = await follow()
    (tmp_path / "dir").rename(tmp_path / "moved")
    assert await changes.drain() == []
    (tmp_path / "moved" / "sub" / "f").write_text("1")
    assert await changes.drain() == [Change("moved/sub/f", "created", 1)]


async def test_the_same_size_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("aaaa")
    changes = await Changes.start(tmp_path)
    for text in ("bbbb", "cccc", "dddd"):
        (tmp_path / "f").write_text(text)
        assert await changes.drain() == [Change("f", "modified", 4)]
    changes.close()


async def test_a_write_through_a_memory_map_is_found_by_scan(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "f").write_bytes(b"a" * 4096)
    changes = await follow()
    code = "import mmap; f = open('f', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0] = 66; m.flush()"
    shell(tmp_path, f'sleep 0.02; python3 -c "{code}"')
    assert await changes.scan() == [Change("f", "modified", 4096)]


def overflow(tmp_path: Path) -> None:
    """More events than the kernel keeps, about three files."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(limit // 3 + 100):
        (tmp_path / str(number % 2)).write_text(str(number))
    (tmp_path / "last").write_text("last")


async def test_an_overflow_of_the_queue_loses_nothing(tmp_path: Path) -> None:
    changes = await Changes.start(tmp_path)
    overflow(tmp_path)
    told = [(change.path, change.kind) for change in await changes.drain()]
    assert told == [("0", "created"), ("1", "created"), ("last", "created")]
    assert changes.watching
    (tmp_path / "after").write_text("")
    assert await changes.drain() == [Change("after", "created", 0)]
    changes.close()


async def test_too_many_folders_fall_back_to_walking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCHES", 10)
    changes = await Changes.start(tmp_path)
    assert changes.watching
    shell(tmp_path, "mkdir -p a/{1..20} && touch a/{1..20}/f")
    assert len(await changes.drain()) == 20
    assert not changes.watching
    (tmp_path / "a" / "1" / "g").write_text("")
    assert await changes.drain() == [Change("a/1/g", "created", 0)]
    changes.close()


async def test_more_files_than_the_cap_are_said(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FILES", 5)
    changes = await follow()
    assert not changes.notices
    shell(tmp_path, "mkdir d && touch {1..4} d/{1..4}")
    assert len(await changes.drain()) == 5
    assert len(await changes.scan()) == 0
    assert "more than 5 files" in changes.notices[0]
    shell(tmp_path, "rm -r d {1..4}")
    assert {change.kind for change in await changes.drain()} == {"deleted"}
    assert await changes.scan() == [] and not changes.notices


async def test_large_files_and_a_large_workspace_are_said(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "FILE_BYTES", 3 * 1024**2)
    changes = await follow()
    shell(tmp_path, "truncate -s 4M big; truncate -s 6G sparse")
    assert [change.size for change in await changes.drain()] == [4 * 1024**2, 6 * 1024**3]
    assert changes.notices == (
        "Larger than 3 MiB and not kept: 'big', 'sparse'.",
        "The workspace is larger than 5 GiB.",
    )
    shell(tmp_path, "rm big sparse")
    await changes.drain()
    assert not changes.notices and changes.total == 0


async def test_names_that_are_not_text_are_passed_over_and_counted(tmp_path: Path, follow: Follow) -> None:
    changes = await follow()
    shell(tmp_path, "touch $'\\xff\\xfe'; mkdir $'\\xfd'")
    assert await changes.drain() == [] and await changes.scan() == []
    assert changes.notices == ("2 names in the workspace are not UTF-8 and not listed.",)


async def test_links_are_not_entered(tmp_path: Path, follow: Follow) -> None:
    outside, inside = tmp_path.parent / f"{tmp_path.name}-outside", tmp_path / "dir"
    outside.mkdir()
    inside.mkdir()
    changes = await follow()
    inside.rmdir()
    inside.symlink_to(outside)
    assert await changes.drain() == []
    (outside / "secret").write_text("secret")
    assert await changes.drain() == [] and await changes.scan() == []


async def test_a_very_deep_tree_ends_the_walk_in_time(tmp_path: Path, follow: Follow) -> None:
    changes = await follow()
    deep = "for i in $(seq 300); do mkdir d; cd d; done; touch f"
    shell(tmp_path, deep)
    begin = time.monotonic()
    assert await changes.drain() == [] and await changes.scan() == []
    assert time.monotonic() - begin < 5
    shell(tmp_path, "rm -rf d")


async def test_a_workspace_that_goes_away_is_all_deleted(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "f").write_text("1")
    changes = await follow()
    shell(tmp_path, f"rm -r '{tmp_path}'")
    assert await changes.drain() == [Change("f", "deleted", 0)]
    assert await changes.drain() == []


async def test_a_workspace_that_is_renamed_is_still_followed(tmp_path: Path, follow: Follow) -> None:
    changes = await follow()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    shell(tmp_path.parent, f"mv '{tmp_path}' '{moved}'")
    (moved / "f").write_text("1")
    assert await changes.drain() == [Change("f", "created", 1)]


async def test_after_close_nothing_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    changes = await Changes.start(tmp_path)
    (tmp_path / "f").write_text("1")
    changes.close()
    changes.close()
    assert await changes.drain() == [] and await changes.scan() == []
    assert len(os.listdir("/proc/self/fd")) == before


async def test_ten_thousand_files_cost_nothing_when_none_changed(tmp_path: Path) -> None:
    shell(tmp_path, "mkdir d{1..100} && for d in d*; do touch $d/{1..99}; done")
    changes = await Changes.start(tmp_path)
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        assert await changes.drain() == []
        times.append(time.perf_counter() - begin)
    assert sorted(times)[100] < 0.001
    (tmp_path / "d7" / "42").write_text("x")
    assert await changes.drain() == [Change("d7/42", "modified", 1)]
    changes.close()
