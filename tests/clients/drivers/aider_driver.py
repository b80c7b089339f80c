import sys
from pathlib import Path

import driver as c

AIDER = str(Path(sys.executable).with_name("aider"))
OPTIONS = (
    "--model", f"openai/{c.MODEL}", "--openai-api-base", c.URL, "--openai-api-key", c.KEY, "--no-git", "--yes-always",
    "--no-show-model-warnings", "--no-check-update", "--no-pretty", "--no-auto-commits", "--analytics-disable",
    "--chat-mode", "ask", "--map-tokens", "0", "--no-show-release-notes", "--no-detect-urls",
    # Otherwise it writes them into the root of the repository around it.
    "--input-history-file", f"{c.FOLDER}/input-history",
)  # fmt: skip


def ask(prompt, *options, history="history.md"):
    # With a locale it adds a line to each prompt.
    return c.run_program(
        AIDER,
        *OPTIONS,
        *options,
        "--chat-history-file",
        f"{c.FOLDER}/{history}",
        "--message",
        prompt,
        LANG="",
        PYTHONCOERCECLOCALE="0",
    )


def chat():
    return {"text": ask(c.CHAT, "--no-stream")}


def stream():
    return {"pieces": ask(c.STREAM).split(" ")}


def turns():
    options, history = ("--restore-chat-history",), "turns.md"
    return {"texts": [ask(text, *options, history=history) for text in c.TURNS]}


def error():
    shown = ask(c.ERROR)
    raise RuntimeError(shown)


def cancel():
    return c.interrupt_program(
        AIDER, *OPTIONS, "--chat-history-file", f"{c.FOLDER}/history.md", "--message", c.CANCEL, seconds=60
    )


c.main(chat=chat, stream=stream, turns=turns, error=error, cancel=cancel)
