import { createServer } from 'node:http';
import { bareHandlers } from './bare.js';

/** Bare `node:http`: a frame is encoded once, and written to each response with `res.write(Buffer)`. */
export async function open({ replay }) {
  const { handle, publish, resumeFrom } = bareHandlers(replay);
  return { server: createServer((req, res) => handle(req.url, req, res)), publish, resumeFrom };
}
