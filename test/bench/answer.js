/** An answer of a model, the same for every subject: tokens at a fixed pace. */

/** Token number `n`: 4 to 8 characters, as a tokenizer makes them. */
export function tokenAt(n) {
  return ` ${'wordsword'.slice(0, 3 + (n % 4))}${n % 10}`;
}

export function textOf(tokens) {
  return Array.from({ length: tokens }, (_, n) => tokenAt(n)).join('');
}

/** Each token at its time, counted from the beginning: a source that had to wait for the store catches up if it can. */
export async function* answer({ tokens, intervalMs }) {
  const startedAt = performance.now();
  for (let n = 0; n < tokens; n++) {
    const wait = startedAt + n * intervalMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    yield tokenAt(n);
  }
}
