from __future__ import annotations

import asyncio

import pytest

from jupyter_agents.sandbox.once import Once, Told


async def test_it_is_done_once_and_told_to_all() -> None:
    once, go, told = Once[int](), asyncio.Event(), (list[str](), list[str]())
    runs = 0

    async def make(say: Told) -> int:
        nonlocal runs
        runs += 1
        say("one")
        await go.wait()
        say("two")
        return runs

    first = asyncio.create_task(once.get("k", make, told[0].append))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(once.get("k", make, told[1].append))
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(first, second) == [1, 1]
    assert told == (["one", "two", ""], ["one", "two", ""])
    assert await once.get("k", make, print) == 2


async def test_who_goes_away_leaves_it_to_the_others() -> None:
    once, go = Once[int](), asyncio.Event()

    async def make(say: Told) -> int:
        await go.wait()
        say("late")
        return 1

    heard: list[str] = []
    gone = asyncio.create_task(once.get("k", make, heard.append))
    stays = asyncio.create_task(once.get("k", make, lambda text: None))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await stays == 1 and gone.cancelled() and heard == [""]


async def test_a_failure_is_everybodys_and_is_tried_again() -> None:
    once, fails = Once[int](), True

    async def make(say: Told) -> int:
        await asyncio.sleep(0)
        if fails:
            raise ValueError
        return 1

    both = await asyncio.gather(*(once.get("k", make, print) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in both] == [ValueError, ValueError]
    fails = False
    assert await once.get("k", make, print) == 1


async def test_closing_gives_up_what_is_made() -> None:
    once = Once[int]()

    async def make(say: Told) -> int:
        await asyncio.sleep(60)
        return 1

    waiting = asyncio.create_task(once.get("k", make, print))
    await asyncio.sleep(0)
    await once.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
