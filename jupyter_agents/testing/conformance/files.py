"""The contract of files: one workspace, uploads, mounts."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_agents.sandbox.base import Mount
from jupyter_agents.testing.conformance.box import MIB, Box, Opening, said
from jupyter_agents.testing.conformance.fixtures import Fixtures


class FileChecks(Fixtures):
    """What the file tools, bash and the host see of each other."""

    async def test_bash_and_the_file_tools_and_the_host_see_one_workspace(self, box: Box) -> None:
        await box.good("mkdir -p d; printf 'one\\ntwo\\n' >d/f; echo out >outputs/o")
        assert said(await box.call("read", file_path="/workspace/d/f")) == ("one\ntwo\n", False)
        assert said(await box.call("read", file_path="/mnt/session/outputs/o")) == ("out\n", False)
        assert said(await box.call("glob", pattern="d/*")) == ("/workspace/d/f", False)
        assert said(await box.call("grep", pattern="tw.", path="d")) == ("/workspace/d/f:2:two\n", False)
        edited = await box.call("edit", file_path="d/f", old_string="two", new_string="2")
        assert said(edited) == ("edited d/f (1 replacement(s))", False)
        assert (box.workspace / "d/f").read_text() == "one\n2\n"
        assert (box.workspace / "outputs/o").read_text() == "out\n"

    async def test_files_belong_to_the_sandbox_user(self, box: Box) -> None:
        await box.good("touch from_bash")
        await box.call("write", file_path="from_write", content="")
        uid = box.spec.uid if os.geteuid() == 0 else os.geteuid()
        assert {(box.workspace / name).stat().st_uid for name in ("from_bash", "from_write")} == {uid}

    async def test_uploads_can_be_read_and_not_written(self, box: Box) -> None:
        read = await box.call("read", file_path="/mnt/session/uploads/data.csv")
        assert said(read) == ("a,b\n1,2\n", False)
        write = await box.call("write", file_path="/mnt/session/uploads/data.csv", content="x")
        message = "write: /mnt/session/uploads/data.csv is inside read-only directory /mnt/session/uploads"
        assert said(write) == (message, True)
        place = "/mnt/session/uploads" if box.capabilities.own_paths else str(box.spec.uploads)
        assert await box.good(f"cat {place}/data.csv") == "a,b\n1,2\n"
        for command in (f"echo x >{place}/data.csv", f"rm -f {place}/data.csv", f"touch {place}/new"):
            assert (await box.bash(command))[1]
        assert (box.spec.uploads / "data.csv").read_text() == "a,b\n1,2\n"

    async def test_an_upload_can_be_added_while_it_runs(self, box: Box) -> None:
        source = box.spec.uploads / "later.txt"
        source.write_text("later\n")
        await box.sandbox.add_file(Mount(source, "/mnt/session/uploads/later.txt"))
        read = await box.call("read", file_path="/mnt/session/uploads/later.txt")
        assert said(read) == ("later\n", False)

    async def test_a_file_added_below_the_workspace_is_a_read_only_copy(self, box: Box) -> None:
        source = box.spec.uploads / "x.txt"
        source.write_text("x\n")
        await box.sandbox.add_file(Mount(source, "/workspace/in/x.txt"))
        assert await box.good("cat in/x.txt") == "x\n"
        assert (await box.bash("echo y >in/x.txt"))[1]
        assert source.read_text() == "x\n"

    async def test_a_file_added_elsewhere_can_be_read_by_the_file_tools_at_once(self, box: Box) -> None:
        source = box.spec.uploads / "e.txt"
        source.write_text("e\n")
        await box.sandbox.add_file(Mount(source, "/data/e.txt"))
        assert said(await box.call("read", file_path="/data/e.txt")) == ("e\n", False)

    async def test_mounts_are_there_from_the_start(self, opening: Opening, open_path: Path) -> None:
        source = open_path / "m.txt"
        source.write_text("mount\n")
        mounts = (Mount(source, "/data/m.txt"), Mount(source, "/workspace/in/m.txt"))
        async with opening(mounts=mounts) as box:
            assert said(await box.call("read", file_path="/data/m.txt")) == ("mount\n", False)
            assert await box.good("cat in/m.txt") == "mount\n"
            assert said(await box.call("write", file_path="/data/m.txt", content="x"))[1]
            if box.capabilities.own_paths:
                assert await box.good("cat /data/m.txt") == "mount\n"

    async def test_large_files_come_back_as_blocks(self, box: Box) -> None:
        data = os.urandom(3 * MIB)
        (box.workspace / "p.png").write_bytes(data)
        (box.workspace / "d.pdf").write_bytes(data)
        kinds = {"p.png": ("image", "image/png"), "d.pdf": ("document", "application/pdf")}
        for name, expected in kinds.items():
            [block] = (await box.call("read", file_path=name)).content
            assert (block["type"], block["source"]["media_type"]) == expected
            assert len(block["source"]["data"]) == 4 * MIB
