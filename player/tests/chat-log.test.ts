import { describe, expect, it } from 'vitest';
import {
  acknowledged, apply, caughtUp, EMPTY, failed, MOST, resent, snapshot, withHistory, written, type ChatLog,
} from '../src/lib/chat/log';
import type { Author, MessageEnvelope, Sequenced } from '../src/lib/chat/wire';

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
    const log = after(upTo(MOST), message(MOST + 1));
    expect(log.messages).toHaveLength(MOST);
    expect(log.messages[0]?.seq).toBe(2);
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

describe('any history', () => {
  it('of lost, repeated and reordered deliveries ends like the whole one', () => {
    const random = mulberry(7);
    for (let round = 0; round < 200; round += 1) {
      const end = 3 + Math.floor(random() * 40);
      const all = Array.from({ length: end }, (_, index) => (random() < 0.2 ? fact(index + 1) : message(index + 1)));
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
});

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
