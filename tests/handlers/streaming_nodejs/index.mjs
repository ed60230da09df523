import { setTimeout as sleep } from "node:timers/promises";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (let number = 0; number < event.chunks; number += 1) {
    stream.write(`chunk ${number}\n`);
    await sleep(event.pauseMs ?? 0);
  }
  stream.end();
});

export const failing = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("half of ");
  throw new Error("the stream broke");
});
