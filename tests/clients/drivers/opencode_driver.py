import json
import os
from pathlib import Path

import driver as c

OPENCODE = os.environ["CLIENT_BIN"] + "/opencode"
(Path(c.FOLDER) / "opencode.json").write_text(
    json.dumps(
        {
            "provider": {
                "codexd": {
                    "npm": "@ai-sdk/openai-compatible",
                    "name": "codexd",
                    "options": {"baseURL": c.URL, "apiKey": c.KEY},
                    "models": {c.MODEL: {"name": "codexd", "tool_call": True}},
                }
            },
            "model": f"codexd/{c.MODEL}",
            "small_model": f"codexd/{c.MODEL}",
            "autoupdate": False,
            "share": "disabled",
            "permission": "allow",
        }
    )
)
ENVIRON = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}


def ask(prompt, *options):
    # It quotes an argument with spaces.
    shown = c.run_program(OPENCODE, "run", "--format", "json", *options, *prompt.split(" "), **ENVIRON)
    events = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    failed = [event for event in events if event["type"] == "error"]
    if failed:
        raise RuntimeError(json.dumps(failed[0]["error"]))
    return "".join(event["part"]["text"] for event in events if event["type"] == "text")


def chat():
    return {"text": ask(c.CHAT)}


def stream():
    return {"pieces": ask(c.STREAM).split(" ")}


def tools():
    return {"text": ask('call: bash {"command":"echo 4 degrees in Oslo","description":"say the weather"}')}


def turns():
    return {"texts": [ask(c.TURNS[0]), ask(c.TURNS[1], "--continue")]}


def error():
    ask(c.ERROR)


def cancel():
    return c.interrupt_program(
        OPENCODE, "run", "--format", "json", *c.CANCEL.split(" "), seconds=8, text="step_start", **ENVIRON
    )


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
