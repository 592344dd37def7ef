export { closeStreams } from './end-of-test.js';
export { openStream, type OpenStreamOptions } from './open-stream.js';
export { SseRecordingBroadcaster } from './sse-recording-broadcaster.js';
export type { SseTestApp } from './server-address.js';
export type { SseTestClient, SseTestResponse } from './sse-test-client.js';
