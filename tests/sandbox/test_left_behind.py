"""What an agent leaves in its workspace to harm whoever reads it on the host, for every provider."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from conformance import MIB, Box, Kind, box, every_kind, open_box, open_path, said

from jupyter_agents.errors import SandboxError
from jupyter_agents.sandbox.listing import list_files
from jupyter_agents.sandbox.workspace import copy_out, open_directory, read_file

__all__ = ["box", "open_path"]

pytestmark = every_kind

LEAVE = """
cd outputs
ln -s /etc/shadow shadow; ln -s /root root; ln -s ../../.. up; ln -s loop loop
mkfifo fifo
/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' 2>/dev/null
truncate -s 1T sparse 2>/dev/null || truncate -s 900M sparse
cp /usr/bin/id setuid; chmod 6755 setuid
echo closed >closed; chmod 000 closed
touch -- -rf $'new\\nline' $'bad\\xff'
echo plain >plain
"""
NO_FILES = ("shadow", "root/.bashrc", "up/etc/passwd", "loop", "fifo", "socket", "absent")


async def test_the_host_reads_plain_files_only(kind: Kind, box: Box) -> None:
    await box.good(LEAVE)
    outputs = box.workspace / "outputs"
    assert read_file(outputs, "plain") == b"plain\n"
    for name in NO_FILES:
        with pytest.raises((SandboxError, FileNotFoundError)):
            read_file(outputs, name)
    with pytest.raises(SandboxError if kind.mounted else FileNotFoundError):
        read_file(outputs, "sparse", limit=MIB)
    descriptor = open_directory(outputs)
    listing = list_files(descriptor)
    os.close(descriptor)
    left = {"sparse", "closed"} if kind.mounted else set()
    assert set(listing.files) == {"setuid", "-rf", "new\nline", "plain"} | left
    assert (listing.folders, listing.unnamed) == ({""}, int(kind.mounted))


async def test_a_copy_on_the_host_has_no_special_bits(box: Box, open_path: Path) -> None:
    await box.good(LEAVE)
    copy_out(box.workspace / "outputs", "setuid", open_path / "copy")
    found = (open_path / "copy").stat()
    assert (found.st_mode & 0o7777, found.st_uid) == (0o600, os.geteuid())


async def test_a_socket_is_no_file_to_the_tools(box: Box) -> None:
    text, _ = await box.bash(
        "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'; ls"
    )
    made = "\ns\n" in f"\n{text}"
    read = said(await box.call("read", file_path="s"))
    assert read == ("read: s: not a regular file" if made else "read: s: no such file or directory", True)
    assert said(await box.call("edit", file_path="s", old_string="a", new_string="b"))[1]


ARCHIVE = """
import io, os, tarfile
with tarfile.open("evil.tar", "w") as archive:
    for name in ("../escaped", "../../escaped", os.path.abspath("../absolute"), "in/side"):
        found = tarfile.TarInfo(name)
        found.size = 4
        archive.addfile(found, io.BytesIO(b"evil"))
    link = tarfile.TarInfo("out")
    link.type, link.linkname = tarfile.SYMTYPE, "../.."
    archive.addfile(link)
    through = tarfile.TarInfo("out/through")
    through.size = 4
    archive.addfile(through, io.BytesIO(b"evil"))
"""


async def test_an_archive_that_leads_out_stays_in(kind: Kind) -> None:
    async with open_box(kind, files={"make.py": ARCHIVE}) as box:
        top = box.workspace.parent
        place = "/mnt/session/uploads" if kind.own_paths else str(box.spec.uploads)
        before = sorted(path.name for path in top.iterdir())
        await box.bash(f"/usr/bin/python3 {place}/make.py; tar xPf evil.tar; ls in")
        assert sorted(path.name for path in top.iterdir()) == before
        assert not list(top.rglob("uploads/*escaped")) and not (top.parent / "escaped").exists()
        assert (box.workspace / "in/side").read_bytes() == b"evil"


async def test_no_secret_of_the_server_is_anywhere_inside(
    kind: Kind, open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor in a file of the server's: a store and its keys are none of the sandbox's files."""
    secret = secrets.token_hex(16)
    monkeypatch.setenv("JUPYTER_AGENTS_TOKEN", secret)
    store = open_path / "store"
    store.mkdir(mode=0o700)
    (store / "credentials.json").write_text(secret)
    async with open_box(kind) as box:
        text = await box.good(
            f"set; env; cat {store}/credentials.json; ls -la {store}; "
            "cat /proc/*/cmdline /proc/*/environ /proc/*/maps 2>/dev/null | tr '\\0' '\\n'; "
            f'grep -rs "{secret[:9]}""{secret[9:]}" '
            f'{box.home} /mnt/session "$HOME" "$TMPDIR" /opt /run; true',
            timeout_ms=60_000,
        )
    assert secret not in text
    assert "JUPYTER_AGENTS_TOKEN" not in text
