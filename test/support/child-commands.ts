/** What a child process can be asked to do, by name. */
export type ChildCommands<Context> = Record<string, (argument: never, context: Context) => unknown>;

/** Answers the `ask()` of the process that forked this one, with `startChild()`. */
export function obey<Context>(commands: ChildCommands<Context>, context: Context): void {
  process.on('message', ({ id, command, argument }: { id: number; command: string; argument: never }) => {
    const run = async (): Promise<unknown> => {
      const found = commands[command];
      if (!found) throw new Error(`no command ${JSON.stringify(command)}`);
      return found(argument, context);
    };
    void run().then(
      (result) => process.send?.({ id, result }),
      (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}
