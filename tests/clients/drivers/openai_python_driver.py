import driver as c
from openai import OpenAI

client = OpenAI(base_url=c.URL, api_key=c.KEY, max_retries=0)
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def ask(messages, **more):
    return client.chat.completions.create(model=c.MODEL, messages=messages, **more)


def user(text):
    return {"role": "user", "content": text}


def chat():
    responses = client.responses.create(model=c.MODEL, input=c.CHAT).output_text
    text = ask([user(c.CHAT)]).choices[0].message.content
    assert responses == text
    return {"text": text}


def stream():
    deltas = (chunk.choices[0].delta for chunk in ask([user(c.STREAM)], stream=True) if chunk.choices)
    return {"pieces": [delta.content for delta in deltas if delta.content]}


def tools():
    history = [user(c.TOOLS)]
    message = ask(history, tools=[TOOL]).choices[0].message
    call = message.tool_calls[0]
    history += [message, {"role": "tool", "tool_call_id": call.id, "content": c.WEATHER + "Oslo"}]
    return {"text": ask(history, tools=[TOOL]).choices[0].message.content}


def turns():
    first = client.responses.create(model=c.MODEL, input=c.TURNS[0])
    second = client.responses.create(model=c.MODEL, input=c.TURNS[1], previous_response_id=first.id)
    return {"texts": [first.output_text, second.output_text]}


def error():
    ask([user(c.ERROR)])


def cancel():
    chunks = ask([user(c.CANCEL)], stream=True)
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    chunks.close()
    return c.await_check()


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
