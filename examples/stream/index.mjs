// A poem, word by word: as plain text, or as server-sent events to who asks for those.
import { setTimeout as sleep } from 'node:timers/promises';

const WORDS = 'Hope is the thing with feathers That perches in the soul, And sings the tune without the words'.split(' ');
const PAUSE_MS_MAX = 5000;

export const handler = awslambda.streamifyResponse(async (event, response) => {
  const pauseMs = Math.min(Number(event.queryStringParameters?.pause ?? 200), PAUSE_MS_MAX);
  const wantsEvents = event.headers.accept?.includes('text/event-stream');
  const contentType = wantsEvents ? 'text/event-stream' : 'text/plain; charset=utf-8';
  const stream = awslambda.HttpResponseStream.from(response, { statusCode: 200, headers: { 'content-type': contentType } });
  for (const [number, word] of WORDS.entries()) {
    stream.write(wantsEvents ? `id: ${number}\ndata: ${word}\n\n` : `${word} `);
    await sleep(pauseMs);
  }
  if (wantsEvents) stream.write('event: end\ndata:\n\n');
  stream.end();
});
