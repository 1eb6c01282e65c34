import { Store } from '../observable';

/** What this viewer sees: the picture's time in ms since the epoch, null without one, and its distance to the encoder in seconds. */
export interface Picture {
  time: number | null;
  playing: boolean;
  latency: number | null;
}

/** `auto`: while the picture is more than two seconds behind. */
export type AlignMode = 'auto' | 'on' | 'off';

const LONGEST_MS = 30_000;
const AUTO_S = 2;
const TICK_MS = 100;

interface Waiting {
  id: string;
  moment: number;
  until: number;
}

/**
 * Keeps back messages of others until this viewer's picture reaches the moment at which they were sent, so that nobody reads of a
 * goal before they see it. In the order of the channel; never more than 30 s; not while the picture stands.
 */
export class Alignment {
  readonly view = new Store<{ waiting: ReadonlySet<string> }>({ waiting: new Set() });
  readonly #picture: () => Picture;
  readonly #now: () => number;
  #mode: AlignMode = 'auto';
  #queue: readonly Waiting[] = [];
  #timer: number | undefined;

  constructor(picture: () => Picture, now: () => number = () => performance.now()) {
    this.#picture = picture;
    this.#now = now;
  }

  choose(mode: AlignMode): void {
    this.#mode = mode;
    this.look();
  }

  /** A message of somebody else has come. */
  take(id: string, moment: number): void {
    const time = this.#clock();
    if (time === null || (moment <= time && this.#queue.length === 0)) return;
    this.#keep([...this.#queue, { id, moment, until: this.#now() + LONGEST_MS }]);
  }

  stop(): void {
    this.#keep([]);
  }

  /** Lets go what is due. A message does not overtake an earlier one. */
  look(): void {
    const time = this.#clock();
    const now = this.#now();
    const first = time === null ? -1 : this.#queue.findIndex(({ moment, until }) => moment > time && until > now);
    this.#keep(first === -1 ? [] : this.#queue.slice(first));
  }

  /** The picture's time, or null where nothing is to wait for it. */
  #clock(): number | null {
    if (this.#mode === 'off') return null;
    const { time, playing, latency } = this.#picture();
    if (!playing || (this.#mode === 'auto' && (latency ?? 0) <= AUTO_S && this.#queue.length === 0)) return null;
    return time;
  }

  #keep(queue: readonly Waiting[]): void {
    if (queue.length === this.#queue.length) return;
    this.#queue = queue;
    this.view.update({ waiting: new Set(queue.map(({ id }) => id)) });
    if (queue.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= window.setInterval(() => this.look(), TICK_MS);
    }
  }
}
