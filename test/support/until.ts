/** Longer than any machine takes, and shorter than a test may take: what has not happened by then never will. */
const NEVER_MS = 60_000;

/** Resolves when `fact` holds. Looks at it again and again: for facts that nothing announces. */
export async function until(fact: () => boolean | undefined, what = fact.toString()): Promise<void> {
  const deadline = performance.now() + NEVER_MS;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
