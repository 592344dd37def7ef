declare const isShort: boolean;

/** How often a property is tried: all runs in the long part, a fifth of them in the short one. */
export function runs(all: number): number {
  return isShort ? Math.ceil(all / 5) : all;
}
