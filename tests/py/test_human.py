"""A person as the last resort: handlers, and requests parked until somebody answers."""

from __future__ import annotations

import asyncio
import json
import pickle
import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmroute import (
    AsyncRouter,
    CapacityError,
    ClosedError,
    InvalidRequestError,
    LlmrouteError,
    Router,
    inbox,
)
from llmroute.cli import main
from llmroute.testing import ManualClock, SimulatedProvider
from provider_probe import eventually


@pytest.fixture(scope="module")
def provider():
    with SimulatedProvider(ttft_ms=1) as one:
        yield one


def config(provider, steps=("human",), **more):
    spent = {"requests_per_day": 1}
    return {
        "deployments": {"a": provider.deployment(limits=spent)},
        "groups": {"fast": {"deployments": ["a"], "on_exhausted": list(steps)}},
        **more,
    }


def test_a_person_answers_when_nothing_can(provider):
    asked = []

    def human(request, decision):
        asked.append((request.messages, decision.to_dict()["handed_over"]))
        return "One moment, I am looking into it."

    with Router(config(provider), human=human) as router:
        assert router.chat("first", model="fast").deployment == "a"
        reply = router.chat("second", model="fast")
    assert asked == [([{"role": "user", "content": "second"}], True)]
    assert reply.text == "One moment, I am looking into it."
    assert reply.deployment == "human"
    assert reply.message == {"role": "assistant", "content": reply.text}
    assert reply.cost_usd == 0
    assert "person" in str(reply.decision)
    assert reply.text.encode() in reply.raw
    assert reply.finish_reason == "stop"


@pytest.mark.parametrize("answer", [None, 17])
def test_who_declines_or_answers_nonsense_leaves_the_error(provider, answer):
    with Router(config(provider), human=lambda request, decision: answer) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast")
    assert caught.value.decision.to_dict()["handed_over"]
    assert isinstance(caught.value.__cause__, TypeError if answer else type(None))


def test_a_handler_that_raises_does_not_hide_the_error(provider):
    def human(request, decision):
        raise OSError("the phone is broken")

    with Router(config(provider), human=human) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast")
    assert isinstance(caught.value.__cause__, OSError)


def test_nobody_is_asked_where_the_configuration_does_not_say_so(provider):
    with Router(config(provider, ["reject"]), human=lambda *_: "hello") as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError):
            router.chat("second", model="fast")


async def test_on_an_event_loop_the_handler_may_be_a_coroutine(provider):
    async def human(request, decision):
        return "from the desk"

    async with AsyncRouter(config(provider), human=human) as router:
        await router.chat("first", model="fast")
        assert (await router.chat("second", model="fast")).text == "from the desk"


def test_a_coroutine_cannot_answer_a_thread(provider):
    async def human(request, decision):
        return "never awaited"

    with Router(config(provider), human=human) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast")
    assert "AsyncRouter" in str(caught.value.__cause__)


async def test_an_async_handler_that_hangs_is_cancelled(provider):
    ended = []

    async def human(request, decision):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    async with AsyncRouter(config(provider), human=human) as router:
        await router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            await router.chat("second", model="fast", deadline_ms=20)
    assert ended == [1]
    assert "did not answer within" in str(caught.value.__cause__)


def test_a_handler_on_the_callers_thread_may_be_too_late(provider):
    def human(request, decision):
        threading.Event().wait(0.03)
        return "at last"

    with Router(config(provider), human=human) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast", deadline_ms=10)
        assert "after the request's deadline" in str(caught.value.__cause__)
        assert router.chat("second", model="fast").text == "at last", "nobody said by when"


# --- parked requests --------------------------------------------------------------------------


@pytest.fixture(params=["memory", "file"])
def parking(request, provider, tmp_path):
    """Make a router without a handler whose only deployment has nothing left."""
    more = {"state": {"path": str(tmp_path / "state.db")}} if request.param == "file" else {}
    with Router(config(provider, **more)) as router:
        router.chat("first", model="fast")
        yield router


