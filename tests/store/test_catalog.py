from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.store import catalog as documents
from jupyter_agents.store.catalog import ACTIVE, Catalog, Where
from jupyter_agents.store.database import Database
from jupyter_agents.store.pages import Cursor

Doc = dict[str, Any]


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


def doc(number: int, **more: Any) -> Doc:
    return {"id": f"x_{number}", "created_at": f"2026-01-0{number}", "archived_at": None, "name": "n", **more}


async def filled(catalog: Catalog) -> None:
    for number in range(1, 8):
        await catalog.put("file", doc(number))


def ids(data: list[Doc]) -> list[int]:
    return [int(found["id"][-1]) for found in data]


async def test_pages_go_forward_and_back_to_the_start(catalog: Catalog) -> None:
    await filled(catalog)

    def page(cursor: Cursor | None) -> documents.Page:
        return catalog.page("file", Where(), "desc", cursor, 3)

    first = page(None)
    second = page(first.next)
    third = page(second.next)
    assert [ids(p.data) for p in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert first.previous is None and third.next is None
    back = page(third.previous)
    assert ids(back.data) == [4, 3, 2]
    start = page(back.previous)
    assert ids(start.data) == [7, 6, 5] and start.previous is None
    assert start.next is not None and ids(page(start.next).data) == [4, 3, 2]


async def test_oldest_first_too(catalog: Catalog) -> None:
    await filled(catalog)
    first = catalog.page("file", Where(), "asc", None, 4)
    assert ids(first.data) == [1, 2, 3, 4]
    assert ids(catalog.page("file", Where(), "asc", first.next, 4).data) == [5, 6, 7]


async def test_a_page_that_is_just_full_is_the_last(catalog: Catalog) -> None:
    await filled(catalog)
    assert catalog.page("file", Where(), "desc", None, 7).next is None


async def test_of_the_same_age_the_id_decides(catalog: Catalog) -> None:
    for number in (1, 2, 3):
        await catalog.put("file", doc(number) | {"created_at": "same"})
    first = catalog.page("file", Where(), "desc", None, 2)
    assert ids(first.data) == [3, 2]
    assert ids(catalog.page("file", Where(), "desc", first.next, 2).data) == [1]


async def test_conditions_and_counts(catalog: Catalog) -> None:
    await filled(catalog)
    await catalog.put("file", doc(8, archived_at="2026-01-09"), parent="p")
    assert catalog.count("file") == 8 and catalog.count("file", ACTIVE) == 7
    assert ids(catalog.all("file", Where(("parent = ?",), ("p",)))) == [8]
    await catalog.delete("file", ["x_1", "x_none"])
    assert catalog.find("file", "x_1") is None


async def test_what_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="Agent `agent_x` not found"):
        catalog.get("agent", "agent_x")
    with pytest.raises(NotFound) as caught:
        catalog.get("environment", "env_x")
    assert caught.value.code == "environment_not_found"


def agent(version: int, **more: Any) -> Doc:
    return doc(1, version=version, system=f"v{version}", **more)


async def test_versions_are_kept_and_archiving_shows_on_all(catalog: Catalog) -> None:
    await catalog.save_agent(agent(1), over=None)
    await catalog.save_agent(agent(2), over=1)
    assert catalog.get("agent", "x_1")["system"] == "v2"
    assert catalog.version("x_1", 1)["system"] == "v1"
    assert [v["version"] for v in catalog.versions("x_1", None, 10)] == [2, 1]
    assert [v["version"] for v in catalog.versions("x_1", 2, 10)] == [1]
    await catalog.put("agent", agent(2, archived_at="2026-02-02") | {"archived_at": "2026-02-02"})
    assert catalog.version("x_1", 1)["archived_at"] == "2026-02-02"


@pytest.mark.parametrize("version", [3, 10**30])
async def test_a_version_that_was_never_made(catalog: Catalog, version: int) -> None:
    await catalog.save_agent(agent(1), over=None)
    with pytest.raises(NotFound, match="no version"):
        catalog.version("x_1", version)


async def test_the_second_of_two_updates_is_a_conflict(catalog: Catalog) -> None:
    await catalog.save_agent(agent(1), over=None)
    await catalog.save_agent(agent(2), over=1)
    with pytest.raises(Conflict):
        await catalog.save_agent(agent(2), over=1)


async def test_names_of_environments_are_unique_among_the_active(catalog: Catalog) -> None:
    await catalog.add_environment(doc(1))
    with pytest.raises(Conflict, match="x_1"):
        await catalog.add_environment(doc(2))
    await catalog.put("environment", doc(1, archived_at="x") | {"archived_at": "2026-01-09"})
    await catalog.add_environment(doc(2))


async def test_a_sessions_row_follows_its_journal(catalog: Catalog, database: Database) -> None:
    session = doc(1, status="idle")
    await database.write(lambda c: documents.put(c, "session", session, status="idle"))
    await database.write(lambda c: documents.change_session(c, "x_1", {"status": "running"}))
    await database.write(lambda c: documents.change_session(c, "x_none", {"status": "running"}))
    assert catalog.get("session", "x_1")["status"] == "running"
    assert catalog.count("session", Where(("status = 'running'",))) == 1


async def test_unsettled_sessions_are_found(catalog: Catalog, database: Database) -> None:
    for session_id, unsettled in (("b", True), ("a", True), ("a", True), ("b", False), ("c", False)):
        await database.write(lambda c, s=session_id, u=unsettled: documents.mark_unsettled(c, s, u))
    assert catalog.unsettled() == ["a"]


async def test_changes_at_once_are_made_one_on_the_other(catalog: Catalog) -> None:
    await catalog.save_agent(agent(1), over=None)

    def up(stored: Doc) -> Doc:
        return stored | {"version": stored["version"] + 1}

    made = await asyncio.gather(*(catalog.change("agent", "x_1", up) for _ in range(20)))
    assert [a["version"] for a in made] == list(range(2, 22))
    assert catalog.get("agent", "x_1") == made[-1]
    assert [v["version"] for v in catalog.versions("x_1", None, 100)] == list(range(21, 0, -1))


async def test_a_change_that_is_refused_changes_nothing(catalog: Catalog) -> None:
    await catalog.add_environment(doc(1, name="one"))
    await catalog.add_environment(doc(2, name="two"))

    def refuse(_: Doc) -> Doc:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest, match="no"):
        await catalog.change("environment", "x_1", refuse)
    with pytest.raises(Conflict, match="x_2"):
        await catalog.change("environment", "x_1", lambda stored: stored | {"name": "two"})
    with pytest.raises(NotFound):
        await catalog.change("environment", "x_9", dict)
    assert catalog.get("environment", "x_1") == doc(1, name="one")
    assert (await catalog.change("environment", "x_1", dict)) == doc(1, name="one")


async def test_an_environment_is_deleted_when_no_session_refers_to_it(
    catalog: Catalog, database: Database
) -> None:
    await catalog.add_environment(doc(1))
    session = doc(2, environment_id="x_1", archived_at="2026-01-09")
    await database.write(lambda c: documents.put(c, "session", session))
    with pytest.raises(Conflict, match="sessions: 1"):
        await catalog.delete_environment("x_1")
    await catalog.delete("session", ["x_2"])
    await catalog.delete_environment("x_1")
    with pytest.raises(NotFound):
        await catalog.delete_environment("x_1")
