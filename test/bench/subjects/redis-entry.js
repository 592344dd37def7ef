/** The entry point for Redis of a build of this library. */
export function redisEntryOf(library) {
  return library.startsWith('file:') ? new URL('./redis/index.js', library).href : `${library}/redis`;
}