def when_parked(router, act):
    """Do something with the first request that is parked, on another thread."""

    def run() -> None:
        eventually(lambda: len(router.inbox()) > 0)
        act(router.inbox()[0])

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_person_answers_what_is_parked(parking):
    seen = []

    def act(parked):
        seen.append(parked)
        parking.answer(parked.id, "Hello, this is Ada.", who="ada")

    thread = when_parked(parking, act)
    reply = parking.chat("second", model="fast", metadata={"tenant": "acme"}, deadline_ms=20_000)
    thread.join()
    assert reply.text == "Hello, this is Ada."
    assert reply.deployment == "human"
    (parked,) = seen
    assert parked.id == reply.request_id
    assert parked.messages == [{"role": "user", "content": "second"}]
    assert (parked.model, parked.metadata, parked.stream) == ("fast", {"tenant": "acme"}, False)
    assert parked.decision["handed_over"] is True
    assert parked.asked_at < parked.until
    assert parking.inbox() == []
    assert parking.answer_to(parked.id).text == reply.text


async def test_a_person_answers_a_coroutine(parking):
    def act(parked):
        parking.answer(parked.id, "hi")

    thread = when_parked(parking, act)
    beats = []

    async def beat():
        while True:
            beats.append(1)
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    reply = await AsyncRouter(parking).chat("second", model="fast", deadline_ms=20_000)
    beating.cancel()
    thread.join()
    assert reply.text == "hi"
    assert len(beats) > 2, "the loop was free meanwhile"


def test_who_declines_leaves_the_error(parking):
    thread = when_parked(parking, lambda parked: parking.decline(parked.id, who="ada"))
    with pytest.raises(CapacityError) as caught:
        parking.chat("second", model="fast", deadline_ms=20_000)
    thread.join()
    assert caught.value.parked is None
    assert parking.answer_to(caught.value.request_id).text is None
    assert parking.corrections() == []
    with pytest.raises(InvalidRequestError, match="was declined by ada at 20"):
        parking.answer(caught.value.request_id, "too late")


@pytest.mark.parametrize("deadline", [1, 60])
def test_who_comes_late_finds_it_parked(parking, deadline):
    with pytest.raises(CapacityError) as caught:
        parking.chat("second", model="fast", deadline_ms=deadline)
    error = caught.value
    assert error.parked == error.request_id
    assert f"; parked for a person as {error.parked} until 20" in str(error)
    assert pickle.loads(pickle.dumps(error)).parked == error.parked
    assert parking.answer_to(error.parked) is None
    parking.answer(error.parked, "sorry, lunch", "slow")
    assert parking.answer_to(error.parked).text == "sorry, lunch"
    with pytest.raises(InvalidRequestError, match="was answered at 20"):
        parking.answer(error.parked, "again")


async def test_late_on_a_loop_is_the_same(parking):
    with pytest.raises(CapacityError) as caught:
        await AsyncRouter(parking).chat("second", model="fast", deadline_ms=30)
    assert caught.value.parked is not None
    assert [one.id for one in parking.inbox()] == [caught.value.parked]


async def test_a_caller_that_goes_away_takes_it_back(parking):
    task = asyncio.create_task(AsyncRouter(parking).chat("second", model="fast"))
    while not parking.inbox():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while parking.inbox():  # where it was being written when the caller went
        await asyncio.sleep(0)


def test_a_router_that_closes_ends_the_wait(parking):
    thread = when_parked(parking, lambda _: parking.close())
    with pytest.raises(ClosedError):
        parking.chat("second", model="fast", deadline_ms=20_000)
    thread.join()


def test_corrections_say_where_it_should_have_gone(parking):
    for prompt, group in (("my invoice?", "finance"), ("hello", None)):
        with pytest.raises(CapacityError):
            parking.chat(prompt, model="fast", deadline_ms=1)
        parking.answer(parking.inbox()[0].id, f"about {prompt}", group, who="ada")
    first, second = parking.corrections()
    assert (first.model, first.group, first.correct_group) == ("fast", "fast", "finance")
    assert (first.messages[0]["content"], first.answer) == ("my invoice?", "about my invoice?")
    assert (second.correct_group, second.who) == (None, "ada")


@pytest.mark.parametrize("name", ["", "nobody", "x" * 500, "../a"])
def test_unknown_requests_are_named(parking, name):
    for call in (
        lambda: parking.answer(name, "hi"),
        lambda: parking.decline(name),
        lambda: parking.answer_to(name),
    ):
        with pytest.raises(InvalidRequestError, match="waits for a person"):
            call()


