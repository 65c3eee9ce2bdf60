"""A real engine that does not see this machine's files: everything goes there and back by archives."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from conformance import BEAT, MIB, Box, Kind, box, make_provider, open_box, open_path, said

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, Network, ToolResult
from jupyter_agents.sandbox.beside import Beside
from jupyter_agents.sandbox.cargo import BY_ARCHIVES, NO_NETWORK
from jupyter_agents.sandbox.carried import CarriedSandbox
from jupyter_agents.sandbox.changes import Changes
from tests.needs import absent

__all__ = ["box", "open_path"]

REMOTE = Kind(name="remote", need="remote", network=False, mounted=False, provider="docker")

pytestmark = pytest.mark.parametrize(
    "kind", [REMOTE] if absent("remote") is None else [], ids=lambda kind: kind.name
)


async def test_what_a_call_wrote_is_here_before_its_result(box: Box) -> None:
    following = await Changes.start(box.workspace)
    await box.good("mkdir d; echo one >d/f; cp /bin/true run; ln -s /etc/passwd link; mkfifo fifo")
    assert [(change.path, change.kind) for change in await following.drain()] == [
        ("d/f", "created"),
        ("run", "created"),
    ]
    assert os.access(box.workspace / "run", os.X_OK)
    await box.good("echo two >>d/f; rm run")
    assert [(change.path, change.kind) for change in await following.drain()] == [
        ("d/f", "modified"),
        ("run", "deleted"),
    ]
    assert (box.workspace / "d/f").read_text() == "one\ntwo\n"
    await box.call("write", file_path="e", content="e")
    await box.call("edit", file_path="d/f", old_string="two", new_string="2")
    assert (box.workspace / "d/f").read_text() == "one\n2\n"
    await box.good("true")
    assert [change.path for change in await following.drain()] == ["d/f", "e"]
    following.close()


async def test_what_the_user_changed_is_there_in_the_next_call(box: Box) -> None:
    await box.good("echo old >f; echo old >g")
    (box.workspace / "f").write_text("edited\n")
    (box.workspace / "g").unlink()
    (box.workspace / "new").mkdir()
    (box.workspace / "new/h").write_text("h\n")
    assert await box.good("cat f new/h; ls g 2>&1 | wc -l") == "edited\nh\n1\n"
    assert said(await box.call("read", file_path="new/h")) == ("h\n", False)


async def test_what_was_in_the_workspace_is_there_from_the_start(kind: Kind, open_path: Path) -> None:
    async with open_box(kind) as box:
        await box.good("mkdir d; echo mine >d/f; chmod 700 d/f")
        (box.workspace / "large").write_bytes(os.urandom(20 * MIB))
        provider = make_provider(kind, open_path)
        other = await provider.start(box.spec)
        result = await other.call(
            "bash", {"command": "cat d/f; d/f; stat -c %a:%u d/f; cksum <large; echo x >>d/f"}
        )
        await provider.close()
        assert said(result)[0].startswith("mine\n") and "700:" in said(result)[0]
        assert (box.workspace / "d/f").read_text() == "mine\nx\n"


async def test_an_upload_that_is_taken_away_is_gone_inside(box: Box) -> None:
    (box.spec.uploads / "data.csv").unlink()
    (box.spec.uploads / "d").mkdir()
    (box.spec.uploads / "d/new.csv").write_text("new\n")
    text = await box.good(
        "cd /mnt/session/uploads; ls; cat d/new.csv; echo x >d/new.csv || stat -c %u:%a d/new.csv"
    )
    assert text.splitlines()[:2] == ["d", "new"] and text.endswith("0:444\n")


async def test_the_notebooks_folder_is_kept_up_to_date(kind: Kind, open_path: Path) -> None:
    folder = open_path / "notebooks"
    folder.mkdir()
    (folder / "data.csv").write_text("old\n")
    (folder / "gone.csv").write_text("gone\n")
    async with open_box(kind, beside=Beside(folder)) as box:
        assert await box.good("cd /mnt/notebook; cat data.csv gone.csv") == "old\ngone\n"
        (folder / "data.csv").write_text("new\n")
        (folder / "gone.csv").unlink()
        (folder / ".env").write_text("secret")
        assert await box.good("cat data.csv; ls -A") == "new\ndata.csv\n"


async def test_a_huge_file_of_the_notebooks_folder_is_left_out_and_that_is_said(
    kind: Kind, open_path: Path
) -> None:
    with (open_path / "huge").open("wb") as file:
        file.truncate(300 * MIB)
    (open_path / "small").write_text("small\n")
    async with open_box(kind, beside=Beside(open_path)) as box:
        assert await box.good("ls /mnt/notebook") == "small\n"
        assert any("256 MiB at most" in note for note in box.sandbox.notes)


async def test_what_jobs_write_arrives_at_the_pause_and_at_the_end(box: Box) -> None:
    await box.good("(sleep 0.5; echo late >late; sleep 1; echo later >later) >/dev/null 2>&1 &")
    await asyncio.sleep(0.8)
    assert await box.sandbox.pause()
    assert (box.workspace / "late").read_text() == "late\n"
    await box.sandbox.resume()
    await asyncio.sleep(1)
    await box.sandbox.close()
    assert (box.workspace / "later").read_text() == "later\n"


async def test_what_a_cancelled_call_wrote_arrives(box: Box) -> None:
    call = asyncio.create_task(box.bash("echo half >half; sleep 60"))
    await asyncio.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    for _ in range(50):
        if (box.workspace / "half").exists():
            break
        await asyncio.sleep(0.1)
    assert (box.workspace / "half").read_text() == "half\n"


async def test_many_files_both_ways(box: Box) -> None:
    await box.good("mkdir many; cd many; for i in $(seq 1500); do echo $i >$i; done")
    assert len(os.listdir(box.workspace / "many")) == 1500
    for number in range(1, 1501):
        (box.workspace / f"many/{number}").write_text("mine\n")
    assert await box.good("cat * | sort | uniq -c | tr -s ' '") == " 1500 mine\n"
    await box.good("rm -r ../many")
    assert os.listdir(box.workspace) == ["outputs"]


async def test_what_that_means_is_said(kind: Kind, open_path: Path) -> None:
    source = open_path / "m.txt"
    source.write_text("mount\n")
    mounts = (Mount(source, "/tmp/m.txt"), Mount(source, "/data/m.txt"))
    async with open_box(kind, network=Network(), mounts=mounts) as box:
        assert isinstance(box.sandbox, CarriedSandbox)
        assert box.sandbox.notes[:2] == (BY_ARCHIVES, NO_NETWORK)
        assert "/tmp/m.txt" in box.sandbox.notes[2]
        assert (await box.bash("curl -sf -m 5 -x http://127.0.0.1:3128 http://example.com/"))[1]
        assert await box.good("cat /data/m.txt") == "mount\n"


async def test_nothing_of_the_containers_own_can_be_replaced(box: Box) -> None:
    for path in ("/opt/jupyter-agents/toolhost.pyz", "/opt/jupyter-agents/x", "/mnt/session/x", "/mnt/x"):
        assert (await box.bash(f"echo x >{path}"))[1], path
    assert (await box.bash("mv /mnt/session/uploads /tmp/; rm -rf /mnt/session/outputs"))[1]
    assert await box.good("ls /mnt/session") == "outputs\nuploads\n"


async def test_a_toolhost_that_lies_about_paths_is_ended(box: Box) -> None:
    """As one would that a process inside has taken the place of."""
    sandbox, ask = box.sandbox, box.sandbox.ask

    async def lie(frame: dict[str, object]) -> ToolResult:
        answer = await ask(frame)
        if frame["op"] == "list" and len(answer.content) > 1:
            text = answer.content[1]["text"].replace('"evil', '"../evil')
            answer.content[1]["text"] = text
        return answer

    sandbox.ask = lie  # type: ignore[method-assign]
    with pytest.raises(SandboxUnavailable, match="leads out of the workspace"):
        await box.bash("echo x >evil")
    assert not sandbox.alive
    assert not (box.workspace.parent / "evil").exists()


async def test_a_toolhost_that_is_killed_leaves_what_had_arrived(box: Box) -> None:
    await box.good("echo kept >kept")
    with contextlib.suppress(SandboxUnavailable):
        await box.bash(f"{BEAT}; kill -9 -1; sleep 5")
    await box.sandbox.close()
    assert (box.workspace / "kept").read_text() == "kept\n"
