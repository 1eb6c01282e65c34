import { io, type Socket } from 'socket.io-client';

const ANSWER_MS = 10_000;

/** `closed` for good; `closedBecause` of the view has the reason. */
export type LineState = 'connecting' | 'online' | 'reconnecting' | 'closed';

export interface LineEvents {
  connected: () => void;
  lost: () => void;
  event: (data: unknown) => void;
  /** The server disconnected this client: `code` says why. socket.io does not reconnect by itself then. */
  dismissed: (code: string, words: string) => void;
}

/** One Socket.IO connection: requests as promises, everything else as callbacks. */
export class Line {
  readonly #socket: Socket;

  constructor(auth: () => object, events: LineEvents) {
    this.#socket = io({
      path: '/socket.io',
      transports: ['websocket'],
      autoConnect: false,
      auth: (give) => give(auth()),
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
    });
    this.#socket.on('connect', events.connected);
    this.#socket.on('disconnect', (reason) => {
      if (reason === 'io client disconnect') return;
      events.lost();
      if (reason === 'io server disconnect') events.dismissed('unauthenticated', '');
    });
    this.#socket.on('connect_error', (error: Error & { data?: { code?: string } }) => {
      events.lost();
      if (!this.#socket.active) events.dismissed(error.data?.code ?? 'unavailable', error.message);
    });
    this.#socket.onAny((_type: string, data: unknown) => events.event(data));
  }

  get open(): boolean {
    return this.#socket.connected;
  }

  connect(): void {
    this.#socket.connect();
  }

  close(): void {
    this.#socket.disconnect();
  }

  /** The answer, or null when none came: the connection broke or the time (10 s) passed. */
  async ask<T>(request: string, data: object): Promise<T | null> {
    try {
      return (await this.#socket.timeout(ANSWER_MS).emitWithAck(request, data)) as T;
    } catch {
      return null;
    }
  }
}
