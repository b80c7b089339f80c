// Shows the answers of the playground as they come. Without it the form is posted, and the next page shows the answer.
"use strict";

const form = document.getElementById("playground");
const transcript = document.getElementById("transcript");
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const conversation = document.getElementById("messages");
const results = document.getElementById("results");
const stopButton = document.getElementById("stop");
const sendButton = form.querySelector("button");
let running = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running === null) {
    ask();
  }
});

// Ctrl+Enter in a text area sends the form.
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});

stopButton.addEventListener("click", () => running !== null && running.abort());

async function ask() {
  const fields = new URLSearchParams(new FormData(form));
  const before = transcript.childElementCount;
  const sent = takeMessages();
  const answer = new Answer();
  setRunning(new AbortController());
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: fields,
      headers: { accept: "text/event-stream" },
      signal: running.signal,
    });
    if (!response.ok) {
      throw new Error((await response.json()).error.message);
    }
    for await (const chunk of events(response.body)) {
      answer.add(chunk);
    }
    conversation.value = JSON.stringify([...sent, answer.message()]);
    showResultFields(answer.calls);
    progress.textContent = answer.facts();
  } catch (error) {
    const isStopped = error.name === "AbortError";
    progress.textContent = isStopped ? "Stopped." : "";
    problem.textContent = isStopped ? "" : error.message;
    problem.hidden = isStopped;
    keepUnanswered(sent, answer, before);
  } finally {
    setRunning(null);
  }
}

// Returns the conversation with what the form adds to it, shows that, and empties the fields.
function takeMessages() {
  const messages = conversation.value ? JSON.parse(conversation.value) : [];
  for (const field of results.querySelectorAll("textarea")) {
    messages.push({ role: "tool", tool_call_id: field.name.slice("result:".length), content: field.value });
    show("tool-message", field.value);
  }
  const text = form.elements.message.value;
  if (text !== "") {
    messages.push({ role: "user", content: text });
    show("user-message", text);
  }
  form.elements.message.value = "";
  results.replaceChildren();
  return messages;
}

// What came of a stopped or failed answer stays in the conversation. Without any, what was sent is no part of it: it
// is back in the form, and the transcript has the elements that it had before.
function keepUnanswered(sent, answer, before) {
  if (answer.content !== "" && answer.calls.length === 0) {
    conversation.value = JSON.stringify([...sent, answer.message()]);
  } else {
    [...transcript.children].slice(before).forEach((element) => element.remove());
    const last = sent[sent.length - 1];
    form.elements.message.value = last.role === "user" ? last.content : "";
    const messages = conversation.value ? JSON.parse(conversation.value) : [];
    showResultFields(messages.length ? messages[messages.length - 1].tool_calls || [] : []);
    for (const message of sent.filter((one) => one.role === "tool")) {
      const field = document.getElementById("result:" + message.tool_call_id);
      if (field !== null) {
        field.value = message.content;
      }
    }
  }
}

function setRunning(controller) {
  running = controller;
  stopButton.hidden = controller === null;
  sendButton.disabled = controller !== null;
  transcript.setAttribute("aria-busy", String(controller !== null));
  transcript.closest("section").hidden = transcript.childElementCount === 0;
  form.elements.message.required = results.childElementCount === 0;
  if (controller !== null) {
    progress.textContent = "The model answers.";
    problem.hidden = true;
  } else {
    (results.querySelector("textarea") || form.elements.message).focus();
  }
}

function copy(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function show(template, text) {
  const element = copy(template);
  element.querySelector(".text").textContent = text;
  transcript.append(element);
  return element;
}

function showResultFields(calls) {
  for (const call of calls) {
    const element = copy("result");
    const field = element.querySelector("textarea");
    field.id = field.name = "result:" + call.id;
    const label = element.querySelector("label");
    label.htmlFor = field.id;
    label.textContent = "Result of " + call.function.name + "(" + shorten(call.function.arguments) + ")";
    results.append(element);
  }
}

// As the server shortens the arguments of a call.
function shorten(text) {
  return text.length <= 80 ? text : text.slice(0, 79) + "…";
}

// One answer: its element in the page, and the message that is sent back with the next request.
class Answer {
  constructor() {
    this.element = show("model-message", "");
    this.content = "";
    this.calls = [];
    this.usage = null;
    this.finishReason = "";
    this.reasoning = null;
    this.callElements = [];
  }

  add(chunk) {
    if (chunk.error) {
      throw new Error(chunk.error.message);
    }
    this.usage = chunk.usage || this.usage;
    for (const choice of chunk.choices || []) {
      this.finishReason = choice.finish_reason || this.finishReason;
      this.addDelta(choice.delta || {});
    }
  }

  addDelta(delta) {
    const reasoning = delta.reasoning_content || "";
    const text = delta.content || delta.refusal || "";
    if (reasoning !== "") {
      this.addReasoning(reasoning);
    }
    if (text !== "") {
      this.content += text;
      this.element.querySelector(":scope > .text").append(text);
    }
    for (const part of delta.tool_calls || []) {
      this.addCall(part);
    }
  }

  addReasoning(text) {
    if (this.reasoning === null) {
      this.reasoning = copy("reasoning");
      this.element.insertBefore(this.reasoning, this.element.querySelector(":scope > .text"));
    }
    this.reasoning.querySelector(".text").append(text);
  }

  addCall(part) {
    if (this.calls[part.index] === undefined) {
      this.calls[part.index] = { id: part.id, type: "function", function: { name: "", arguments: "" } };
      this.callElements[part.index] = copy("call");
      this.element.append(this.callElements[part.index]);
    }
    const call = this.calls[part.index].function;
    call.name += (part.function && part.function.name) || "";
    call.arguments += (part.function && part.function.arguments) || "";
    this.callElements[part.index].querySelector("strong").textContent = call.name;
    this.callElements[part.index].querySelector("code").textContent = call.arguments;
  }

  message() {
    const message = { role: "assistant", content: this.content };
    return this.calls.length ? { ...message, tool_calls: this.calls } : message;
  }

  facts() {
    const used = this.usage || { prompt_tokens: 0, completion_tokens: 0 };
    const tokens = used.prompt_tokens + " tokens in, " + used.completion_tokens + " out";
    return tokens + "; finished: " + this.finishReason + ".";
  }
}

// Yields the JSON of each server-sent event.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const data = frame.split("\n").find((line) => line.startsWith("data: "));
      if (data !== undefined && data !== "data: [DONE]") {
        yield JSON.parse(data.slice("data: ".length));
      }
    }
  }
}
