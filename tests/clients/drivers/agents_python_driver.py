import asyncio

import driver as c
from agents import Agent, Runner, SQLiteSession, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent

set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=c.URL, api_key=c.KEY, max_retries=0), use_for_tracing=False)


@function_tool
def weather(city: str) -> str:
    """Return the weather of a city."""
    return c.WEATHER + city


agent = Agent(name="driver", model=c.MODEL, tools=[weather])


def chat():
    return {"text": Runner.run_sync(agent, c.CHAT).final_output}


async def _pieces(prompt):
    run = Runner.run_streamed(agent, prompt)
    async for event in run.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            yield event.data.delta


async def _stream():
    return [piece async for piece in _pieces(c.STREAM)]


def stream():
    return {"pieces": asyncio.run(_stream())}


def tools():
    return {"text": Runner.run_sync(agent, c.TOOLS).final_output}


def turns():
    session = SQLiteSession("driver")
    return {"texts": [Runner.run_sync(agent, prompt, session=session).final_output for prompt in c.TURNS]}


def error():
    Runner.run_sync(agent, c.ERROR)


async def _cancel():
    run = Runner.run_streamed(agent, c.CANCEL)
    async for event in run.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            break
    run.cancel()
    for _ in range(20):
        await asyncio.sleep(0.05)
    return c.await_check()


def cancel():
    return asyncio.run(_cancel())


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