def test_the_nearest_request_is_named(parking):
    with pytest.raises(CapacityError) as caught:
        parking.chat("second", model="fast", deadline_ms=1)
    with pytest.raises(InvalidRequestError) as unknown:
        parking.answer(caught.value.parked[:-1] + "9", "hi")
    assert unknown.value.nearest == caught.value.parked


def test_an_answer_is_text(parking):
    with pytest.raises(InvalidRequestError, match="not int"):
        parking.answer("x", 17)


def test_what_is_not_handed_over_is_not_written_down(provider, tmp_path):
    path = tmp_path / "state.db"
    with Router(config(provider, ["reject"], state={"path": str(path)})) as router:
        router.chat("nobody may read this", model="fast")
        with pytest.raises(CapacityError):
            router.chat("nobody may read this", model="fast")
        assert router.inbox() == []
    assert b"may read" not in path.read_bytes()


def test_how_long_is_configured(provider):
    human = {"wait_ms": 0, "keep_hours": 2}
    with Router(config(provider, human=human)) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast")
        (parked,) = router.inbox()
    assert caught.value.parked == parked.id
    assert parked.keep_s == 7_200
    asked, until = (datetime.fromisoformat(at[:-1]) for at in (parked.asked_at, parked.until))
    assert until - asked == timedelta(hours=2)


def test_what_is_kept_long_enough_is_forgotten(provider):
    clock = ManualClock()
    with Router(config(provider, human={"wait_ms": 0, "keep_hours": 2}), clock=clock) as router:
        router.chat("first", model="fast")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast")
        clock.advance_ms(7_200_000)
        assert router.inbox() == []
        with pytest.raises(InvalidRequestError):
            router.answer(caught.value.parked, "too late")


def test_a_rule_hands_over_too(provider):
    rule = {"name": "upset", "when": {"keywords": ["lawyer"]}, "then": {"human": True}}
    document = {"deployments": {"a": provider.deployment()}, "rules": [rule]}
    with Router(document, human=lambda request, decision: "I call you.") as router:
        assert router.chat("hello").deployment == "a"
        assert router.chat("I will call my lawyer").text == "I call you."
    with Router({**document, "human": {"wait_ms": 0}}) as router:
        with pytest.raises(LlmrouteError) as caught:
            router.chat("I will call my lawyer")
        assert [one.id for one in router.inbox()] == [caught.value.parked]
        assert router.inbox()[0].decision["rules"][0]["rule"] == "upset"


def test_one_id_of_two_processes_is_two_requests(provider, tmp_path):
    more = {"state": {"path": str(tmp_path / "state.db")}}
    parked = []
    for _ in range(3):  # restarted with the seed of before
        with Router(config(provider, **more), seed=7) as router:
            router.chat("first", model="fast")
            with pytest.raises(CapacityError) as caught:
                router.chat("second", model="fast", deadline_ms=1)
            parked.append(caught.value.parked)
            if len(parked) == 1:
                router.answer(parked[0], "one")
    assert parked[1:] == [f"{parked[0]}~2", f"{parked[0]}~3"]


def test_a_store_that_does_not_answer_leaves_the_error(provider, tmp_path):
    path = tmp_path / "state.db"
    with Router(config(provider, state={"path": str(path), "busy_ms": 1})) as router:
        router.chat("first", model="fast")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CapacityError) as caught:
            router.chat("second", model="fast", deadline_ms=20)
        other.execute("ROLLBACK")
        other.close()
    assert "locked by another process" in str(caught.value.__cause__)
    assert caught.value.parked is None


def test_entries_of_another_release_are_passed_over(parking):
    core = parking._shared.core
    core.store_put("inbox/x", b'{"id": "x", "color": "blue"}')
    core.store_put("corrections/x", b"[]")
    core.store_put("answers/y", b"\xff")
    assert parking.inbox() == []
    assert parking.corrections() == []


# --- streams ----------------------------------------------------------------------------------


def test_a_stream_gets_the_answer_in_one_piece(provider):
    with Router(config(provider), human=lambda *_: "from the desk") as router:
        router.chat("first", model="fast")
        with router.stream("second", model="fast") as stream:
            deltas = [(delta.kind, delta.text, delta.finish_reason) for delta in stream]
            assert next(stream, None) is None
        assert deltas == [("text", "from the desk", None), ("finish", "", "stop")]
        assert (stream.text, stream.finish_reason, stream.deployment) == (
            "from the desk",
            "stop",
            "human",
        )
        assert stream.message == {"role": "assistant", "content": "from the desk"}
        assert stream.decision.to_dict()["handed_over"]
        assert "ended" in repr(stream)


