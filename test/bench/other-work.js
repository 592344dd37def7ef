import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds in a tick of /proc/stat, on every Linux there is. */
export const TICK_MS = 10;

/** How long to look before it is called quiet. */
export const LOOK_MS = 200;

/** Less than this part of a core, used by others, is called quiet: a desktop's or a VM's own daemons. */
export const QUIET = 0.15;

/** CPU time that all processes of the machine have used, in milliseconds; `undefined` where nobody tells. */
export function busyMs() {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split(/\s+/).map(Number);
    return (user + nice + system + irq + softirq + steal) * TICK_MS;
  } catch {
    return undefined;
  }
}

/** Waits until hardly anything else runs on the machine, for `patienceMs` at most. */
export async function waitForQuiet(patienceMs) {
  const end = performance.now() + patienceMs;
  do {
    const before = busyMs();
    await sleep(LOOK_MS);
    if (before === undefined || busyMs() - before < QUIET * LOOK_MS) return;
  } while (performance.now() < end);
}
