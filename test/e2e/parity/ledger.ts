/** What happened on the server during one request, by the name that the client gave the request. */
export class Ledger {
  private readonly runs = new Map<string, string[]>();

  factsOf(run: string): string[] {
    const facts = this.runs.get(run) ?? [];
    this.runs.set(run, facts);
    return facts;
  }

  tell(run: string, fact: string): void {
    this.factsOf(run).push(fact);
  }
}

/** What a handler and an interceptor know of the request. */
export interface Run {
  /** The request's own name. */
  readonly id: string;
  readonly ledger: Ledger;
  /** Resolves when the response has begun. */
  readonly headersLeft: () => Promise<void>;
}

/** The header that carries {@link Run.id}. */
export const runHeader = 'x-run';
