import driver as c
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=c.MODEL, base_url=c.URL, api_key=c.KEY, max_retries=0)


@tool
def weather(city: str) -> str:
    """Return the weather of a city."""
    return c.WEATHER + city


def chat():
    return {"text": model.invoke(c.CHAT).content}


def stream():
    return {"pieces": [chunk.content for chunk in model.stream(c.STREAM) if chunk.content]}


def tools():
    bound = model.bind_tools([weather])
    history = [HumanMessage(c.TOOLS)]
    called = bound.invoke(history)
    (call,) = called.tool_calls
    history += [called, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
    return {"text": bound.invoke(history).content}


def turns():
    first = model.invoke(c.TURNS[0])
    history = [HumanMessage(c.TURNS[0]), AIMessage(first.content), HumanMessage(c.TURNS[1])]
    return {"texts": [first.content, model.invoke(history).content]}


def error():
    model.invoke(c.ERROR)


def cancel():
    chunks = model.stream(c.CANCEL)
    for chunk in chunks:
        if chunk.content:
            break
    chunks.close()
    return c.await_check()


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
