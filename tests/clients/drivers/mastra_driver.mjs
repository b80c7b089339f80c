import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";
import * as c from "./driver.mjs";

const weather = createTool({
  id: "weather",
  description: "Return the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async (input) => c.WEATHER + (input.city ?? input.context?.city),
});
const agent = new Agent({
  id: "driver",
  name: "driver",
  instructions: "Answer.",
  model: createOpenAICompatible({ name: "codexd", baseURL: c.URL, apiKey: c.KEY })(c.MODEL),
  tools: { weather },
  maxRetries: 0,
});

await c.main({
  async chat() {
    return { text: (await agent.generate(c.CHAT)).text };
  },
  async stream() {
    return { pieces: await c.collect((await agent.stream(c.STREAM)).textStream) };
  },
  async tools() {
    return { text: (await agent.generate(c.TOOLS)).text };
  },
  async turns() {
    const first = (await agent.generate(c.TURNS[0])).text;
    const history = [
      { role: "user", content: c.TURNS[0] },
      { role: "assistant", content: first },
      { role: "user", content: c.TURNS[1] },
    ];
    return { texts: [first, (await agent.generate(history)).text] };
  },
  async error() {
    return { text: (await agent.generate(c.ERROR)).text };
  },
  async cancel() {
    const controller = new AbortController();
    const answer = await agent.stream(c.CANCEL, { abortSignal: controller.signal });
    await c.collect(answer.textStream, true);
    controller.abort();
    return c.awaitCheck();
  },
});
