import asyncio

import driver as c
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=c.URL, api_key=c.KEY)
agent = Agent(OpenAIChatModel(c.MODEL, provider=provider))
responses_agent = Agent(OpenAIResponsesModel(c.MODEL, provider=provider))


@agent.tool_plain
def weather(city: str) -> str:
    """Return the weather of a city."""
    return c.WEATHER + city


def chat():
    text = agent.run_sync(c.CHAT).output
    assert responses_agent.run_sync(c.CHAT).output == text
    return {"text": text}


async def _stream():
    async with agent.run_stream(c.STREAM) as run:
        return [piece async for piece in run.stream_text(delta=True, debounce_by=None)]


def stream():
    return {"pieces": asyncio.run(_stream())}


def tools():
    return {"text": agent.run_sync(c.TOOLS).output}


def turns():
    first = agent.run_sync(c.TURNS[0])
    return {"texts": [first.output, agent.run_sync(c.TURNS[1], message_history=first.all_messages()).output]}


def error():
    agent.run_sync(c.ERROR)


async def _cancel():
    async def read():
        async with agent.run_stream(c.CANCEL) as run:
            async for _ in run.stream_text(delta=True, debounce_by=None):
                seen.set()

    seen = asyncio.Event()
    task = asyncio.ensure_future(read())
    await asyncio.wait_for(seen.wait(), 20)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return c.await_check()


def cancel():
    return asyncio.run(_cancel())


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
