from __future__ import annotations

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import TOKEN, Server


def test_an_upload(server: Server) -> None:
    files = server.client.beta.files
    made = files.upload(file=("dir/data.csv", b"a,b\n", "text/csv"))
    assert (made.filename, made.mime_type, made.size_bytes, made.downloadable) == (
        "data.csv",
        "text/csv",
        4,
        False,
    )
    assert files.retrieve_metadata(made.id) == made
    with pytest.raises(anthropic.BadRequestError) as caught:
        files.download(made.id)
    assert caught.value.body["error"]["details"]["error_code"] == "file_not_downloadable"  # type: ignore[index,call-overload]
    assert files.delete(made.id).to_dict() == {"id": made.id, "type": "file_deleted"}
    with pytest.raises(anthropic.NotFoundError):
        files.retrieve_metadata(made.id)


def test_lists_by_scope_by_id_and_by_page(server: Server, scripted: ScriptedModel) -> None:
    files = server.client.beta.files
    uploads = [files.upload(file=(f"{n}.txt", b"x", "text/plain")) for n in range(3)]
    scripted.script += [[call("bash", command="echo out > outputs/result.txt")], [say("Done.")]]
    session = server.session(resources=[{"type": "file", "file_id": uploads[0].id}])
    server.turn(session.id, "go")
    scoped = list(files.list(scope_id=session.id))
    assert sorted(f.filename for f in scoped) == ["0.txt", "result.txt"]
    (output,) = [f for f in scoped if f.downloadable]
    assert files.download(output.id).read() == b"out\n"
    wanted = [uploads[2].id, uploads[0].id]
    assert [f.id for f in files.list(ids=[*wanted, "file_none"])] == wanted
    assert [f.id for f in files.list(limit=2)][:2] == [f.id for f in files.list(limit=2).data]
    server.client.beta.sessions.delete(session.id)
    assert list(files.list(scope_id=session.id)) == []
    with pytest.raises(anthropic.NotFoundError):
        files.download(output.id)


def test_a_download_is_an_attachment_that_no_browser_runs(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="echo '<script>' > outputs/a.html")], [say("Done.")]]
    session = server.session()
    server.turn(session.id, "go")
    (output,) = server.client.beta.files.list(scope_id=session.id)
    answer = server.request("GET", f"v1/files/{output.id}/content")
    assert answer.content == b"<script>\n"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("seconds", ["3599", "7776001", "soon", "-1", "٣٦٠٠"])
def test_an_expiry_out_of_bounds_is_refused(server: Server, seconds: str) -> None:
    answer = server.request(
        "POST", "v1/files", files={"file": ("a", b"x")}, data={"expires_in_seconds": seconds}
    )
    assert answer.status_code == 400 and "expires_in_seconds" in answer.json()["error"]["message"]


def test_an_expiry_is_kept(server: Server) -> None:
    made = server.client.beta.files.upload(file=("a", b"x"), expires_in_seconds=3600)
    assert made.expires_at is not None and (made.expires_at - made.created_at).total_seconds() == 3600


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\na\r\n--x--\r\n',
        ),
        ("text/plain", b"hello"),
    ],
)
def test_what_is_no_upload_is_a_400(server: Server, content_type: str, body: bytes) -> None:
    answer = server.request("POST", "v1/files", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("name", ["a:b", "a?b", "a\\x00b", "x" * 256])
def test_a_name_that_cannot_be_is_refused(server: Server, name: str) -> None:
    name = name.replace("\\x00", "\x01")
    body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nhi\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {TOKEN}"}
    answer = server.request("POST", "v1/files", content=body.encode(), headers=headers)
    assert answer.status_code == 400, answer.text


def test_several_parts_are_refused(server: Server) -> None:
    answer = server.request("POST", "v1/files", files=[("file", ("a", b"x")), ("file", ("b", b"y"))])
    assert answer.status_code == 400
