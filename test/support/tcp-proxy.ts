import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A link that a test can cut, stall and heal: everything between a port of its own and the port of a server. */
export class TcpProxy {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private isStalled = false;
  private isCut = false;
  private allowance = Infinity;
  private largest = Infinity;
  /** Connections accepted since the start. */
  accepted = 0;
  /** Bytes that came from the clients, and those that came from the server. */
  up = 0;
  down = 0;

  private constructor(
    private readonly server: Server,
    private target: number,
  ) {
    server.on('connection', (client: Socket) => this.join(client));
  }

  static async to(port: number): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, port);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.pairs.size;
  }

  /** Ends every connection with a reset; new ones are reset too, until `heal()`. */
  cut(): void {
    this.isCut = true;
    this.reset();
  }

  /** Ends every connection with a reset; new ones are let through. */
  reset(): void {
    for (const [client, upstream] of this.pairs) {
      reset(client);
      upstream.destroy();
    }
  }

  /** Ends every connection with a FIN, after all that was let through; new ones are let through. */
  finish(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.end();
  }

  /** Lets through, of what comes from the server from now on, exactly so many bytes; what follows is lost. */
  forwardOnly(bytes: number): void {
    this.allowance = bytes;
  }

  /** A connection on which more than so many bytes come from the server at once brings nothing more, until `heal()`. */
  holdLarge(bytes: number): void {
    this.largest = bytes;
  }

  /** How many connections are held like that. */
  get held(): number {
    return [...this.pairs].filter(([, upstream]) => upstream.isPaused()).length;
  }

  /** How many bytes from the server may still pass. */
  get left(): number {
    return this.allowance;
  }

  /** Half-open: connections stay and are accepted, and not a byte passes in either direction. */
  stall(): void {
    this.isStalled = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  heal(): void {
    this.isCut = false;
    this.isStalled = false;
    this.largest = Infinity;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  /** New connections go to another port: a failover behind one address. */
  retarget(port: number): void {
    this.target = port;
    this.reset();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    client.on('error', () => undefined);
    if (this.isCut) {
      reset(client);
      return;
    }
    this.accepted++;
    const upstream = connect(this.target, '127.0.0.1');
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    upstream.on('error', () => undefined);
    client.on('data', (chunk) => {
      this.up += chunk.length;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      const passed = chunk.length > this.allowance ? chunk.subarray(0, this.allowance) : chunk;
      this.allowance -= passed.length;
      this.down += passed.length;
      if (passed.length > 0) client.write(passed);
      if (chunk.length > this.largest) upstream.pause();
    });
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.on('close', () => {
        this.pairs.delete(pair);
        other.destroy();
      });
    }
    if (this.isStalled) for (const socket of pair) socket.pause();
  }
}

/** A reset fails where an end is under way already, and then Node forgets the handle: it would keep the process. */
function reset(socket: Socket): void {
  if (socket.writableEnded || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}
