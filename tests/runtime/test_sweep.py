from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.ids import rfc3339
from jupyter_agents.runtime.git import GitLimits
from jupyter_agents.runtime.repositories import Repositories
from jupyter_agents.runtime.sweep import GRACE, Sweep, Swept
from jupyter_agents.store.snapshots import Snapshots
from tests.runtime.test_files import Place

OLD = 2 * GRACE


class Store(Place):
    """A store with a sweep and a session."""

    def sweep(self) -> Sweep:
        return Sweep(
            self.catalog,
            self.blobs,
            self.files,
            self.mounted,
            self.repositories(),
            self.snapshots(),
            self.clock,
        )

    def snapshots(self) -> Snapshots:
        return Snapshots(self.mounted.folder.parent / "snapshots")

    def repositories(self) -> Repositories:
        folder = self.mounted.folder.parent / "repositories"
        return Repositories(folder, [], GitLimits(), self.clock, self.new_id)

    async def session(self, *resources: dict[str, Any]) -> None:
        now = rfc3339(self.clock())
        await self.catalog.put("session", {"id": "sesn_1", "created_at": now, "resources": list(resources)})

    def age(self) -> None:
        """Let two hours pass."""
        self.clock.now += timedelta(seconds=OLD)
        snapshots = self.mounted.folder.parent / "snapshots"
        for top in (self.blobs.folder, self.mounted.folder, self.repositories().folder, snapshots):
            for path in [top, *top.rglob("*")] if top.exists() else []:
                os.utime(path, (time.time() - OLD,) * 2)


@pytest.fixture
def place(tmp_path: Path) -> Any:
    made = Store(tmp_path)
    yield made
    made.database.close()


async def leave_behind(place: Store) -> tuple[str, dict[str, Any]]:
    """What kills at every step leave, beside an upload, a mounted copy and an output that are wanted."""
    upload = await place.upload(b"kept")
    kept = await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/kept"})
    await place.session(kept)
    await place.output(b"out")
    place.blobs.receive([b"cut"])
    place.blobs.note(place.blobs.put([b"never registered"])[0])
    await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/cut"})
    await place.mounted.mount("sesn_2", {"file_id": upload, "mount_path": "/workspace/cut"})
    return upload, kept


async def test_what_belongs_to_nothing_goes(place: Store) -> None:
    upload, kept = await leave_behind(place)
    for session in ("sesn_1", "sesn_2"):
        place.repositories().set_token(session, "sesrsc_1", "tok-1")
    place.age()
    assert await place.sweep().run() == Swept(unfinished=1, blobs=1, files=2, folders=1, copies=1)
    assert place.catalog.count("file") == 3 and len(place.on_disk()) == 2
    assert place.files.bytes_of(upload)[1] == b"kept"
    assert place.mounted.host_path("sesn_1", kept["mount_path"]).read_bytes() == b"kept"
    assert not place.mounted.host_path("sesn_1", "/workspace/cut").exists()
    assert [folder.name for folder in place.mounted.folders()] == ["sesn_1"]
    assert [path.stem for path in place.repositories().kept()] == ["sesn_1"]
    assert await place.sweep().run() == Swept()


async def test_what_another_process_may_be_at_is_left_alone(place: Store) -> None:
    await leave_behind(place)
    before = place.on_disk()
    assert await place.sweep().run() == Swept()
    assert place.on_disk() == before


async def test_a_note_does_not_remove_what_a_file_has(place: Store) -> None:
    upload = await place.upload(b"kept")
    place.blobs.note(place.files.get(upload)["_sha256"])
    place.age()
    await place.sweep().run()
    assert place.files.bytes_of(upload)[1] == b"kept"
    assert place.on_disk() == [place.files.get(upload)["_sha256"]]


async def test_an_expired_file_goes_after_thirty_days(place: Store) -> None:
    upload = await place.upload(expires_in=3600)
    place.clock.now += timedelta(days=30)
    assert (await place.sweep().run()).files == 0
    assert place.files.get(upload)
    place.clock.now += timedelta(hours=2)
    assert (await place.sweep().run()).files == 1
    assert place.on_disk() == []


async def test_snapshots_go_with_their_session(place: Store) -> None:
    await place.session()
    for session_id in ("sesn_1", "sesn_2"):
        place.snapshots().of(session_id)
    await place.sweep().run()
    assert len(place.snapshots().sessions()) == 2
    place.age()
    await place.sweep().run()
    assert [folder.name for folder in place.snapshots().sessions()] == ["sesn_1"]
