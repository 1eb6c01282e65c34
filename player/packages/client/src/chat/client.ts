import { t } from '@lingui/core/macro';
import type { Access } from '../sessionTokens';
import { Store } from '../observable';
import { Alignment } from './alignment';
import { Line } from './connection';
import { Holding } from './holding';
import { History } from './history';
import * as chatLog from './log';
import { isExempt, secondsLeft } from './rights';
import { messageOf } from './messages';
import { Moderator } from './moderator';
import { Newcomer } from './newcomer';
import { Prompts } from './prompts';
import { Quotes } from './quotes';
import { Settings } from './settings';
import { Signals } from './typingReactions';
import { START, type ChatSurroundings, type ChatView, type Notice } from './view';
import {
  isEnvelope, isMessage, isPersonal, isSequenced, type Choice, type CommandAnswer, type CommandForm, type Envelope, type JoinAnswer, type MessageAnswer, type MessageEnvelope, type OriginalAnswer, type PresenceAnswer,
  type Refusal, type SendAnswer, type Sequenced, type UserEvent,
} from './wire';

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
  readonly settings = new Settings();
  readonly alignment: Alignment;
  readonly quotes: Quotes;
  readonly moderator: Moderator;
  readonly history: History;
  readonly #holding: Holding;
  #joined = false;
  #joining = false;
  #dismissals = 0;
  #warnedAt = '';
  readonly #newcomer = new Newcomer();
  #timer: number | undefined;
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
    const ask = <T>(request: string, data: object = {}) => (this.#joined ? this.#line.ask<T>(request, { channel, ...data }) : Promise.resolve(null));
    this.prompts = new Prompts(ask);
    this.quotes = new Quotes((id) => ask<MessageAnswer>('chat.message', { id }));
    this.moderator = new Moderator(ask);
    this.history = new History(this.view, ask);
    this.alignment = new Alignment(around.picture);
    this.alignment.choose(this.settings.view.get().align);
    this.#holding = new Holding(() => this.view.get().hold, (hold) => this.view.update({ hold }));
  }

  start(): void {
    this.#line.connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#refreshTimer);
    this.#holding.stop();
    this.alignment.stop();
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
  send(text: string, replyTo: string | null = null): boolean {
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
    this.#change(chatLog.written(this.view.get().log, cid, author, text, new Date().toISOString(), replyTo));
    void this.#deliver(cid, text, replyTo);
    return true;
  }

  resend(cid: string): void {
    const message = this.view.get().log.messages.find((one) => one.cid === cid && one.state === 'failed');
    if (message === undefined) return;
    this.#change(chatLog.resent(this.view.get().log, cid));
    void this.#deliver(cid, message.text, message.replyTo);
  }

  /** Carries out a command; what is answered is shown to this person alone. */
  async command(text: string): Promise<void> {
    if (!this.#joined) {
      this.#notify('error', t`Not connected: the command was not sent.`);
      return;
    }
    const answer = await this.#line.ask<CommandAnswer>('chat.command', { channel: this.#channel, text });
    if (answer === null) this.#notify('error', t`No answer came; the command may have been carried out.`);
    else if (!answer.ok) this.#notify('error', answer.error.message, null, answer.error.choices);
    else if (answer.action === undefined || answer.action.kind === 'undo') this.#notify('reply', answer.reply, null, [], answer.commands);
    else this.#notify('reply', answer.reply, `/undo ${answer.action.id}`);
  }

  /** What a removed message said, for moderators. */
  original(id: string): Promise<OriginalAnswer | null> {
    return this.#line.ask<OriginalAnswer>('chat.original', { channel: this.#channel, id });
  }

  /** The message that somebody wants to see can't be reached. */
  tooOld(): void {
    this.#notify('error', t`This message is too old to show here, or it was removed.`);
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
      this.history.begin();
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
      if (message.state === 'pending') void this.#deliver(message.cid, message.text, message.replyTo);
    }
    return true;
  }

  /** Events for this user that came while the page was away. */
  #tellStanding({ muted, warned }: Exclude<JoinAnswer, Refusal>): void {
    if (muted !== null) this.#holding.begin('muted', muted.until === null ? null : secondsLeft(new Date().toISOString(), muted.until), muted.reason ?? null);
    if (warned === undefined || warned.at <= this.#warnedAt) return;
    this.#warnedAt = warned.at;
    this.#notify('warning', warningWords(warned.reason));
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
      this.#close(t`You can’t take part in this chat any more.`);
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
    else if (isMessage(data)) {
      this.#await(data);
      this.#change(chatLog.beside(this.view.get().log, data));
    }
    else if (isPersonal(data)) this.#tell(data);
  }

  #noticed({ code, message = '' }: { code?: string; message?: string }): void {
    if (code === 'resync') void this.#join();
    if (code === 'banned') this.#close(message);
  }

  #takeEntry(event: Sequenced): void {
    const redacts = chatLog.redacts(event);
    if (redacts) this.history.redacted();
    const { log, gap } = chatLog.apply(this.view.get().log, event);
    if (gap) {
      void this.#join();
      return;
    }
    if (log === this.view.get().log) return; // a repeat
    if (isMessage(event)) this.#await(event);
    if (redacts || event.type === 'chat.restored') this.quotes.clear();
    this.#change(redacts ? chatLog.withoutUnseen(log, this.alignment.view.get().waiting) : log);
    this.#tell(event);
    if (log.stale) this.#refreshSoon();
  }

  /** What somebody else says waits for the picture; announcements come at once, as all that moderators do. */
  #await(event: MessageEnvelope): void {
    if (event.user.id !== this.self() && event.announcement !== true) this.alignment.take(event.id, messageOf(event).moment);
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
      if (this.view.get().log.settings.slow === 0 && this.view.get().hold?.why === 'slow') this.#holding.release();
      this.#waitAsNewcomer();
    }
  }

  #tellOneself({ type, at, reason, expires }: UserEvent): void {
    if (type === 'user.banned') this.#close(reason === undefined ? t`A moderator banned you from this chat.` : t`A moderator banned you from this chat. Reason: ${reason}`);
    if (type === 'user.warned') this.#warnedAt = at;
    if (type === 'user.warned') this.#notify('warning', warningWords(reason ?? ''));
    if (type === 'user.unmuted') this.#holding.release();
    if (type === 'user.muted') this.#holding.begin('muted', expires === undefined ? null : secondsLeft(at, expires), reason ?? null);
    if (type === 'user.role.changed') void this.#join(); // its ack names the role that counts now
  }

  // -- what goes out

  /** Sends what is written. While there is no connection it stays pending; joining sends it then. */
  async #deliver(cid: string, text: string, replyTo: string | null): Promise<void> {
    if (!this.#joined) return;
    const { time } = this.#around.picture();
    const more = { ...(time === null ? {} : { picture_time: Math.round(time) }), ...(replyTo === null ? {} : { reply_to: replyTo }) };
    const answer = await this.#line.ask<SendAnswer>('chat.send', { channel: this.#channel, cid, text, ...more });
    const { log } = this.view.get();
    if (answer === null) {
      if (this.#line.open) this.#change(chatLog.failed(log, cid, t`No answer came.`));
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
    if (error.code === 'muted') this.#holding.begin('muted', error.retry_after ?? null, null);
    else if (error.retry_after !== undefined) this.#holding.begin(error.code === 'guest_wait' ? 'new' : 'slow', error.retry_after, null);
  }

  #restAfterSending(): void {
    const { role, log } = this.view.get();
    if (log.settings.slow > 0 && !isExempt(role)) this.#holding.begin('slow', log.settings.slow, null);
  }

  #waitAsNewcomer(): void {
    const { hold, log, role } = this.view.get();
    const left = this.#newcomer.left(log.settings, role);
    if (left > 0) this.#holding.begin('new', left, null);
    else if (hold?.why === 'new') this.#holding.release();
  }

  #notify(kind: Notice['kind'], words: string, undo: string | null = null, choices: readonly Choice[] = [], commands: readonly CommandForm[] = []): void {
    this.view.update({ notice: words === '' ? null : { kind, words, undo, choices, commands } });
  }
}

function warningWords(reason: string): string {
  return t`Warning from a moderator: ${reason}`;
}
