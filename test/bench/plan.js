import { FIRST, tokenOf } from './payload.js';

/** What the scenario has asked this server process for. */
export const plan = { tokens: 0, intervalMs: 0 };

/** A source that is always ready, the same for every subject. */
export async function* tokens() {
  const end = FIRST + plan.tokens;
  for (let n = FIRST; n < end; n++) yield tokenOf(n);
}
