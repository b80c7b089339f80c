import { Agent, MemorySession, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import * as c from "./driver.mjs";

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ baseURL: c.URL, apiKey: c.KEY, maxRetries: 0 }));

const weather = tool({
  name: "weather",
  description: "Return the weather of a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => c.WEATHER + city,
});
const agent = new Agent({ name: "driver", model: c.MODEL, tools: [weather] });

await c.main({
  async chat() {
    return { text: (await run(agent, c.CHAT)).finalOutput };
  },
  async stream() {
    const answer = await run(agent, c.STREAM, { stream: true });
    return { pieces: await c.collect(answer.toTextStream()) };
  },
  async tools() {
    return { text: (await run(agent, c.TOOLS)).finalOutput };
  },
  async turns() {
    const session = new MemorySession();
    const texts = [];
    for (const prompt of c.TURNS) texts.push((await run(agent, prompt, { session })).finalOutput);
    return { texts };
  },
  error: () => run(agent, c.ERROR),
  async cancel() {
    const controller = new AbortController();
    const answer = await run(agent, c.CANCEL, { stream: true, signal: controller.signal });
    await c.collect(answer.toTextStream(), true);
    controller.abort();
    return c.awaitCheck();
  },
});
