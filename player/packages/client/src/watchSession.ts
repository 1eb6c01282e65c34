import { Access } from './sessionTokens';
import type { ChatClient } from './chat/client';
import { fetched } from './fetched';
import { Follower } from './streamStatus';
import { Playback } from './playback/playback';
import { Reactions } from './reactions';
import { Store } from './observable';

/** `chat` is null until the session is there, and where the app has none for guests. */
export interface WatchingView {
  chat: ChatClient | null;
}

/** One stream as one page watches it: its rights, its state, its picture and, if wanted, its chat. */
export class Watching {
  readonly view = new Store<WatchingView>({ chat: null });
  readonly access: Access;
  readonly follower: Follower;
  readonly playback: Playback;
  readonly reactions = new Reactions();
  /** The playback id of the stream, or the id of the recording. */
  readonly address: string;
  readonly #withChat: boolean;
  #chatOpened = false;
  #stopped = false;

  constructor(playback: string, withChat: boolean, streamToken: string | null = null, userToken: string | null = null) {
    this.address = playback;
    this.access = new Access(playback, streamToken, userToken);
    this.follower = new Follower(playback, () => this.access.playbackToken());
    this.playback = new Playback(this.access, playback);
    this.#withChat = withChat;
    this.follower.view.subscribe(() => this.#steer());
    this.access.view.subscribe(() => this.#steer());
  }

  start(): void {
    this.follower.start();
    void this.access.open();
  }

  /** The address of a picture; that of a signed stream needs the token. */
  poster(path: string): string {
    const signed = this.follower.view.get().stream?.visibility === 'signed';
    return signed ? `${path}?token=${encodeURIComponent(this.access.playbackToken())}` : path;
  }

  stop(): void {
    this.#stopped = true;
    this.follower.stop();
    this.access.stop();
    this.view.get().chat?.stop();
  }

  /** Errors: Problem. */
  async rename(name: string): Promise<void> {
    await this.access.rename(name);
    this.view.get().chat?.reconnect();
  }

  /** The picture starts as soon as there are both rights and something on air, in whichever order they come. */
  #steer(): void {
    const { session, refusal } = this.access.view.get();
    if (refusal !== null) this.playback.refuse();
    if (session === null || refusal !== null) return;
    const { stream } = this.follower.view.get();
    if (stream !== null) this.playback.follow(stream.state, stream.live_since);
    if (this.#withChat && session.user_token !== null && !this.#chatOpened) void this.#openChat(session.channel);
  }

  /** The chat's code comes after the player's. */
  async #openChat(channel: string): Promise<void> {
    this.#chatOpened = true;
    const { ChatClient } = await fetched(() => import('./chat/client'));
    if (this.#stopped) return;
    const chat = new ChatClient(this.access, channel, {
      streamEvent: (type, reason) => this.follower.told(type, reason),
      viewers: (count) => this.follower.counted(count),
      picture: () => {
        const { playing, latency } = this.playback.view.get();
        return { time: this.playback.pictureTime(), playing, latency };
      },
      reactions: (counts) => this.reactions.show(counts),
    });
    this.view.update({ chat });
    chat.start();
  }
}
