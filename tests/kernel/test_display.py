"""Drawing: not too often, never twice the same, and always the end."""

from __future__ import annotations

from typing import Any

from jupyter_agents.kernel.display import RunDisplay, terminal


class FakeRun:
    def __init__(self) -> None:
        self.transcript = object()

    def bundle(self) -> dict[str, Any]:
        return {"text/plain": "drawn"}


def test_draws_at_most_ten_times_a_second(monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("jupyter_agents.kernel.display.time.monotonic", lambda: now[0])
    run, drawn = FakeRun(), []

    def publish(bundle: dict[str, Any], *, display_id: str, update: bool) -> None:
        drawn.append((display_id, update))

    display = RunDisplay(run, publish)  # type: ignore[arg-type]
    for _ in range(1000):
        run.transcript = object()
        now[0] += 0.001
        display.draw()
    assert len(drawn) <= 11
    assert [update for _, update in drawn] == [False] + [True] * (len(drawn) - 1)
    assert len({display_id for display_id, _ in drawn}) == 1


def test_draws_only_what_changed_but_always_the_end(monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("jupyter_agents.kernel.display.time.monotonic", lambda: now[0])
    drawn: list[bool] = []
    display = RunDisplay(
        FakeRun(),  # type: ignore[arg-type]
        lambda bundle, *, display_id, update: drawn.append(update),
    )
    for _ in range(10):
        now[0] += 1
        display.draw()
    assert drawn == [False]
    display.finish()
    assert drawn == [False, True]


def test_a_terminal_prints_the_growth(capsys: Any) -> None:
    publish = terminal()
    for text in ("one", "one\x1b[2J two", "one\x1b[2J two", "one\x1b[2J two\nthree"):
        publish({"text/plain": text}, display_id="1", update=False)
    assert capsys.readouterr().out == "one[2J two\nthree"
