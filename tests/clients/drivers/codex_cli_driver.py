import json
import os
from pathlib import Path

import driver as c

CODEX = os.environ["CLIENT_BIN"] + "/codex"
HOME = Path(c.FOLDER) / "codex-home"
HOME.mkdir(exist_ok=True)
(HOME / "config.toml").write_text(
    f'model = "{c.MODEL}"\nmodel_provider = "codexd"\n[model_providers.codexd]\nname = "codexd"\n'
    f'base_url = "{c.URL}"\nwire_api = "responses"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
)
ENVIRON = {"CODEX_HOME": str(HOME)}
OPTIONS = ("--skip-git-repo-check", "--json")


def ask(prompt, *command):
    """Return the text of the last message."""
    shown = c.run_program(CODEX, "exec", *command, *OPTIONS, prompt, **ENVIRON)
    events = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    messages = [event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"]
    return messages[-1]


def chat():
    return {"text": ask(c.CHAT)}


def stream():
    return {"pieces": ask(c.STREAM).split(" ")}


def tools():
    return {"text": ask('call: exec_command {"cmd":"echo 4 degrees in Oslo"}', "--sandbox", "danger-full-access")}


def turns():
    return {"texts": [ask(c.TURNS[0]), ask(c.TURNS[1], "resume", "--last")]}


def error():
    ask(c.ERROR)


def cancel():
    return c.interrupt_program(CODEX, "exec", *OPTIONS, c.CANCEL, text="turn.started", **ENVIRON)


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
