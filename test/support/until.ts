/** Resolves when `fact` holds. Looks at it again and again: for facts that nothing announces. */
export async function until(fact: () => boolean | undefined, what = fact.toString()): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
