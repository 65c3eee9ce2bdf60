from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest, NotFound
from tests.runtime.test_files import Place


@pytest.fixture
def place(tmp_path: Path) -> Any:
    made = Place(tmp_path)
    yield made
    made.database.close()


async def test_a_session_gets_a_read_only_copy_at_both_paths(place: Place) -> None:
    upload = await place.upload()
    shown = await place.mounted.mount(
        "sesn_1", {"type": "file", "file_id": upload, "mount_path": "/workspace/d/x.csv"}
    )
    assert shown["file_id"] != upload and shown["mount_path"] == "/workspace/d/x.csv"
    copy = place.mounted.uploads("sesn_1") / "workspace/d/x.csv"
    assert copy.read_bytes() == b"data" and stat.S_IMODE(copy.stat().st_mode) == 0o444
    (mount,) = place.mounted.mounts("sesn_1", [shown])
    assert (mount.source, mount.target) == (copy, "/workspace/d/x.csv")
    await place.files.remove([upload])
    assert copy.read_bytes() == b"data"
    assert place.files.get(shown["file_id"])["scope"]["id"] == "sesn_1"


async def test_below_uploads_there_is_one_path(place: Place) -> None:
    resource = {"type": "file", "file_id": await place.upload(), "mount_path": "/mnt/session/uploads/a.csv"}
    shown = await place.mounted.mount("sesn_1", resource)
    assert (place.mounted.uploads("sesn_1") / "a.csv").exists()
    assert place.mounted.mounts("sesn_1", [shown]) == ()


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
    await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": first})
    with pytest.raises(InvalidRequest, match="at, above or below"):
        await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": second})
    await place.mounted.mount("sesn_2", {"file_id": upload, "mount_path": second})


async def test_a_name_too_long_for_the_disk_is_the_requests_fault(place: Place) -> None:
    resource = {"file_id": await place.upload(), "mount_path": "/workspace/" + "x" * 300}
    with pytest.raises(InvalidRequest, match="too long"):
        await place.mounted.mount("sesn_1", resource)


async def test_a_path_is_normalised_for_the_sandbox_and_shown_as_given(place: Place) -> None:
    shown = await place.mounted.mount(
        "sesn_1", {"file_id": await place.upload(), "mount_path": "/workspace//d/./x.csv"}
    )
    assert shown["mount_path"] == "/workspace//d/./x.csv"
    (mount,) = place.mounted.mounts("sesn_1", [shown])
    assert mount.target == "/workspace/d/x.csv"


async def test_a_copy_that_is_taken_out_leaves_nothing(place: Place) -> None:
    upload = await place.upload()
    shown = await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/d/e/x.csv"})
    other = await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/d/y.csv"})
    await place.mounted.unmount("sesn_1", shown)
    left = [p for p in place.mounted.uploads("sesn_1").rglob("*")]
    assert sorted(str(p.relative_to(place.mounted.uploads("sesn_1"))) for p in left) == [
        "workspace",
        "workspace/d",
        "workspace/d/y.csv",
    ]
    with pytest.raises(NotFound):
        place.files.get(shown["file_id"])
    assert place.files.get(other["file_id"]) and place.files.get(upload)
    await place.mounted.unmount("sesn_1", other)
    assert list(place.mounted.uploads("sesn_1").iterdir()) == []


async def test_a_copy_that_cannot_be_made_leaves_nothing(place: Place) -> None:
    upload = await place.upload()
    with pytest.raises(InvalidRequest, match="too long"):
        await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/" + "x" * 300})
    assert place.catalog.count("file") == 1


async def test_a_deleted_session_takes_its_files_along_and_leaves_uploads(place: Place) -> None:
    upload = await place.upload()
    await place.mounted.mount("sesn_1", {"file_id": upload, "mount_path": "/workspace/a"})
    output = await place.output(b"out")
    await place.files.forget_session("sesn_1")
    place.mounted.forget_session("sesn_1")
    assert place.files.get(upload)["id"] == upload
    assert place.files.of_session("sesn_1") == [] and place.mounted.folders() == []
    assert output["_sha256"] not in place.on_disk()
