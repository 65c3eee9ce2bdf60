"""Uploads as they arrive: in pieces, cut short, too large, hostile."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest

from jupyter_agents.errors import ApiError, InvalidRequest
from jupyter_agents.server import uploads
from jupyter_agents.server.uploads import Upload
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.testing import ScriptedModel
from tests.support import TOKEN, Home, Server, serving

TYPE = "multipart/form-data; boundary=x"
HEAD = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'
)
END = b"\r\n--x--\r\n"
MIB = 1024**2


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_form_in_pieces_of_any_size(blobs: Blobs, size: int) -> None:
    data = b"a,b\r\n--y \r\n--\r" * 20
    body = part("expires_in_seconds", b"3600") + HEAD + data + END
    upload = Upload(TYPE, blobs)
    for start in range(0, len(body), size):
        upload.feed(body[start : start + size])
    file = upload.finish()
    assert (upload.filename, upload.mime_type, upload.expires_in) == ("a.csv", "text/csv", 3600)
    file.place()
    upload.discard()
    assert blobs.path(file.blob[0]).read_bytes() == data
    assert len(files_in(blobs.folder)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x--\r\n",
        HEAD,
        HEAD + b"abc",
        HEAD + b"abc\r\n--x",
        HEAD + b"abc\r\n--x\r\n",
        part("other", b"x") + HEAD + b"abc" + END,
        HEAD + b"abc\r\n" + HEAD + b"abc" + END,
        part("expires_in_seconds", b"3" * 2000) + HEAD + b"abc" + END,
        part("expires_in_seconds", b"\xff") + HEAD + b"abc" + END,
        part("expires_in_seconds", b"3600") * 20 + HEAD + b"abc" + END,
        b"--x\r\nnonsense",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\nx' + END,
        b"--x\r\n" + b"h: v\r\n" * 1000 + b"\r\nx" + END,
        b"--x\r\nh: " + b"v" * 100_000 + b"\r\n\r\nx" + END,
        b"--x\r\n\r\nx" + END,
    ],
)
def test_what_is_no_whole_form_leaves_nothing(blobs: Blobs, body: bytes) -> None:
    upload = Upload(TYPE, blobs)
    upload.feed(body)
    with pytest.raises(InvalidRequest):
        upload.finish()
    upload.discard()
    upload.feed(b"more")
    assert files_in(blobs.folder) == []


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300]
)
def test_what_is_no_form_is_refused(blobs: Blobs, content_type: str) -> None:
    with pytest.raises(InvalidRequest, match="multipart/form-data part named 'file'"):
        Upload(content_type, blobs)


def test_a_file_above_the_limit_is_refused_where_it_passes_it(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_FILE", 100)
    upload = Upload(TYPE, blobs)
    upload.feed(HEAD + b"x" * 100)
    upload.feed(b"x" + END)
    with pytest.raises(ApiError) as caught:
        upload.finish()
    assert caught.value.status == 413
    upload.discard()
    assert files_in(blobs.folder) == []


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, _scripted_model: ScriptedModel) -> Iterator[Server]:
    """A server whose uploads may take 700 MiB."""
    home = Home(tmp_path_factory.mktemp("alone"), _scripted_model.url, {"max_storage": "700MiB"})
    with serving(home) as running:
        yield running


def on_disk(server: Server) -> int:
    """Bytes in the folder of blobs."""
    return sum(path.stat().st_size for path in files_in(server.home.data / "blobs"))


def peak(server: Server) -> int:
    """The most memory that the server has had, bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def body(size: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(size // MIB):
        yield b"x" * MIB
    yield b"y" * (size % MIB)
    yield END


def post(server: Server, content: Any, **headers: str) -> Any:
    return server.request("POST", "v1/files", content=content, headers={"Content-Type": TYPE, **headers})


def test_a_large_upload_takes_little_memory(alone: Server) -> None:
    post(alone, body(MIB))
    before = peak(alone)
    size = 400 * MIB
    answer = post(alone, body(size), **{"Content-Length": str(size + len(HEAD) + len(END))})
    assert answer.status_code == 200 and answer.json()["size_bytes"] == size
    assert peak(alone) - before < 40 * MIB
    assert alone.client.beta.files.delete(answer.json()["id"])


@pytest.mark.parametrize("told", [True, False])
def test_too_large_a_file_is_a_413_that_the_client_hears(alone: Server, told: bool) -> None:
    size = 500 * MIB + MIB
    length = {"Content-Length": str(size + len(HEAD) + len(END))} if told else {}
    before = on_disk(alone)
    answer = post(alone, body(size), **length)
    assert answer.status_code == 413 and answer.json()["error"]["type"] == "request_too_large"
    until(lambda: on_disk(alone) == before)


def test_a_full_store_is_a_400_and_room_can_be_made(alone: Server) -> None:
    first = post(alone, body(400 * MIB)).json()
    with pytest.raises(anthropic.BadRequestError) as caught:
        alone.client.beta.files.upload(file=("a", b"x" * (301 * MIB)))
    error: Any = caught.value.body
    assert error["error"]["details"]["error_code"] == "storage_quota_exceeded"
    until(lambda: on_disk(alone) < 402 * MIB)
    alone.client.beta.files.delete(first["id"])
    made = alone.client.beta.files.upload(file=("a", b"x" * 10))
    alone.client.beta.files.delete(made.id)


def test_a_client_that_goes_away_leaves_nothing(alone: Server) -> None:
    before = on_disk(alone)
    where = urlsplit(alone.url)
    with socket.create_connection((where.hostname, where.port)) as client:
        head = (
            f"POST {where.path}/v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: {TYPE}\r\nContent-Length: {50 * MIB}\r\n\r\n"
        )
        client.sendall(head.encode() + HEAD + b"x" * (5 * MIB))
        until(lambda: on_disk(alone) > before)
    until(lambda: on_disk(alone) == before)
    assert [f.size_bytes for f in alone.client.beta.files.list()] == [MIB]


def until(there: Any) -> None:
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nobody_writes_to_the_disk_without_a_token(alone: Server) -> None:
    before = on_disk(alone)
    answer = alone.bare("POST", "v1/files", content=body(3 * MIB), headers={"Content-Type": TYPE})
    assert answer.status_code == 401, answer.text
    assert on_disk(alone) == before


def test_a_strange_length_is_not_the_servers_fault(alone: Server) -> None:
    where = urlsplit(alone.url)
    with socket.create_connection((where.hostname, where.port)) as client:
        head = (
            f"POST {where.path}/v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: {TYPE}\r\nContent-Length: many\r\n\r\n"
        )
        client.sendall(head.encode())
        assert b"500" not in client.recv(100).split(b"\r\n")[0]
    assert json.loads(alone.request("GET", "v1/files").text)["data"]
