import { get, type ClientRequest } from 'node:http';
import { decodeEvents } from 'nestjs-event-stream';

/** Clients that count: each expects 1, 2, 3 and so on. */
class Clients {
  /** How many events were not the one that was expected. */
  wrong = 0;
  private readonly requests: ClientRequest[] = [];
  private readonly received = new Map<number, number>();
  private check = () => {};

  /** Resolves when the client is subscribed. */
  async join(url: string): Promise<void> {
    const request = get(url, { agent: false });
    this.requests.push(request);
    const body = await new Promise<AsyncIterable<Uint8Array>>((resolve, reject) =>
      request.once('response', resolve).once('error', reject),
    );
    request.on('error', () => {});
    void this.read(body).catch(() => {});
  }

  /** Resolves when all of them have the event. */
  haveReceived(n: number): Promise<void> {
    return new Promise((resolve) => {
      this.check = () => this.received.get(n) === this.requests.length && resolve();
      this.check();
    });
  }

  leave(): void {
    for (const request of this.requests) request.destroy();
  }

  private async read(body: AsyncIterable<Uint8Array>): Promise<void> {
    let expected = 1;
    for await (const { data } of decodeEvents(body)) {
      const n = Number(data);
      if (n !== expected) this.wrong++;
      expected = n + 1;
      this.received.set(n, (this.received.get(n) ?? 0) + 1);
      this.check();
    }
  }
}

/** Resolves when all of them are subscribed. */
export async function simulateClients(url: string, count: number): Promise<Clients> {
  const clients = new Clients();
  // Twenty at a time: more would only wait for each other.
  for (let opened = 0; opened < count; opened += 20) {
    await Promise.all(Array.from({ length: Math.min(20, count - opened) }, () => clients.join(url)));
  }
  return clients;
}
