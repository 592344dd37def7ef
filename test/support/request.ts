import supertest from 'supertest';
import type { Running } from './platforms.js';

/** supertest over the protocol that the application speaks: for status and headers, where a body ends. */
export function request({ url, http2 }: Running): ReturnType<typeof supertest> {
  return supertest(url, { http2 });
}
