import type { Access } from '../sessionTokens';
import { Store } from '../observable';
import { Line } from './connection';
import * as chatLog from './log';
import { isExempt, secondsLeft, type Hold } from './rights';
import { Newcomer } from './newcomer';
import { Prompts } from './prompts';
import { Signals } from './typingReactions';
import { START, type ChatSurroundings, type ChatView, type Notice } from './view';
import {
  isEnvelope, isMessage, isPersonal, isSequenced, type Choice, type CommandAnswer, type CommandForm, type Envelope, type HistoryAnswer, type JoinAnswer, type OriginalAnswer, type PresenceAnswer,
  type Refusal, type SendAnswer, type Sequenced, type UserEvent,
} from './wire';

const HISTORY_PAGE = 100;
const SHORT_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
/** A fresh snapshot is wanted by every page of the channel at once: they spread over this time. */
const REFRESH_WITHIN_MS = 3_000;

export type { ChatView, Notice } from './view';

/** The chat of one channel: joins, stays complete over reconnects, shows own messages at once and sends each exactly once. */
export class ChatClient {
  readonly view = new Store<ChatView>(START);
  readonly #access: Access;
  readonly #channel: string;
  readonly #around: ChatSurroundings;
  readonly #line: Line;
  readonly signals: Signals;
  readonly prompts: Prompts;
  #joined = false;
  #joining = false;
  #dismissals = 0;
  #cursor: string | null = null;
  #redactions = 0;
  #holdEnds = 0;
  #warnedAt = '';
  readonly #newcomer = new Newcomer();
  #timer: number | undefined;
  #holdTimer: number | undefined;
  #refreshTimer: number | undefined;

