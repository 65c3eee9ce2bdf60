"""Abuse of the file tools: links, pipes, endless files, strange names."""

from __future__ import annotations

import asyncio
import time

from jupyter_agents.testing.conformance.box import Box, said
from jupyter_agents.testing.conformance.fixtures import Fixtures

ASTRAY = (
    ("ln -s /etc/shadow link", "link", "read: path 'link' is outside the session's working directory"),
    ("ln -s /etc dir", "dir/x", "read: path 'dir/x' is outside the session's working directory"),
    ("ln -s loop loop", "loop", "read: path 'loop': too many levels of symbolic links"),
    ("mkfifo fifo", "fifo", "read: fifo: not a regular file"),
    ("mkdir d", "d", "read: d: not a regular file"),
    ("truncate -s 1T sparse || truncate -s 900M sparse", "sparse", "-byte limit. Use the view_range"),
    ("echo x >f; chmod 000 f", "f", "read: f: permission denied"),
    ("true", "../../etc/passwd", "is outside the session's working directory"),
    ("true", "/etc/passwd", "is outside the session's working directory"),
    ("true", "nosuch", "read: nosuch: no such file or directory"),
)


class AstrayChecks(Fixtures):
    """The file tools follow nothing out of the session's folders and wait for nothing."""

    async def test_read_is_not_led_astray(self, alive_after: Box) -> None:
        for make, path, error in ASTRAY:
            await alive_after.good(make)
            text, is_error = said(await alive_after.call("read", file_path=path))
            assert is_error, path
            assert error in text

    async def test_write_and_edit_follow_no_link_out(self, alive_after: Box) -> None:
        await alive_after.good("ln -s /tmp/outside link; ln -s / root; mkfifo fifo")
        for path in ("link", "root/tmp/x", "fifo", "/mnt/session/uploads/x"):
            assert said(await alive_after.call("write", file_path=path, content="x"))[1], path
            edit = await alive_after.call("edit", file_path=path, old_string="a", new_string="b")
            assert said(edit)[1], path

    async def test_glob_and_grep_stay_inside(self, alive_after: Box) -> None:
        await alive_after.good("ln -s / root; ln -s /etc/passwd p; echo root: >mine; mkfifo fifo")
        assert said(await alive_after.call("grep", pattern="root:")) == ("/workspace/mine:1:root:\n", False)
        found, _ = said(await alive_after.call("glob", pattern="root/etc/*"))
        assert found == "no matches"
        for pattern in ("/etc/*", "../*"):
            assert said(await alive_after.call("glob", pattern=pattern))[1]

    async def test_strange_names(self, alive_after: Box) -> None:
        await alive_after.good(
            "touch -- -rf $'new\\nline' $'bad\\xff' 'ünï'; mkdir 'a b'; echo hit >'a b/-n'"
        )
        text, is_error = said(await alive_after.call("glob", pattern="*"))
        assert not is_error
        assert "/workspace/-rf" in text
        assert "ünï" in text
        text.encode("utf-8")
        hits, _ = said(await alive_after.call("grep", pattern="hit", path="a b"))
        assert hits == "/workspace/a b/-n:1:hit\n"

    async def test_setuid_bits_give_nothing(self, alive_after: Box) -> None:
        text, _ = await alive_after.bash("cp /usr/bin/id . && chmod u+s id; ./id -u; true")
        assert "0" not in text.split()

    async def test_a_search_that_backtracks_for_ever_can_be_cancelled(self, alive_after: Box) -> None:
        (alive_after.workspace / "a").write_text("a" * 1500 + "b\n" * 3)
        call = asyncio.create_task(alive_after.call("grep", pattern="(a+)+$"))
        await asyncio.sleep(0.3)
        start = time.monotonic()
        await alive_after.sandbox.cancel()
        await call
        assert time.monotonic() - start < 0.5

    async def test_many_files(self, alive_after: Box) -> None:
        await alive_after.good("mkdir many; cd many; seq 2000 | xargs touch")
        text, _ = said(await alive_after.call("glob", pattern="**/*"))
        assert len(text.splitlines()) == 200
