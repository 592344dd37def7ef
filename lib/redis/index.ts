export { RedisBackplane } from './redis-backplane.js';
export type { SseRedisOptions } from './redis-backplane-options.js';
export type { SseRedisClient } from './redis-client.js';
