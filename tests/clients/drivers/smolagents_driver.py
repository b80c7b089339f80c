import gc

import driver as c
from smolagents import OpenAIModel, Tool

model = OpenAIModel(c.MODEL, api_base=c.URL, api_key=c.KEY, client_kwargs={"max_retries": 0})


class Weather(Tool):
    name = "weather"
    description = "Return the weather of a city."
    inputs = {"city": {"type": "string", "description": "the city"}}
    output_type = "string"

    def forward(self, city):
        return c.WEATHER + city


def user(text):
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def chat():
    return {"text": model.generate([user(c.CHAT)]).content}


def stream():
    return {"pieces": [delta.content for delta in model.generate_stream([user(c.STREAM)]) if delta.content]}


def tools():
    called = model.generate([user(c.TOOLS)], tools_to_call_from=[Weather()])
    (call,) = called.tool_calls
    return {"text": Weather()(**_arguments(call.function.arguments))}


def _arguments(given):
    import json

    return json.loads(given) if isinstance(given, str) else given


def turns():
    first = model.generate([user(c.TURNS[0])]).content
    said = {"role": "assistant", "content": [{"type": "text", "text": first}]}
    return {"texts": [first, model.generate([user(c.TURNS[0]), said, user(c.TURNS[1])]).content]}


def error():
    model.generate([user(c.ERROR)])


def cancel():
    deltas = model.generate_stream([user(c.CANCEL)])
    for delta in deltas:
        if delta.content:
            break
    deltas.close()
    gc.collect()  # it closes the connection only when its stream is freed
    return c.await_check()


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
