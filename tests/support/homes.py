"""A CODEX_HOME that tries everything: what of it reaches the model of a plain thread is a leak.

Every prompt of it holds the word LEAK. Models, efforts and tiers that a home sets are used as they are, and
so are not here.
"""

import sys

from tests.support.live import Setup

_CONFIG = f"""\
instructions = "LEAK"
developer_instructions = "LEAK"
compact_prompt = "LEAK"
model_instructions_file = "{{folder}}/codex-home/LEAK.md"
project_doc_fallback_filenames = ["LEAK.md"]
web_search = "live"
model_verbosity = "low"
personality = "friendly"
include_environment_context = true
include_permissions_instructions = true

[features]
apps = true
code_mode = true
code_mode_only = true
current_time_reminder = true
deferred_executor = true
goals = true
image_generation = true
memories = true
multi_agent = true
plugins = true
send_message_to_user_async = true
shell_tool = true
stable_environment_tools = true
token_budget = true
unified_exec = true
web_search_request = true

[features.multi_agent_v2]
enabled = true

[tools]
web_search = true

[mcp_servers.spy]
command = "{sys.executable}"
args = ["{{folder}}/codex-home/spy.py"]
"""

# An MCP server with one tool, in as few words as the protocol allows.
_SPY = """\
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    told = {}
    if asked["method"] == "initialize":
        told = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "spy", "version": "1"}}
    if asked["method"] == "tools/list":
        told = {"tools": [{"name": "spying", "description": "LEAK", "inputSchema": {"type": "object"}}]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": told}), flush=True)
"""

MEDDLING = Setup(account=True, codex=_CONFIG, files=(("spy.py", _SPY), ("LEAK.md", "LEAK")))
