import { describe, expect, it } from 'vitest';
import {
  acknowledged, apply, beside, caughtUp, EMPTY, failed, MOST, resent, snapshot, withHistory, withSettings, written, type ChatLog,
} from '../src/chat/log';
import type { Author, MessageEnvelope, Sequenced } from '../src/chat/wire';

const ANNA: Author = { id: 'usr_anna', name: 'Anna', role: 'member', badges: [] };
const BERT: Author = { id: 'usr_bert', name: 'Bert', role: 'member', badges: [] };

function message(seq: number, cid = `cid-${seq}`, user = BERT): MessageEnvelope & Sequenced {
  return { id: `msg_${seq}`, type: 'chat.message.new', at: '2026-01-01T00:00:00.000Z', channel: 'chn_a', epoch: 'e1', seq, cid, user, text: `text ${seq}` };
}

function fact(seq: number): Sequenced {
  return { id: `evt_${seq}`, type: 'stream.live', at: '2026-01-01T00:00:00.000Z', channel: 'chn_a', epoch: 'e1', seq };
}

function upTo(seq: number): ChatLog {
  return snapshot(EMPTY, 'e1', seq, Array.from({ length: seq }, (_, index) => message(index + 1)));
}

function after(log: ChatLog, ...events: Sequenced[]): ChatLog {
  return events.reduce((held, event) => apply(held, event).log, log);
}

const seqs = (log: ChatLog) => log.messages.map(({ seq }) => seq);

