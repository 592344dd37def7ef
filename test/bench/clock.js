/** Milliseconds by the machine's monotonic clock, which is the same in all of its processes (on Linux and macOS). */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}
