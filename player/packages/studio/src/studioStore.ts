import { Problem, wordsOf } from '@weir/client/http.ts';
import { Store } from '@weir/client/observable.ts';
import type { SignIn } from './account';
import { apps, recordings, streams, type Account, type Analytics, type App, type Health, type OwnStream, type PublishFields, type Recording } from './api';
import type { AskAsApp } from './authorizedApi';
import { Uploads } from './uploads';

const POLL_MS = 2_000;
const ANALYTICS_MS = 10_000;
const MARGIN_MS = 60_000;
const SEAT_S = 86_400;

export interface DeskView {
  apps: readonly App[] | null;
  app: App | null;
  streams: readonly OwnStream[] | null;
  /** Id of the stream that is shown. */
  selected: string | null;
  analytics: Analytics | null;
  /** What does not work now, in words. */
  trouble: string | null;
}

const START: DeskView = { apps: null, app: null, streams: null, selected: null, analytics: null, trouble: null };

/** One owner's apps and streams, kept fresh. Verbs refuse with a Problem. */
export class Desk {
  readonly view = new Store<DeskView>(START);
  readonly uploads = new Uploads();
  readonly #signIn: SignIn;
  #token = { app: '', value: '', expires: 0 };
  #timer: number | undefined;
  #analyticsAt = -Infinity;
  #running = false;

  constructor(signIn: SignIn) {
    this.#signIn = signIn;
  }

  start(): void {
    this.#running = true;
    void this.#poll();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Calls verbs that take this app's token. */
  asker(app: string): AskAsApp {
    return async (verb, ...rest) => await verb(await this.#appToken(app), ...rest);
  }

  async createApp(name: string): Promise<void> {
    await apps.create(await this.#signIn.token(), name);
    await this.readApps();
  }

  /** After an app was changed, left or deleted. */
  async readApps(): Promise<void> {
    this.view.update({ apps: null });
    await this.#refresh();
  }

  async chooseApp(app: App): Promise<void> {
    this.view.update({ app, streams: null, selected: null, analytics: null });
    await this.#refresh();
  }

  select(stream: string): void {
    this.#analyticsAt = -Infinity;
    this.view.update({ selected: stream, analytics: null });
    void this.#readAnalytics().catch(() => undefined); // the next poll shows the error
  }

  async createStream(title: string): Promise<void> {
    const made = await streams.create(await this.#appToken(), title);
    await this.#refresh();
    this.select(made.id);
  }

  async complete(stream: string): Promise<void> {
    await streams.complete(await this.#appToken(), stream);
    await this.#refresh();
  }

  async disconnect(stream: string): Promise<void> {
    await streams.disconnect(await this.#appToken(), stream);
    await this.#refresh();
  }

  async publishFields(stream: string): Promise<PublishFields> {
    return await streams.key(await this.#appToken(), stream);
  }

  /** The watch page's address, with the streamer's own seat in its chat. */
  async seatAt(stream: OwnStream, account: Account): Promise<string> {
    const role = this.view.get().app?.role === 'owner' ? 'owner' : 'moderator';
    const wishes = { sub: account.id, name: account.name || 'Streamer', roles: { [stream.channel]: role }, staff: true, ttl_s: SEAT_S } as const;
    const { token } = await streams.seat(await this.#appToken(), wishes);
    const rights = await this.#rightsFor(stream, SEAT_S);
    return `/watch/${stream.playback_id}#${new URLSearchParams({ user: token, ...rights }).toString()}`;
  }

  /** A token that opens a signed stream for that long, null where none is needed. */
  async playbackToken(stream: OwnStream, seconds: number): Promise<string | null> {
    return (await this.#rightsFor(stream, seconds)).token ?? null;
  }

  /** A token that shows the stream to a member, who is not counted. */
  async previewToken({ id }: OwnStream): Promise<string> {
    return (await streams.previewToken(await this.#appToken(), id)).token;
  }

  async #rightsFor({ id, visibility }: OwnStream, seconds: number): Promise<{ token?: string }> {
    if (visibility === 'public') return {};
    const { token } = await streams.playbackToken(await this.#appToken(), id, seconds);
    return { token };
  }

  async health(stream: string): Promise<Health> {
    return await streams.health(await this.#appToken(), stream);
  }

  async recordings(stream: string): Promise<readonly Recording[]> {
    return await recordings.list(await this.#appToken(), stream);
  }

  async record(stream: string): Promise<void> {
    await recordings.start(await this.#appToken(), stream);
  }

  async stopRecording(recording: string): Promise<void> {
    await recordings.stop(await this.#appToken(), recording);
  }

  async removeRecording(recording: string): Promise<void> {
    await recordings.remove(await this.#appToken(), recording);
  }

  /** Where the MP4 can be fetched for some hours. */
  async downloadOf(recording: string): Promise<string> {
    return (await recordings.access(await this.#appToken(), recording)).mp4_url;
  }

  upload(stream: string, files: Iterable<File>): void {
    const app = this.view.get().app?.id ?? '';
    for (const file of files) void this.uploads.send(stream, file, () => this.#appToken(app));
  }

  async #poll(): Promise<void> {
    try {
      await this.#refresh();
      await this.#readAnalytics();
      this.view.update({ trouble: null });
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.#token = { app: '', value: '', expires: 0 }; // e.g. of a former role
      this.view.update({ trouble: wordsOf(error) });
    }
    if (this.#running) this.#timer = window.setTimeout(() => void this.#poll(), POLL_MS);
  }

  async #refresh(): Promise<void> {
    if (this.view.get().apps === null) this.#takeApps(await apps.list(await this.#signIn.token()));
    const { app } = this.view.get();
    if (app === null) return;
    const list = await streams.list(await this.#appToken());
    if (this.view.get().app?.id !== app.id) return; // another app was chosen meanwhile
    const { selected } = this.view.get();
    this.view.update({ streams: list, selected: selected ?? list[0]?.id ?? null });
  }

  /** The app that was shown stays so, unless it is gone or going. */
  #takeApps(held: readonly App[]): void {
    const before = this.view.get().app?.id;
    const open = held.filter(({ state }) => state !== 'deleting');
    const app = open.find(({ id }) => id === before) ?? open[0] ?? null;
    this.view.update({ apps: open, app });
    if (app?.id !== before) this.view.update({ streams: null, selected: null, analytics: null });
  }

  async #readAnalytics(): Promise<void> {
    const { selected } = this.view.get();
    if (selected === null || performance.now() - this.#analyticsAt < ANALYTICS_MS) return;
    this.#analyticsAt = performance.now();
    const analytics = await streams.analytics(await this.#appToken(), selected);
    if (this.view.get().selected === selected) this.view.update({ analytics });
  }

  /** A token for an app (the present one), good for at least another minute. */
  async #appToken(app = this.view.get().app?.id ?? ''): Promise<string> {
    const held = this.#token;
    if (held.app === app && performance.now() < held.expires - MARGIN_MS) return held.value;
    const { app_token, expires_in } = await apps.session(await this.#signIn.token(), app);
    this.#token = { app, value: app_token, expires: performance.now() + expires_in * 1000 };
    return app_token;
  }
}