describe('a channel on the page', () => {
  it('is the same from a snapshot and the events after it as from the later snapshot', () => {
    expect(after(upTo(3), message(4), message(5), message(6))).toEqual(upTo(6));
  });

  it('keeps its position over events that are no messages', () => {
    const log = after(upTo(2), fact(3), message(4));
    expect(log.seq).toBe(4);
    expect(seqs(log)).toEqual([1, 2, 4]);
  });

  it('takes a repeated event as none', () => {
    const log = upTo(3);
    expect(apply(log, message(3))).toEqual({ log, gap: false });
    expect(apply(log, message(1))).toEqual({ log, gap: false });
  });

  it('applies nothing behind a gap and says so', () => {
    const log = upTo(3);
    expect(apply(log, message(5))).toEqual({ log, gap: true });
  });

  it('takes another epoch as a gap', () => {
    const log = upTo(3);
    expect(apply(log, { ...message(4), epoch: 'e2' })).toEqual({ log, gap: true });
  });

  it('closes a gap from the page of missed events, whatever numbers were left out', () => {
    const log = caughtUp(upTo(3), 1_048_579, [message(5), message(1_048_579)]);
    expect(log.seq).toBe(1_048_579);
    expect(seqs(log)).toEqual([1, 2, 3, 5, 1_048_579]);
  });

  it('brings messages that come out of order into the order of their numbers', () => {
    expect(seqs(caughtUp(upTo(2), 6, [message(6), message(4), message(5), message(3)]))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('puts history before what is shown and shows nothing twice', () => {
    const log = snapshot(EMPTY, 'e1', 6, [message(5), message(6)]);
    expect(seqs(withHistory(log, [message(3), message(4), message(5)]))).toEqual([3, 4, 5, 6]);
  });

  it('takes no history of another epoch', () => {
    expect(seqs(withHistory(upTo(2), [{ ...message(1), epoch: 'e0', cid: 'other' }]))).toEqual([1, 2]);
  });

  it('drops the oldest messages beyond its bound and remembers that it did', () => {
    const log = caughtUp(upTo(MOST), MOST + 201, Array.from({ length: 201 }, (_, index) => message(MOST + 1 + index)));
    expect(log.messages).toHaveLength(MOST);
    expect(log.messages[0]?.seq).toBe(202);
    expect(log.trimmed).toBe(true);
  });
});

describe('an own message', () => {
  const pending = written(upTo(2), 'mine', ANNA, 'hello', '2026-01-01T00:00:00.000Z');

  it('stands at the end until it has a number, also behind newer messages of others', () => {
    expect(seqs(after(pending, message(3)))).toEqual([1, 2, 3, null]);
  });

  it('is shown once when its event comes before its ack', () => {
    const log = acknowledged(after(pending, message(3, 'mine', ANNA)), 'mine', 'msg_3', 3);
    expect(seqs(log)).toEqual([1, 2, 3]);
    expect(log.messages[2]?.state).toBe('sent');
  });

  it('is shown once when its ack comes before its event', () => {
    const early = acknowledged(pending, 'mine', 'msg_4', 4);
    expect(early.messages.at(-1)).toMatchObject({ seq: 4, state: 'sent' });
    const log = after(early, message(3), message(4, 'mine', ANNA));
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
  });

  it('stays through a reload of the list, and is taken up when the list has it', () => {
    expect(seqs(snapshot(pending, 'e2', 9, [{ ...message(9), epoch: 'e2' }]))).toEqual([9, null]);
    expect(seqs(snapshot(pending, 'e1', 3, [message(3, 'mine', ANNA)]))).toEqual([3]);
  });

  it('is sent again under the same cid and then shown once', () => {
    const again = resent(failed(pending, 'mine', 'No answer came.'), 'mine');
    expect(again.messages.at(-1)).toMatchObject({ cid: 'mine', state: 'pending', error: null });
    expect(seqs(after(acknowledged(again, 'mine', 'msg_3', 3), message(3, 'mine', ANNA)))).toEqual([1, 2, 3]);
  });

  it('is not confused with a message of somebody else under the same cid', () => {
    const log = after(pending, message(3, 'mine', BERT));
    expect(seqs(log)).toEqual([1, 2, 3, null]);
  });

  it('that failed is taken up when it comes after all', () => {
    const log = after(failed(pending, 'mine', 'No answer came.'), message(3, 'mine', ANNA));
    expect(log.messages.at(-1)).toMatchObject({ seq: 3, state: 'sent', error: null });
  });
});

describe('a moderated channel', () => {
  it('keeps the place of a deleted message, not its text, and says who removed it', () => {
    const log = after(upTo(3), told(4, 'chat.message.deleted', { message: 'msg_2', target: { epoch: 'e1', seq: 2 }, deleted: true }));
    expect(log.messages[1]).toMatchObject({ seq: 2, text: '', state: 'removed', removedBy: 'moderator' });
    const own = after(upTo(3), told(4, 'chat.message.deleted', { message: 'msg_2', by: 'author' }));
    expect(own.messages[1]?.removedBy).toBe('author');
  });

  it('shows a restored message in its old place', () => {
    const gone = after(upTo(3), told(4, 'chat.message.deleted', { message: 'msg_2' }));
    const log = after(gone, told(5, 'chat.message.updated', { message: 'msg_2', deleted: false, restored: message(2) }));
    expect(log.messages).toEqual(upTo(3).messages);
  });

  it('takes from a page of missed events what stands in the place of a deleted message', () => {
    const log = caughtUp(upTo(1), 4, [message(2), { ...told(3, 'chat.message.deleted', { message: 'msg_3' }), id: 'msg_3' }, message(4)]);
    expect(seqs(log)).toEqual([1, 2, 4]);
  });

  it('clears one person’s messages to marks and everybody’s to nothing, but not what came later or is not sent yet', () => {
    const mixed = after(upTo(1), message(2, 'x', ANNA), message(3));
    const one = after(mixed, told(4, 'chat.cleared', { user: BERT }), message(5));
    expect(one.messages.map(({ state }) => state)).toEqual(['removed', 'sent', 'removed', 'sent']);
    const all = after(written(mixed, 'mine', ANNA, 'hello', ''), told(4, 'chat.cleared', {}), message(5));
    expect(seqs(all)).toEqual([5, null]);
    expect(all.notes.map(({ words }) => words)).toEqual(['A moderator cleared the chat.']);
  });

  it('follows the settings and the pin, and keeps the pinned message when it leaves the page', () => {
    const log = after(upTo(2), told(3, 'chat.settings.updated', { settings: { slow: 30 } }), told(4, 'chat.message.updated', { message: 'msg_1', pinned: true }));
    expect(log.settings).toEqual({ ...EMPTY.settings, slow: 30, pinned: 'msg_1' });
    const later = caughtUp(log, 205 + MOST, Array.from({ length: MOST + 201 }, (_, index) => message(index + 5)));
    expect(later.pinned?.text).toBe('text 1');
    expect(after(later, told(206 + MOST, 'chat.message.deleted', { message: 'msg_1' })).pinned).toBeNull();
    expect(after(later, told(206 + MOST, 'chat.message.updated', { message: 'msg_1', pinned: false })).pinned).toBeNull();
  });

  it('shows again what comes back, in its place, and reads anew only what may stand before', () => {
    const gone = after(upTo(4), told(5, 'chat.cleared', { user: BERT }));
    const back = told(6, 'chat.restored', { user: BERT, messages: [message(2), message(3), message(4)], from_seq: 2 });
    const some = after(gone, back);
    expect(some.messages.map(({ state }) => state)).toEqual(['removed', 'sent', 'sent', 'sent']);
    expect(some.stale).toBe(true);
    const all = after(gone, told(6, 'chat.restored', { user: BERT, messages: [1, 2, 3, 4].map((seq) => message(seq)), from_seq: 0 }));
    expect(all.messages).toEqual(upTo(4).messages);
    expect(all.stale).toBe(false);
    expect(after(upTo(1), told(2, 'user.unbanned', { user: BERT })).stale).toBe(false);
    expect(snapshot(some, 'e1', 6, [message(1)]).stale).toBe(false);
  });

  it('puts a shadow-banned message behind its entry, beside the sequence, once, and loses no other for it', () => {
    const marked = shadowed(2);
    const log = beside(beside(upTo(3), marked), marked);
    expect(log.messages.map(({ id, shadow }) => [id, shadow])).toEqual([['msg_1', false], ['msg_2', false], ['msg_s', true], ['msg_3', false]]);
    expect(log.seq).toBe(3);
    expect(snapshot(EMPTY, 'e1', 3, [message(1), message(2), marked, message(3)]).messages).toEqual(log.messages);
  });

  it('shows its author a shadow-banned message as any other', () => {
    const own = { ...message(2, 'mine', ANNA), id: 'msg_s' };
    const pending = written(upTo(2), 'mine', ANNA, 'text 2', '');
    for (const log of [after(acknowledged(pending, 'mine', 'msg_s', 2), own), acknowledged(after(pending, own), 'mine', 'msg_s', 2), after(upTo(2), own)]) {
      expect(after(log, message(3)).messages.map(({ id }) => id)).toEqual(['msg_1', 'msg_2', 'msg_s', 'msg_3']);
    }
  });
});

describe('any history', () => {
  it('of lost, repeated and reordered deliveries ends like the whole one', () => {
    const random = mulberry(7);
    for (let round = 0; round < 300; round += 1) {
      const end = 3 + Math.floor(random() * 40);
      const all = history(end, random);
      let log = snapshot(EMPTY, 'e1', 0, []);
      for (let step = 0; step < end * 2; step += 1) {
        const event = all[Math.floor(random() * end)];
        if (event === undefined) continue;
        const { log: next, gap } = apply(log, event);
        log = gap && random() < 0.3 ? caughtUp(log, event.seq, all.slice(log.seq, event.seq)) : next;
      }
      log = caughtUp(log, end, all.slice(log.seq));
      expect(log).toEqual(after(snapshot(EMPTY, 'e1', 0, []), ...all));
    }
  });

  it('from a snapshot on ends like the later snapshot, wherever it was taken', () => {
    const random = mulberry(11);
    for (let round = 0; round < 300; round += 1) {
      const end = 3 + Math.floor(random() * 40);
      const all = history(end, random);
      const joined = Math.floor(random() * end);
      expect(seen(after(serverAt(joined, all), ...all.slice(joined)))).toEqual(seen(serverAt(end, all)));
    }
  });
});

function told(seq: number, type: string, data: object): Sequenced {
  return { ...fact(seq), id: `evt_${seq}`, type, ...data };
}

function shadowed(behind: number): MessageEnvelope {
  const { seq, ...rest } = message(behind, 'shadow', ANNA);
  return { ...rest, id: 'msg_s', after_seq: seq, shadow: true };
}

/** Entries 1…end as a channel may have them: messages of two people, and what moderators do to them. */
function history(end: number, random: () => number): Sequenced[] {
  const one = (seq: number): Sequenced => {
    const before = `msg_${1 + Math.floor(random() * (seq - 1))}`;
    const kinds: (() => Sequenced)[] = [
      () => fact(seq),
      () => told(seq, 'chat.message.deleted', { message: before }),
      () => told(seq, 'chat.message.updated', { message: before, pinned: random() < 0.7 }),
      () => told(seq, 'chat.cleared', random() < 0.5 ? { user: ANNA } : {}),
      () => told(seq, 'chat.settings.updated', { settings: { slow: Math.floor(random() * 3) * 10 } }),
      () => told(seq, 'chat.settings.updated', { settings: { lockdown: random() < 0.5 } }),
      () => told(seq, 'user.muted', { user: ANNA }),
    ];
    const kind = random() < 0.6 ? undefined : kinds[Math.floor(random() * kinds.length)];
    return kind === undefined ? message(seq, `cid-${seq}`, random() < 0.5 ? ANNA : BERT) : kind();
  };
  return Array.from({ length: end }, (_, index) => one(index + 1));
}

/** What the server answers somebody who joins at `seq`: the messages that may be read, and what holds. Written without the reducer. */
function serverAt(seq: number, all: Sequenced[]): ChatLog {
  let messages: MessageEnvelope[] = [];
  let settings = EMPTY.settings;
  for (const event of all.slice(0, seq) as (Sequenced & Record<string, unknown>)[]) {
    if (event.type === 'chat.message.new') messages.push(event as unknown as MessageEnvelope);
    if (event.type === 'chat.message.deleted') messages = messages.filter(({ id }) => id !== event['message']);
    if (event.type === 'chat.cleared') messages = messages.filter(({ user }) => event['user'] !== undefined && user.id !== ANNA.id);
    if (event.type === 'chat.settings.updated') settings = { ...settings, ...(event['settings'] as object) };
    if (event.type === 'chat.message.updated') settings = { ...settings, pinned: event['pinned'] === true ? String(event['message']) : null };
  }
  return withSettings(snapshot(EMPTY, 'e1', seq, messages), settings);
}

/** What the law speaks of: position, settings, and the messages that can be read. */
function seen({ epoch, seq, settings, messages, pinned }: ChatLog) {
  const readable = messages.filter(({ state }) => state !== 'removed');
  return { epoch, seq, settings, readable, pinned: pinned?.state === 'sent' ? pinned.id : null };
}

/** A small seeded generator, so that a failing history comes again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
