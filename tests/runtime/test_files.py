from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents import wire as sdk
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import IdSource, utc_now
from jupyter_agents.runtime.files import Files, wire
from jupyter_agents.runtime.mounted import Mounted
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
        self.new_id = IdSource(utc_now)
        self.catalog = Catalog(self.database)
        self.files = Files(self.catalog, self.blobs, self.clock, self.new_id, max_storage=1000)
        self.mounted = Mounted(folder / "uploads", self.files, self.blobs, self.clock, self.new_id)

    async def upload(self, data: bytes = b"data", name: str = "data.csv", **options: Any) -> str:
        blob = self.blobs.put([data])
        return str((await self.files.add(blob, name, "text/csv", **options))["id"])

    async def output(self, data: bytes, **options: Any) -> dict[str, Any]:
        return await self.files.add(
            self.blobs.receive([data]),
            "a.txt",
            "text/plain",
            session_id="sesn_1",
            path="outputs/a.txt",
            downloadable=True,
            **options,
        )

    def on_disk(self) -> list[str]:
        """What lies in the folder of blobs."""
        return sorted(p.name for p in self.blobs.folder.rglob("*") if p.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Any:
    made = Place(tmp_path)
    yield made
    made.database.close()


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
    doc = await place.output(b"out")
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


async def test_bytes_go_with_the_last_file_that_has_them(place: Place) -> None:
    one, two = await place.upload(), await place.upload()
    sha256 = place.files.get(one)["_sha256"]
    await place.files.remove([one])
    assert place.blobs.path(sha256).exists()
    await place.files.remove([two])
    assert not place.blobs.path(sha256).exists()


async def test_new_contents_take_the_place_of_the_old(place: Place) -> None:
    one = await place.output(b"one")
    two = await place.output(b"two", replaces=one)
    assert place.on_disk() == [two["_sha256"]]
    with pytest.raises(NotFound):
        place.files.get(one["id"])
    same = await place.output(b"two", replaces=two)
    assert place.on_disk() == [same["_sha256"]] and same["id"] != two["id"]


async def test_bytes_that_are_stored_again_while_they_go_are_there_in_the_end(place: Place) -> None:
    first = await place.upload()
    arriving = [place.blobs.receive([b"data"]) for _ in range(5)]
    made = await asyncio.gather(
        place.files.remove([first]), *(place.files.add(one, "x", "text/csv") for one in arriving)
    )
    for doc in made[1:]:
        assert doc is not None and place.files.bytes_of(doc["id"])[1] == b"data"


async def test_what_cannot_be_registered_leaves_no_bytes(place: Place) -> None:
    await place.upload(b"x" * 900)
    incoming = place.blobs.receive([b"y" * 101])
    with pytest.raises(InvalidRequest) as caught:
        await place.files.add(incoming, "x", "text/csv")
    incoming.discard()
    assert caught.value.code == "storage_quota_exceeded"
    assert len(place.on_disk()) == 1
    await place.files.add(place.blobs.receive([b"y" * 100]), "x", "text/csv")


async def test_copies_and_outputs_take_no_room_from_uploads(place: Place) -> None:
    upload = await place.upload(b"x" * 600)
    await place.mounted.mount("sesn_1", {"file_id": upload})
    await place.output(b"z" * 600)
    await place.upload(b"y" * 400)


async def test_uploads_can_be_downloaded_where_the_administrator_says_so(place: Place) -> None:
    upload = await place.upload()
    files = Files(place.catalog, place.blobs, place.clock, place.new_id, download_uploads=True)
    assert files.show(files.get(upload))["downloadable"]
    assert files.content(upload)[1].read_bytes() == b"data"
    assert not place.files.show(place.files.get(upload))["downloadable"]
