import { postRenewal, postSession, type Session, type SessionRequest } from './api';
import { Problem } from './http';
import { forget, keep, recall } from './browserStorage';
import { Store } from './observable';

const RETRY_MS = 3_000;
const MARGIN_MS = 1_000;
const RENEW_AT = 2 / 3;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Why this page may not play: `missing` no such stream · `closed` a token is needed · `withdrawn` rights were taken back · `expired` the
 * token that it was opened with is over. */
export type Refusal = 'missing' | 'closed' | 'withdrawn' | 'expired';

export interface AccessView {
  session: Session | null;
  refusal: Refusal | null;
}

/** The rights of one page: its playback token, renewed in place with the same viewing session, and its user token. */
export class Access {
  readonly view = new Store<AccessView>({ session: null, refusal: null });
  readonly #playback: string;
  readonly #streamToken: string | null;
  readonly #userToken: string | null;
  #timer: number | undefined;
  /** When nothing can be renewed any more, on this page's clock. */
  #ends = Infinity;
  #stopped = false;
  #renewing: Promise<Renewed> | null = null;

  /** `streamToken` opens a signed stream; `userToken` says who sits here, a guest without one. */
  constructor(playback: string, streamToken: string | null, userToken: string | null) {
    this.#playback = playback;
    this.#streamToken = streamToken;
    this.#userToken = userToken;
  }

  /** Asks until there is a session or a refusal. */
  async open(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#take(await postSession(this.#playback, this.#request()));
        return;
      } catch (error) {
        if (this.#refused(error)) return;
        if (error instanceof Problem && error.status === 422) forget('name'); // one that was taken once
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  playbackToken(): string {
    return this.view.get().session?.playback_token ?? '';
  }

  /** A new name for the same person. The playback token stays, so the viewer is not counted twice. Errors: Problem. */
  async rename(name: string): Promise<void> {
    const fresh = await postSession(this.#playback, { ...this.#request(), name });
    const session = this.view.get().session ?? fresh;
    keep('name', name);
    this.#remember(fresh);
    this.view.update({ session: { ...session, user: fresh.user, user_token: fresh.user_token } });
  }

  /** The name that the chat gave instead of the one that was chosen. False when it is the present one. */
  keepName(name: string): boolean {
    const { session } = this.view.get();
    if (session === null || session.user === null || session.user.name === name) return false;
    keep('name', name);
    this.view.update({ session: { ...session, user: { ...session.user, name } } });
    return true;
  }

  /** A fresh playback token now. One request at a time: the player and the chat may ask together. */
  renew(): Promise<Renewed> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** Fresh tokens for a chat that was sent away; its user token has probably expired. */
  async reauthenticate(): Promise<Renewed> {
    const renewed = await this.renew();
    if (renewed !== 'renewed') return renewed;
    try {
      const fresh = await postSession(this.#playback, this.#request());
      const session = this.view.get().session ?? fresh;
      this.#remember(fresh);
      this.view.update({ session: { ...session, user: fresh.user, user_token: fresh.user_token } });
      return 'renewed';
    } catch (error) {
      return this.#refused(error) ? 'refused' : 'failed';
    }
  }

  async #renewOnce(): Promise<Renewed> {
    const session = this.view.get().session;
    if (session === null) return 'failed';
    try {
      const renewal = await postRenewal(this.#playback, session.playback_token);
      this.view.update({ session: { ...session, ...renewal } });
      this.#keep(renewal);
      return 'renewed';
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return await this.#openAgain();
      if (error instanceof Problem && error.status === 403) {
        this.view.update({ refusal: performance.now() < this.#ends - MARGIN_MS ? 'withdrawn' : 'expired' });
        return 'refused';
      }
      this.#renewIn(RETRY_MS);
      return 'failed';
    }
  }

  /** The token outlived its time, e.g. while the machine slept: a new viewing session of the same person. */
  async #openAgain(): Promise<Renewed> {
    try {
      this.#take(await postSession(this.#playback, this.#request()));
      return 'renewed';
    } catch (error) {
      if (this.#refused(error)) return 'refused';
      this.#renewIn(RETRY_MS);
      return 'failed';
    }
  }

  #take(session: Session): void {
    this.#remember(session);
    this.view.update({ session, refusal: null });
    this.#keep(session);
  }

  #keep({ playback_ttl_s, access_ends }: Pick<Session, 'playback_ttl_s' | 'access_ends'>): void {
    this.#ends = access_ends === null ? Infinity : performance.now() + playback_ttl_s * 1000;
    this.#renewIn(Math.max(playback_ttl_s * RENEW_AT * 1000, MARGIN_MS));
  }

  #request(): SessionRequest {
    const resume = recall('user');
    const device = recall('device');
    const name = recall('name');
    return {
      ...(resume === null ? {} : { resume }),
      ...(device === null ? {} : { device }),
      ...(name === null ? {} : { name }),
      ...(this.#streamToken === null ? {} : { token: this.#streamToken }),
      ...(this.#userToken === null ? {} : { user: this.#userToken }),
    };
  }

  /** Guests are remembered by this browser; who came with a token is remembered by the app. */
  #remember(session: Session): void {
    if (session.user_token !== null && session.user_token !== this.#userToken) keep('user', session.user_token);
    if (session.device !== null) keep('device', session.device);
  }

  #refused(error: unknown): boolean {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 404 && error.status !== 403) return false;
    const over = this.view.get().session === null ? 'closed' : 'expired';
    this.view.update({ refusal: error.status === 404 ? 'missing' : over });
    return true;
  }

  #renewIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = window.setTimeout(() => void this.renew(), Math.min(milliseconds, LONGEST_TIMER_MS));
  }
}

/** `refused` for good, `failed` for now. */
export type Renewed = 'renewed' | 'refused' | 'failed';
