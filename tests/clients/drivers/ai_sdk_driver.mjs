import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as c from "./driver.mjs";

const chatModel = createOpenAICompatible({ name: "codexd", baseURL: c.URL, apiKey: c.KEY })(c.MODEL);
const responsesModel = createOpenAI({ baseURL: c.URL, apiKey: c.KEY })(c.MODEL);
const common = { maxRetries: 0 };
const weather = tool({
  description: "Return the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => c.WEATHER + city,
});

await c.main({
  async chat() {
    const chat = await generateText({ ...common, model: chatModel, prompt: c.CHAT });
    const responses = await generateText({ ...common, model: responsesModel, prompt: c.CHAT });
    if (chat.text !== responses.text) throw new Error("the endpoints differ");
    return { text: chat.text };
  },
  async stream() {
    const answer = streamText({ ...common, model: chatModel, prompt: c.STREAM });
    return { pieces: await c.collect(answer.textStream) };
  },
  async tools() {
    const stopWhen = (stepCountIs ?? isStepCount)(3);
    const asked = { ...common, prompt: c.TOOLS, tools: { weather }, stopWhen };
    const chat = await generateText({ ...asked, model: chatModel });
    const responses = await generateText({ ...asked, model: responsesModel });
    if (chat.text !== responses.text) throw new Error("the endpoints differ");
    return { text: chat.text };
  },
  async turns() {
    const messages = [{ role: "user", content: c.TURNS[0] }];
    const first = await generateText({ ...common, model: responsesModel, messages });
    messages.push(...(first.response?.messages ?? first.responseMessages), { role: "user", content: c.TURNS[1] });
    const second = await generateText({ ...common, model: responsesModel, messages });
    return { texts: [first.text, second.text] };
  },
  error: () => generateText({ ...common, model: chatModel, prompt: c.ERROR }),
  async cancel() {
    const controller = new AbortController();
    const answer = streamText({ ...common, model: chatModel, prompt: c.CANCEL, abortSignal: controller.signal });
    await c.collect(answer.textStream, true);
    controller.abort();
    return c.awaitCheck();
  },
});
