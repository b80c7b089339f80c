import sys
from pathlib import Path

import driver as c

SGPT = str(Path(sys.executable).with_name("sgpt"))
ENVIRON = {
    "OPENAI_API_KEY": c.KEY,
    "API_BASE_URL": c.URL,
    "DEFAULT_MODEL": c.MODEL,
    "OPENAI_USE_FUNCTIONS": "false",
    "PRETTIFY_MARKDOWN": "false",
    "SHELL_INTERACTION": "false",
}


def ask(*arguments):
    return c.run_program(SGPT, "--no-cache", "--no-md", *arguments, **ENVIRON).strip()


def chat():
    return {"text": ask(c.CHAT)}


def stream():
    return {"pieces": ask(c.STREAM).split(" ")}


def turns():
    return {"texts": [ask("--chat", "driver", c.TURNS[0]), ask("--chat", "driver", c.TURNS[1])]}


def error():
    ask(c.ERROR)


def cancel():
    return c.interrupt_program(SGPT, "--no-cache", "--no-md", c.CANCEL, **ENVIRON)


c.main(chat=chat, stream=stream, turns=turns, error=error, cancel=cancel)
