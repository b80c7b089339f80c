"""A CODEX_HOME with every setting that could reach a plain thread's model; each that does is a leak.

All its prompts contain the word LEAK. Models, efforts and tiers are left out: codexd uses those of the home.
"""

import sys

from tests.support.live_daemon import DaemonSetup

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

# A minimal MCP server with one tool.
_MCP_SERVER = """\
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    reply = {}
    if request["method"] == "initialize":
        reply = {"protocolVersion": request["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "spy", "version": "1"}}
    if request["method"] == "tools/list":
        reply = {"tools": [{"name": "spying", "description": "LEAK", "inputSchema": {"type": "object"}}]}
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": reply}), flush=True)
"""

CUSTOMISED_HOME = DaemonSetup(account=True, codex=_CONFIG, files=(("spy.py", _MCP_SERVER), ("LEAK.md", "LEAK")))
