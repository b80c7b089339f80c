import driver as c
import litellm

TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def ask(messages, **more):
    return litellm.completion(
        model=f"openai/{c.MODEL}", messages=messages, api_base=c.URL, api_key=c.KEY, num_retries=0, **more
    )


def user(text):
    return {"role": "user", "content": text}


def chat():
    return {"text": ask([user(c.CHAT)]).choices[0].message.content}


def stream():
    chunks = ask([user(c.STREAM)], stream=True)
    return {"pieces": [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]}


def tools():
    history = [user(c.TOOLS)]
    message = ask(history, tools=[TOOL]).choices[0].message
    (call,) = message.tool_calls
    history += [message, {"role": "tool", "tool_call_id": call.id, "content": c.WEATHER + "Oslo"}]
    return {"text": ask(history, tools=[TOOL]).choices[0].message.content}


def turns():
    first = ask([user(c.TURNS[0])]).choices[0].message
    second = ask([user(c.TURNS[0]), first, user(c.TURNS[1])]).choices[0].message
    return {"texts": [first.content, second.content]}


def error():
    ask([user(c.ERROR)])


def cancel():
    chunks = ask([user(c.CANCEL)], stream=True)
    for chunk in chunks:
        if chunk.choices[0].delta.content:
            break
    chunks.completion_stream.close()
    return c.await_check()


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
