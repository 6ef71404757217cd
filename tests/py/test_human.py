"""A person as the last resort."""

import pytest

from llmroute import AsyncRouter, CapacityError, Router
from llmroute.testing import SimulatedProvider


@pytest.fixture(scope="module")
def provider():
    with SimulatedProvider(ttft_ms=1) as one:
        yield one


def config(provider, steps=("human",)):
    spent = {"requests_per_day": 1}
    return {
        "deployments": {"a": provider.deployment(limits=spent)},
        "groups": {"fast": {"deployments": ["a"], "on_exhausted": list(steps)}},
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


def test_without_a_handler_the_request_fails(provider):
    with Router(config(provider)) as router:
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
