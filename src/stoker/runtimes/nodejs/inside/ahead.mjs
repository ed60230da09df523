// Runs before AWS's client, in an interpreter that was started before there was a function (decision 0041): loads what
// the client will load, and waits until the function's variables and directories are there: process 1 puts them where
// Node.js would have found them (sandbox/launcher/ahead.py).
import { closeSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const CHANNEL = 63; // sandbox/launcher/runtime.py opens it

const load = createRequire("file:///var/runtime/index.mjs");
const names = ["node:path", "node:net", "node:http", "node:os", "node:util", "node:worker_threads", "node:async_hooks"];
for (const name of [...names, "./rapid-client.node"]) {
  load(name);
}
// The client loads a handler by import(), and what that takes for CommonJS is made when it is first needed.
const empty = new URL("empty.js", import.meta.url);
await import(empty.href);
delete load.cache[empty.pathname];
// The garbage of a start is not the function's to collect.
globalThis.gc();

writeSync(CHANNEL, "\n");
readFileSync(CHANNEL);
closeSync(CHANNEL);
