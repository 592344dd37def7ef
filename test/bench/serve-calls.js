/**
 * The other end of `Child.call()`: answers each call that the parent sends over IPC with what the function of that name
 * returns, or throws.
 */
export function serveCalls(functions) {
  process.on('message', async ({ id, name, args }) => {
    try {
      process.send({ id, result: await functions[name](...args) });
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) });
    }
  });
  // Whoever started this process is gone.
  process.on('disconnect', () => process.exit());
}
