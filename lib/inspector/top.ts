/** The items with the largest values, the largest first, without ordering the others. */
export function top<T>(items: Iterable<T>, count: number, valueOf: (item: T) => number): T[] {
  const best: { readonly item: T; readonly value: number }[] = [];
  for (const item of items) {
    const value = valueOf(item);
    if (best.length === count && value <= best[count - 1]!.value) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.value < value) at--;
    best.splice(at, 0, { item, value });
    if (best.length > count) best.pop();
  }
  return best.map(({ item }) => item);
}