  constructor(access: Access, channel: string, around: ChatSurroundings) {
    this.#access = access;
    this.#channel = channel;
    this.#around = around;
    this.#line = new Line(() => this.#credentials(), {
      connected: () => void this.#join(),
      lost: () => this.#lost(),
      event: (data) => this.#take(data),
      dismissed: (code, words) => void this.#dismissed(code, words),
    });
    this.signals = new Signals((request, data) => {
      if (this.#joined) void this.#line.ask(request, { channel, ...data });
    });
    this.prompts = new Prompts((request) => (this.#joined ? this.#line.ask(request, { channel }) : Promise.resolve(null)));
  }

  start(): void {
    this.#line.connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#refreshTimer);
    this.signals.stop();
    this.#line.close();
  }

  /** Connects anew with the present tokens, e.g. under another name. */
  reconnect(): void {
    this.#lost();
    this.#line.close();
    this.#line.connect();
  }

  /** A text that begins with a slash is a command. False when it cannot be taken now: the composer keeps it. */
  send(text: string): boolean {
    this.signals.wrote();
    if (text.startsWith('/')) {
      const goesOut = this.#joined;
      void this.command(text);
      return goesOut;
    }
    const user = this.#access.view.get().session?.user;
    if (!user) return false;
    if (this.view.get().notice?.kind !== 'warning') this.dismissNotice(); // the talk went on
    const author = { ...user, role: this.view.get().role ?? 'member', badges: [...this.view.get().self.badges] };
    const cid = crypto.randomUUID();
    this.#change(chatLog.written(this.view.get().log, cid, author, text, new Date().toISOString()));
    void this.#deliver(cid, text);
    return true;
  }

  resend(cid: string): void {
    const message = this.view.get().log.messages.find((one) => one.cid === cid && one.state === 'failed');
    if (message === undefined) return;
    this.#change(chatLog.resent(this.view.get().log, cid));
    void this.#deliver(cid, message.text);
  }

  /** Carries out a command; what is answered is shown to this person alone. */
  async command(text: string): Promise<void> {
    if (!this.#joined) {
      this.#notify('error', 'Not connected: the command was not sent.');
      return;
    }
    const answer = await this.#line.ask<CommandAnswer>('chat.command', { channel: this.#channel, text });
    if (answer === null) this.#notify('error', 'No answer came; the command may have been carried out.');
    else if (!answer.ok) this.#notify('error', answer.error.message, null, answer.error.choices);
    else if (answer.action === undefined || answer.action.kind === 'undo') this.#notify('reply', answer.reply, null, [], answer.commands);
    else this.#notify('reply', answer.reply, `/undo ${answer.action.id}`);
  }

  /** What a removed message said, for moderators. */
  original(id: string): Promise<OriginalAnswer | null> {
    return this.#line.ask<OriginalAnswer>('chat.original', { channel: this.#channel, id });
  }

  dismissNotice(): void {
    this.view.update({ notice: null });
  }

  /** A page of the people here; null when no answer came. */
  async people(cursor: string | null): Promise<Exclude<PresenceAnswer, Refusal> | null> {
    const from = cursor === null ? {} : { cursor };
    const answer = await this.#line.ask<PresenceAnswer>('presence.list', { channel: this.#channel, ...from });
    return answer?.ok === true ? answer : null;
  }

  /** One page of older messages. The server's cursor begins at the newest, so the first page overlaps what is shown. */
  async loadOlder(): Promise<void> {
    if (this.view.get().older !== 'idle' || !this.#joined) return;
    this.view.update({ older: 'loading' });
    const before = this.#cursor === null ? {} : { before: this.#cursor };
    const redactions = this.#redactions;
    const answer = await this.#line.ask<HistoryAnswer>('chat.history', { channel: this.#channel, limit: HISTORY_PAGE, ...before });
    if (!answer?.ok) {
      this.#cursor = null;
      this.view.update({ older: 'idle' });
      return;
    }
    if (redactions !== this.#redactions) { // the page may hold what was removed meanwhile
      this.view.update({ older: 'idle' });
      return;
    }
    this.#cursor = answer.next;
    this.view.update({ older: answer.next === null ? 'none' : 'idle', log: chatLog.withHistory(this.view.get().log, answer.messages) });
  }

  #credentials(): object {
    const session = this.#access.view.get().session;
    return { token: session?.user_token ?? '', playback: session?.playback_token };
  }

  #change(log: chatLog.ChatLog): void {
    this.view.update({ log });
  }

  // -- joining

  /** Takes the channel up where this page left it, page by page; a second call while one runs is the same call. */
  async #join(): Promise<void> {
    if (this.#joining) return;
    this.#joining = true;
    this.#joined = false;
    try {
      let done = false;
      while (this.#line.open && !done) done = await this.#joinOnce();
    } finally {
      this.#joining = false;
    }
  }

  /** True when there is nothing more to ask. */
  async #joinOnce(): Promise<boolean> {
    const { epoch, seq, stale } = this.view.get().log;
    const position = epoch === null || stale ? {} : { epoch, seq };
    const answer = await this.#line.ask<JoinAnswer>('channel.join', { channel: this.#channel, ...position });
    if (answer?.ok === false && answer.error.code !== 'unavailable' && answer.error.code !== 'rate_limited') {
      this.#close(answer.error.message);
      return true;
    }
    if (answer?.ok) return this.#joinedWith(answer);
    await new Promise((resolve) => setTimeout(resolve, SHORT_WAIT_MS));
    return false;
  }

  #joinedWith(answer: Exclude<JoinAnswer, Refusal>): boolean {
    const { log } = this.view.get();
    this.#around.viewers(answer.viewers);
    if (answer.recovered) {
      this.#change(chatLog.caughtUp(log, answer.seq, answer.events));
      answer.events.forEach((event) => this.#tell(event));
      if (answer.more) return false;
      if (this.view.get().log.stale) return false;
    } else {
      this.#cursor = null;
      this.view.update({ log: chatLog.snapshot(log, answer.epoch, answer.seq, answer.messages), older: 'idle' });
    }
    this.#change(chatLog.withSettings(this.view.get().log, answer.settings));
    if (!answer.recovered && answer.pinned !== undefined) this.#change(chatLog.withPinned(this.view.get().log, [answer.pinned]));
    this.#joined = true;
    this.#dismissals = 0;
    this.prompts.renew();
    const self = { role: answer.role, badges: answer.badges, guest: answer.guest !== undefined };
    this.view.update({ line: 'online', role: answer.role, self });
    this.#newcomer.joined(answer.guest);
    this.#waitAsNewcomer();
    if (answer.renamed !== undefined && this.#access.keepName(answer.renamed.name)) this.#notify('error', answer.renamed.message);
    this.#tellStanding(answer);
    for (const message of this.view.get().log.messages) {
      if (message.state === 'pending') void this.#deliver(message.cid, message.text);
    }
    return true;
  }

  /** Events for this user that came while the page was away. */
  #tellStanding({ muted, warned }: Exclude<JoinAnswer, Refusal>): void {
    if (muted !== null) this.#hold('muted', muted.until === null ? null : secondsLeft(new Date().toISOString(), muted.until), muted.reason ?? null);
    if (warned === undefined || warned.at <= this.#warnedAt) return;
    this.#warnedAt = warned.at;
    this.#notify('warning', `A moderator warns you: ${warned.reason}`);
  }

  #lost(): void {
    this.#joined = false;
    const { line } = this.view.get();
    if (line === 'online') this.view.update({ line: 'reconnecting' });
  }

  #close(closedBecause: string): void {
    this.view.update({ line: 'closed', closedBecause });
    this.#line.close();
  }

  async #dismissed(code: string, words: string): Promise<void> {
    if (this.view.get().line === 'closed') return;
    if (code === 'banned') {
      this.#close(words);
      return;
    }
    this.#dismissals += 1;
    if (code !== 'unavailable' && (await this.#access.reauthenticate()) === 'refused') {
      this.#close('You cannot take part in this chat any more.');
      return;
    }
    clearTimeout(this.#timer);
    const wait = Math.min(SHORT_WAIT_MS * 2 ** (this.#dismissals - 1), LONGEST_WAIT_MS);
    this.#timer = window.setTimeout(() => this.#line.connect(), wait);
  }

  // -- what comes in

  #take(data: unknown): void {
    if (!isEnvelope(data)) return;
    if (data.type === 'viewer.count.update') this.#around.viewers((data as Envelope & { count: number }).count);
    if (data.type === 'system.notice') this.#noticed(data as Envelope & { code?: string; message?: string });
    if (data.channel !== this.#channel) return;
    if (data.type === 'reaction.sent') this.#around.reactions((data as Envelope & { counts: Record<string, number> }).counts);
    this.signals.take(data, this.self());
    if (this.view.get().log.epoch === null) return;
    if (isSequenced(data)) this.#takeEntry(data);
    else if (isMessage(data)) this.#change(chatLog.beside(this.view.get().log, data));
    else if (isPersonal(data)) this.#tell(data);
  }

  #noticed({ code, message = '' }: { code?: string; message?: string }): void {
    if (code === 'resync') void this.#join();
    if (code === 'banned') this.#close(message);
  }

  #takeEntry(event: Sequenced): void {
    if (chatLog.redacts(event)) this.#redactions += 1;
    const { log, gap } = chatLog.apply(this.view.get().log, event);
    if (gap) {
      void this.#join();
      return;
    }
    if (log === this.view.get().log) return; // a repeat
    this.#change(log);
    this.#tell(event);
    if (log.stale) this.#refreshSoon();
  }

  #refreshSoon(): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = window.setTimeout(() => {
      if (this.#line.open) void this.#join();
    }, Math.random() * REFRESH_WITHIN_MS);
  }

  self(): string | null {
    return this.#access.view.get().session?.user?.id ?? null;
  }

  #tell(event: Envelope): void {
    if (event.type.startsWith('stream.')) {
      this.#around.streamEvent(event.type, (event as Envelope & { reason?: string }).reason ?? null);
    } else if (event.type.startsWith('user.') && (event as UserEvent).user.id === this.self()) {
      this.#tellOneself(event as UserEvent);
    } else if (event.type === 'chat.settings.updated') {
      if (this.view.get().log.settings.slow === 0 && this.view.get().hold?.why === 'slow') this.#release();
      this.#waitAsNewcomer();
    }
  }

  #tellOneself({ type, at, reason, expires }: UserEvent): void {
    const because = reason === undefined ? '' : ` Reason: ${reason}`;
    if (type === 'user.banned') this.#close(`A moderator banned you from this chat.${because}`);
    if (type === 'user.warned') this.#warnedAt = at;
    if (type === 'user.warned') this.#notify('warning', `A moderator warns you: ${reason ?? ''}`);
    if (type === 'user.unmuted') this.#release();
    if (type === 'user.muted') this.#hold('muted', expires === undefined ? null : secondsLeft(at, expires), reason ?? null);
    if (type === 'user.role.changed') void this.#join(); // its ack names the role that counts now
  }

  // -- what goes out

  /** Sends what is written. While there is no connection it stays pending; joining sends it then. */
  async #deliver(cid: string, text: string): Promise<void> {
    if (!this.#joined) return;
    const picture = this.#around.pictureTime();
    const time = picture === null ? {} : { picture_time: Math.round(picture) };
    const answer = await this.#line.ask<SendAnswer>('chat.send', { channel: this.#channel, cid, text, ...time });
    const { log } = this.view.get();
    if (answer === null) {
      if (this.#line.open) this.#change(chatLog.failed(log, cid, 'No answer came.'));
    } else if (answer.ok && answer.seq === undefined) {
      this.#change(chatLog.held(log, cid));
      this.#restAfterSending();
    } else if (answer.ok && answer.seq !== undefined) {
      this.#change(chatLog.acknowledged(log, cid, answer.id, answer.seq));
      this.#restAfterSending();
    } else if (!answer.ok) {
      this.#declined(cid, answer.error);
    }
  }

  #declined(cid: string, error: Refusal['error']): void {
    this.#change(chatLog.failed(this.view.get().log, cid, error.message));
    if (error.code === 'muted') this.#hold('muted', error.retry_after ?? null, null);
    else if (error.retry_after !== undefined) this.#hold(error.code === 'guest_wait' ? 'new' : 'slow', error.retry_after, null);
  }

  #restAfterSending(): void {
    const { role, log } = this.view.get();
    if (log.settings.slow > 0 && !isExempt(role)) this.#hold('slow', log.settings.slow, null);
  }

  #waitAsNewcomer(): void {
    const { hold, log, role } = this.view.get();
    const left = this.#newcomer.left(log.settings, role);
    if (left > 0) this.#hold('new', left, null);
    else if (hold?.why === 'new') this.#release();
  }

  #notify(kind: Notice['kind'], words: string, undo: string | null = null, choices: readonly Choice[] = [], commands: readonly CommandForm[] = []): void {
    this.view.update({ notice: words === '' ? null : { kind, words, undo, choices, commands } });
  }

  /** Counts down to the moment when the next message will be taken; a mute outweighs the pace. */
  #hold(why: Hold['why'], seconds: number | null, reason: string | null): void {
    const held = this.view.get().hold;
    if (why !== 'muted' && held?.why === 'muted') return;
    this.#holdEnds = performance.now() + (seconds ?? 0) * 1_000;
    const known = held?.why === why ? held.reason : null; // a refusal does not repeat it
    clearTimeout(this.#holdTimer);
    this.view.update({ hold: { why, left: seconds === null ? null : Math.ceil(seconds), reason: reason ?? known } });
    if (seconds !== null) this.#tick();
  }

  #tick(): void {
    const { hold } = this.view.get();
    const left = Math.ceil((this.#holdEnds - performance.now()) / 1_000);
    if (hold === null || left <= 0) {
      this.#release();
      return;
    }
    this.view.update({ hold: { ...hold, left } });
    this.#holdTimer = window.setTimeout(() => this.#tick(), 1_000);
  }

  #release(): void {
    clearTimeout(this.#holdTimer);
    this.view.update({ hold: null });
  }
}
