import OpenAI from "openai";
import * as c from "./driver.mjs";

const client = new OpenAI({ baseURL: c.URL, apiKey: c.KEY, maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const ask = (messages, more = {}, options = {}) =>
  client.chat.completions.create({ model: c.MODEL, messages, ...more }, options);

async function* texts(chunks) {
  for await (const chunk of chunks) yield chunk.choices[0]?.delta?.content;
}

await c.main({
  async chat() {
    const responses = await client.responses.create({ model: c.MODEL, input: c.CHAT });
    const chat = (await ask([user(c.CHAT)])).choices[0].message.content;
    if (responses.output_text !== chat) throw new Error("the endpoints differ");
    return { text: chat };
  },
  async stream() {
    return { pieces: await c.collect(texts(await ask([user(c.STREAM)], { stream: true }))) };
  },
  async tools() {
    const runner = client.chat.completions.runTools({
      model: c.MODEL,
      messages: [user(c.TOOLS)],
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            description: "Return the weather of a city.",
            parse: JSON.parse,
            function: ({ city }) => c.WEATHER + city,
            parameters: { type: "object", properties: { city: { type: "string" } } },
          },
        },
      ],
    });
    return { text: await runner.finalContent() };
  },
  async turns() {
    const first = await client.responses.create({ model: c.MODEL, input: c.TURNS[0] });
    const second = await client.responses.create({ model: c.MODEL, input: c.TURNS[1], previous_response_id: first.id });
    return { texts: [first.output_text, second.output_text] };
  },
  error: () => ask([user(c.ERROR)]),
  async cancel() {
    const stream = await ask([user(c.CANCEL)], { stream: true });
    await c.collect(texts(stream), true);
    stream.controller.abort();
    return c.awaitCheck();
  },
});
