import sys
from pathlib import Path

import driver as c

LLM = str(Path(sys.executable).with_name("llm"))
HOME = Path(c.FOLDER) / "llm"
HOME.mkdir(exist_ok=True)
(HOME / "extra-openai-models.yaml").write_text(
    f"- model_id: codexd\n  model_name: {c.MODEL}\n  api_base: {c.URL}\n  supports_tools: true\n"
)
FUNCTIONS = f'def weather(city: str) -> str:\n    return "{c.WEATHER}" + city\n'
ENVIRON = {"LLM_USER_PATH": str(HOME), "OPENAI_API_KEY": c.KEY}


def ask(*arguments):
    return c.run_program(LLM, "-m", "codexd", *arguments, **ENVIRON).strip()


def chat():
    return {"text": ask("--no-stream", c.CHAT)}


def stream():
    return {"pieces": ask(c.STREAM).split(" ")}


def tools():
    return {"text": ask("--functions", FUNCTIONS, c.TOOLS)}


def turns():
    return {"texts": [ask(c.TURNS[0]), ask("-c", c.TURNS[1])]}


def error():
    ask(c.ERROR)


def cancel():
    return c.interrupt_program(LLM, "-m", "codexd", c.CANCEL, **ENVIRON)


c.main(chat=chat, stream=stream, tools=tools, turns=turns, error=error, cancel=cancel)