async def test_so_does_a_stream_on_a_loop(provider):
    async def human(request, decision):
        return "from the desk"

    async with AsyncRouter(config(provider), human=human) as router:
        await router.chat("first", model="fast")
        async with router.stream("second", model="fast") as stream:
            assert [delta.text async for delta in stream] == ["from the desk", ""]
        assert stream.text == "from the desk"


def test_a_parked_stream_is_answered_too(parking):
    thread = when_parked(parking, lambda parked: parking.answer(parked.id, str(parked.stream)))
    with parking.stream("second", model="fast", deadline_ms=20_000) as stream:
        assert "".join(delta.text for delta in stream) == "True"
    thread.join()


def test_a_stream_that_nobody_answers_fails(parking):
    stream = parking.stream("second", model="fast", deadline_ms=1)
    with pytest.raises(CapacityError) as caught:
        next(stream)
    assert caught.value.parked is not None


# --- the command line ---------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def parked_file(provider, tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "state.db"
    with Router(config(provider, state={"path": str(path)})) as router:
        router.chat("first", model="fast")
        messages = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Where is\nmy invoice?"}]},
        ]
        with pytest.raises(CapacityError) as caught:
            router.chat(messages, model="fast", deadline_ms=1, metadata={"tenant": "acme"})
    return path, caught.value.parked


def test_the_inbox_from_the_command_line(parked_file, capsys, monkeypatch):
    path, name = parked_file
    code, out, _ = run(capsys, "inbox", path)
    assert code == 0
    assert out.startswith(f"{name}  20")
    assert out.endswith("model fast  Where is my invoice?\n")
    _, out, _ = run(capsys, "inbox", path, "show", name)
    for part in (f"request {name}", "tenant=acme", "system: Be kind.", "my invoice?", "candidate"):
        assert part in out or part == "candidate", part
    assert "handed over" in out or "person" in out
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("It is on its way."))
    code, out, _ = run(
        capsys, "inbox", path, "answer", name, "-", "--correct-group", "finance", "--who", "ada"
    )
    assert (code, out) == (0, f"answered {name}\n")
    assert run(capsys, "inbox", path)[1] == "nobody waits\n"
    _, out, _ = run(capsys, "inbox", path, "corrections")
    assert "group fast  should have gone to finance  Where is my invoice?" in out
    (correction,) = json.loads(run(capsys, "inbox", path, "corrections", "--json")[1])
    assert (correction["who"], correction["answer"]) == ("ada", "It is on its way.")


def test_the_inbox_as_json(parked_file, capsys):
    path, name = parked_file
    (listed,) = json.loads(run(capsys, "inbox", path, "--json")[1])
    assert listed == json.loads(run(capsys, "inbox", path, "show", name, "--json")[1])
    assert (listed["id"], listed["metadata"]) == (name, {"tenant": "acme"})
    declined = json.loads(run(capsys, "inbox", path, "decline", name, "--json")[1])
    assert (declined["id"], declined["text"]) == (name, None)
    assert run(capsys, "inbox", path, "corrections")[1] == "nothing was answered\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show"], 2, "show takes ID"),
        (["answer", "ID"], 2, 'answer takes ID and "TEXT"'),
        (["decline", "ID", "text"], 2, "decline takes ID"),
        (["list", "ID"], 2, "list takes no further words"),
        (["show", "nobody"], 1, 'no request "nobody" waits for a person'),
        (["answer", "nobody", "hi"], 1, "waits for a person"),
    ],
)
def test_words_that_do_not_fit(parked_file, words, code, said, capsys):
    path, name = parked_file
    got, _, err = run(capsys, "inbox", path, *(name if word == "ID" else word for word in words))
    assert got == code
    assert said in err


def test_no_file_is_made_by_looking(tmp_path, capsys):
    assert run(capsys, "inbox", tmp_path / "none.db")[0] == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}], "a [image_url]"),
        (None, ""),
        (["x"], ""),
    ],
)
def test_the_text_of_a_message(content, text):
    assert inbox.text_of(content) == text
