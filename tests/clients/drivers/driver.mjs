// Shared by the JavaScript drivers, which run in an environment of their own.

import { createInterface } from "node:readline";

export const URL = process.env.CODEXD_URL;
export const MODEL = process.env.CODEXD_MODEL;
export const KEY = "sk-none";

export const CHAT = "say: hello from codexd";
export const STREAM = "long: 40";
export const TOOLS = 'call: weather {"city": "Oslo"}';
export const WEATHER = "4 degrees in ";
export const TURNS = ["say: first", "say: second"];
export const ERROR = "fail: 400";
export const CANCEL = "stall: beginning";

// Report that the client has cancelled, and stay alive until the runner has looked at the daemon.
export async function awaitCheck() {
  console.log("CANCELLED");
  await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
  return {};
}

// Collect the pieces of a text; stop after the first one if `first`.
export async function collect(pieces, first = false) {
  const found = [];
  for await (const piece of pieces) {
    if (!piece) continue;
    found.push(piece);
    if (first) break;
  }
  return found;
}

// Run the scenario that the command line names and print its result.
export async function main(scenarios) {
  let result;
  try {
    result = (await scenarios[process.argv[2]]()) ?? {};
  } catch (error) {
    result = { error: `${error?.name}: ${error?.message}` };
  }
  console.log("RESULT " + JSON.stringify(result));
  process.exit(0);
}
