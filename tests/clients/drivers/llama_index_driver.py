import gc

import driver as c
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

model = OpenAILike(
    model=c.MODEL, api_base=c.URL, api_key=c.KEY, is_chat_model=True, is_function_calling_model=True, max_retries=0
)


def weather(city: str) -> str:
    """Return the weather of a city."""
    return c.WEATHER + city


def user(text):
    return ChatMessage(role="user", content=text)


def chat():
    return {"text": model.chat([user(c.CHAT)]).message.content}


def stream():
    return {"pieces": [chunk.delta for chunk in model.stream_chat([user(c.STREAM)]) if chunk.delta]}


def tools():
    tool = FunctionTool.from_defaults(weather)
    history = [user(c.TOOLS)]
    called = model.chat_with_tools([tool], chat_history=history)
    (call,) = model.get_tool_calls_from_response(called)
    result = ChatMessage(
        role="tool", content=weather(**call.tool_kwargs), additional_kwargs={"tool_call_id": call.tool_id}
    )
    return {"text": model.chat_with_tools([tool], chat_history=[*history, called.message, result]).message.content}


def turns():
    first = model.chat([user(c.TURNS[0])]).message
    return {"texts": [first.content, model.chat([user(c.TURNS[0]), first, user(c.TURNS[1])]).message.content]}


def error():
    model.chat([user(c.ERROR)])


def cancel():
    chunks = model.stream_chat([user(c.CANCEL)])
    for chunk in chunks:
        if chunk.delta:
            break
    chunks.close()
    gc.collect()  # it closes the connection only when its stream is freed
    return c.await_check()


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
