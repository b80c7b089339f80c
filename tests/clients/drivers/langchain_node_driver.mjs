import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import * as c from "./driver.mjs";

const model = new ChatOpenAI({ model: c.MODEL, apiKey: c.KEY, maxRetries: 0, configuration: { baseURL: c.URL } });
const weather = tool(({ city }) => c.WEATHER + city, {
  name: "weather",
  description: "Return the weather of a city.",
  schema: z.object({ city: z.string() }),
});

async function* texts(chunks) {
  for await (const chunk of chunks) yield chunk.content;
}

await c.main({
  async chat() {
    return { text: (await model.invoke(c.CHAT)).content };
  },
  async stream() {
    return { pieces: await c.collect(texts(await model.stream(c.STREAM))) };
  },
  async tools() {
    const bound = model.bindTools([weather]);
    const history = [new HumanMessage(c.TOOLS)];
    const called = await bound.invoke(history);
    const [call] = called.tool_calls;
    history.push(called, new ToolMessage({ content: await weather.invoke(call.args), tool_call_id: call.id }));
    return { text: (await bound.invoke(history)).content };
  },
  async turns() {
    const first = await model.invoke(c.TURNS[0]);
    const history = [new HumanMessage(c.TURNS[0]), new AIMessage(first.content), new HumanMessage(c.TURNS[1])];
    return { texts: [first.content, (await model.invoke(history)).content] };
  },
  error: () => model.invoke(c.ERROR),
  async cancel() {
    const controller = new AbortController();
    const chunks = await model.stream(c.CANCEL, { signal: controller.signal });
    // Leaving the loop would wait for the stream's end.
    try {
      for await (const text of texts(chunks)) if (text) controller.abort();
    } catch (error) {
      if (!controller.signal.aborted) throw error;
    }
    return c.awaitCheck();
  },
});
