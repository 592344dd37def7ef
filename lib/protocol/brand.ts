/**
 * `instanceof` for values of both builds of this package: an application may load the ESM and the CommonJS one, and each
 * has classes of its own. To be called by a class's static `[Symbol.hasInstance]`.
 *
 * @param self - what stands behind `instanceof`: the class, or one that extends it, which has instances of its own.
 * @param brand - a registered symbol under which each instance answers `true`.
 * @internal
 */
export function isInstance(self: unknown, type: unknown, brand: symbol, value: unknown): boolean {
  if (self !== type) return Function.prototype[Symbol.hasInstance].call(self, value);
  return (value as Readonly<Record<symbol, unknown>> | null | undefined)?.[brand] === true;
}
