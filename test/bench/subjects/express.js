import express from 'express';
import { createServer } from 'node:http';
import { bareHandlers } from './bare.js';

/** Bare Express: as bare `node:http`, behind routes. */
export async function open({ replay }) {
  const { handle, publish, resumeFrom } = bareHandlers(replay);
  const app = express();
  app.get(['/live', '/three', '/replay', '/generator'], (req, res) => handle(req.path, req, res));
  return { server: createServer(app), publish, resumeFrom };
}
