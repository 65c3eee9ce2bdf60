from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents import wire as sdk
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import IdSource, utc_now
from jupyter_agents.runtime.files import Files, clean_filename, mount_path, wire
from jupyter_agents.store.blobs import Blobs
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.database import Database
from tests.domain.talk import Clock


class Place:
    """A store with a clock that can be moved."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = Database(folder / "agents.db")
        self.blobs = Blobs(folder / "blobs")
        self.files = Files(
            Catalog(self.database), self.blobs, folder / "uploads", self.clock, IdSource(utc_now)
        )

    async def upload(self, data: bytes = b"data", name: str = "data.csv", **options: Any) -> str:
        blob = self.blobs.put([data])
        return str((await self.files.add(blob, name, "text/csv", **options))["id"])


@pytest.fixture
def place(tmp_path: Path) -> Any:
    made = Place(tmp_path)
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("data.csv", "data.csv"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\report.pdf", "report.pdf"),
        ("dir/", "unnamed.csv"),
        (None, "unnamed.csv"),
        ("", "unnamed.csv"),
        ("日本.txt", "日本.txt"),
        ("x" * 255, "x" * 255),
    ],
)
def test_only_the_last_part_of_a_name_is_kept(given: str | None, name: str) -> None:
    assert clean_filename(given, "text/csv") == name


@pytest.mark.parametrize(
    "given", ["a<b", 'a"b', "a|b", "a?b", "a*b", "a:b", "a\x00b", "a\nb", "\x1f", "x" * 256]
)
def test_a_name_that_cannot_be_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match="file"):
        clean_filename(given, "text/csv")


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


async def test_an_upload_as_the_sdk_reads_it(place: Place) -> None:
    shown = wire(place.files.get(await place.upload()))
    sdk.File.model_validate(shown)
    assert sdk.File.model_fields.keys() <= shown.keys()
    assert (shown["size_bytes"], shown["downloadable"], shown["scope"]) == (4, False, None)
    assert not any(key.startswith("_") for key in shown)


async def test_an_upload_cannot_be_downloaded_an_output_can(place: Place) -> None:
    with pytest.raises(InvalidRequest) as caught:
        place.files.content(await place.upload())
    assert caught.value.code == "file_not_downloadable"
    doc = await place.files.set_output("sesn_1", "outputs/a.txt", place.blobs.put([b"out"]))
    found, path = place.files.content(doc["id"])
    assert found == doc and path.read_bytes() == b"out"
    assert doc["scope"] == {"type": "session", "id": "sesn_1"}


async def test_a_file_expires(place: Place) -> None:
    file_id = await place.upload(expires_in=3600)
    assert place.files.bytes_of(file_id)[1] == b"data"
    place.clock.now += timedelta(hours=1)
    for use in (place.files.content, place.files.bytes_of, place.files.fresh):
        with pytest.raises(NotFound) as caught:
            use(file_id)
        assert caught.value.code == "file_expired"
    assert place.files.get(file_id)["id"] == file_id


async def test_a_session_gets_a_read_only_copy_at_both_paths(place: Place) -> None:
    upload = await place.upload()
    shown = await place.files.mount(
        "sesn_1", {"type": "file", "file_id": upload, "mount_path": "/workspace/d/x.csv"}
    )
    assert shown["file_id"] != upload and shown["mount_path"] == "/workspace/d/x.csv"
    copy = place.files.uploads("sesn_1") / "workspace/d/x.csv"
    assert copy.read_bytes() == b"data" and stat.S_IMODE(copy.stat().st_mode) == 0o444
    (mount,) = place.files.mounts("sesn_1", [shown])
    assert (mount.source, mount.target) == (copy, "/workspace/d/x.csv")
    await place.files.remove([upload])
    assert copy.read_bytes() == b"data"
    assert place.files.get(shown["file_id"])["scope"]["id"] == "sesn_1"


async def test_below_uploads_there_is_one_path(place: Place) -> None:
    resource = {"type": "file", "file_id": await place.upload(), "mount_path": "/mnt/session/uploads/a.csv"}
    shown = await place.files.mount("sesn_1", resource)
    assert (place.files.uploads("sesn_1") / "a.csv").exists()
    assert place.files.mounts("sesn_1", [shown]) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/workspace/a", "/workspace/a"),
        ("/workspace/a", "/workspace//a"),
        ("/workspace/a", "/workspace/./a"),
        ("/workspace/a", "/workspace/a/b"),
        ("/workspace/a/b", "/workspace/a"),
        ("/a.csv", "/mnt/session/uploads/a.csv"),
    ],
)
async def test_two_files_cannot_share_a_path(place: Place, first: str, second: str) -> None:
    upload = await place.upload()
    await place.files.mount("sesn_1", {"file_id": upload, "mount_path": first})
    with pytest.raises(InvalidRequest, match="another file"):
        await place.files.mount("sesn_1", {"file_id": upload, "mount_path": second})
    await place.files.mount("sesn_2", {"file_id": upload, "mount_path": second})


async def test_a_name_too_long_for_the_disk_is_the_requests_fault(place: Place) -> None:
    resource = {"file_id": await place.upload(), "mount_path": "/workspace/" + "x" * 300}
    with pytest.raises(InvalidRequest, match="too long"):
        await place.files.mount("sesn_1", resource)


async def test_an_output_has_an_id_for_each_content(place: Place) -> None:
    one = await place.files.set_output("sesn_1", "outputs/a.txt", place.blobs.put([b"one"]))
    same = await place.files.set_output("sesn_1", "outputs/a.txt", place.blobs.put([b"one"]))
    two = await place.files.set_output("sesn_1", "outputs/a.txt", place.blobs.put([b"two"]))
    assert one == same and two["id"] != one["id"] and two["filename"] == "a.txt"
    assert list(place.files.outputs("sesn_1")) == ["outputs/a.txt"]
    with pytest.raises(NotFound):
        place.files.get(one["id"])
    assert not place.blobs.path(one["_sha256"]).exists()
    await place.files.drop_output("sesn_1", "outputs/a.txt")
    assert place.files.outputs("sesn_1") == {}


async def test_bytes_go_with_the_last_file_that_has_them(place: Place) -> None:
    one, two = await place.upload(), await place.upload()
    sha256 = place.files.get(one)["_sha256"]
    await place.files.remove([one])
    assert place.blobs.path(sha256).exists()
    await place.files.remove([two])
    assert not place.blobs.path(sha256).exists()


async def test_a_deleted_session_takes_its_files_along_and_leaves_uploads(place: Place) -> None:
    upload = await place.upload()
    await place.files.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/a"})
    await place.files.set_output("sesn_1", "outputs/a.txt", place.blobs.put([b"out"]))
    await place.files.forget_session("sesn_1")
    assert place.files.get(upload)["id"] == upload
    assert place.files.outputs("sesn_1") == {}
    assert not (place.files.uploads("sesn_1") / "workspace").exists()


@pytest.mark.parametrize("name", ["a:b?.txt", "\n.txt", "x" * 300, "\udcff.bin"])
async def test_an_output_may_have_any_name(place: Place, name: str) -> None:
    doc = await place.files.set_output("sesn_1", f"outputs/{name}", place.blobs.put([b"out"]))
    assert clean_filename(doc["filename"], "text/plain") == doc["filename"]


async def test_bytes_that_went_while_they_were_registered_are_stored_again(place: Place) -> None:
    first = await place.upload()
    blob = place.blobs.put([b"data"])
    await place.files.remove([first])
    doc = await place.files.add(blob, "data.csv", "text/csv")
    await place.files.ensure(doc, lambda: place.blobs.put([b"data"]))
    assert place.files.bytes_of(doc["id"])[1] == b"data"
