import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Alignment, type AlignMode, type Picture } from '../src/chat/alignment';
import { apply, EMPTY, MOST, MOST_READ, read, snapshot, withHistory, withoutUnseen, type ChatLog } from '../src/chat/log';
import { mentions, saidOf } from '../src/chat/mentions';
import { Quotes } from '../src/chat/quotes';
import { roomIn } from '../src/chat/room';
import { DEFAULTS, settingsFrom } from '../src/chat/settings';
import type { MessageAnswer, MessageEnvelope, Sequenced } from '../src/chat/wire';

const BERT = { id: 'usr_bert', name: 'Bert', role: 'member', badges: [] };

function message(seq: number): MessageEnvelope & Sequenced {
  return { id: `msg_${seq}`, type: 'chat.message.new', at: '2026-01-01T00:00:00.000Z', channel: 'chn_a', epoch: 'e1', seq, cid: `cid-${seq}`, user: BERT, text: `text ${seq}` };
}

describe('memory of a busy chat', () => {
  function flooded(log: ChatLog, from: number, to: number): { log: ChatLog; most: number } {
    let most = 0;
    for (let seq = from; seq <= to; seq += 1) {
      log = apply(log, message(seq)).log;
      most = Math.max(most, log.messages.length);
    }
    return { log, most };
  }

  it('is bounded over 10,000 messages, and the newest stay', () => {
    const { log, most } = flooded(snapshot(EMPTY, 'e1', 0, []), 1, 10_000);
    expect(most).toBeLessThanOrEqual(MOST + 200);
    expect(log.messages.at(-1)?.seq).toBe(10_000);
    expect(log.trimmed).toBe(true);
  });

  it('is larger while somebody reads, bounded too, and small again at the end', () => {
    const begun = read(snapshot(EMPTY, 'e1', 0, []), true);
    const { log, most } = flooded(begun, 1, 10_000);
    expect(most).toBeGreaterThan(MOST + 200);
    expect(most).toBeLessThanOrEqual(MOST_READ + 200);
    expect(read(log, false).messages).toHaveLength(MOST);
  });

  it('takes history after it was trimmed without a hole', () => {
    const { log } = flooded(snapshot(EMPTY, 'e1', 0, []), 1, 2_000);
    const oldest = log.messages[0]?.seq ?? 0;
    const fuller = withHistory(read(log, true), Array.from({ length: 100 }, (_, index) => message(oldest - 100 + index)));
    expect(fuller.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: log.messages.length + 100 }, (_, index) => oldest - 100 + index));
    expect(fuller.trimmed).toBe(false);
  });

  it('leaves nothing of what was removed before it was shown', () => {
    const removed = apply(snapshot(EMPTY, 'e1', 2, [message(1), message(2)]), { ...message(3), type: 'chat.message.deleted', message: 'msg_2' } as unknown as Sequenced).log;
    expect(withoutUnseen(removed, new Set(['msg_2'])).messages.map(({ id }) => id)).toEqual(['msg_1']);
    expect(withoutUnseen(removed, new Set()).messages).toHaveLength(2);
  });
});

describe('alignment to the picture', () => {
  let picture: Picture;
  let now: number;
  let alignment: Alignment;
  const waiting = () => [...alignment.view.get().waiting];

  function start(mode: AlignMode): void {
    alignment = new Alignment(() => picture, () => now);
    alignment.choose(mode);
  }

  beforeEach(() => {
    vi.stubGlobal('window', { setInterval: () => 1 });
    picture = { time: 100_000, playing: true, latency: 6 };
    now = 0;
  });
  afterEach(() => vi.unstubAllGlobals());

  it('keeps a message back until the picture reaches its moment', () => {
    start('auto');
    alignment.take('a', 104_000);
    expect(waiting()).toEqual(['a']);
    picture = { ...picture, time: 103_900 };
    alignment.look();
    expect(waiting()).toEqual(['a']);
    picture = { ...picture, time: 104_000 };
    alignment.look();
    expect(waiting()).toEqual([]);
  });

  it('shows what the picture has passed at once, but never before an earlier message', () => {
    start('on');
    alignment.take('past', 99_000);
    expect(waiting()).toEqual([]);
    alignment.take('ahead', 105_000);
    alignment.take('behind', 99_500);
    expect(waiting()).toEqual(['ahead', 'behind']);
    picture = { ...picture, time: 105_000 };
    alignment.look();
    expect(waiting()).toEqual([]);
  });

  it('never waits more than 30 seconds, whatever moment is claimed', () => {
    start('on');
    alignment.take('a', 9e15);
    now = 29_900;
    alignment.look();
    expect(waiting()).toEqual(['a']);
    now = 30_000;
    alignment.look();
    expect(waiting()).toEqual([]);
  });

  it('lets everything go when the picture stands, is gone, or waiting is switched off', () => {
    for (const [change, mode] of [[{ playing: false }, 'on'], [{ time: null }, 'on'], [{}, 'off']] as const) {
      picture = { time: 100_000, playing: true, latency: 6 };
      start('on');
      alignment.take('a', 104_000);
      expect(waiting()).toEqual(['a']);
      picture = { ...picture, ...change };
      alignment.choose(mode);
      expect(waiting()).toEqual([]);
    }
  });

  it('waits by itself only where the picture is more than two seconds late', () => {
    picture = { ...picture, latency: 1.4 };
    start('auto');
    alignment.take('a', 104_000);
    expect(waiting()).toEqual([]);
    start('on');
    alignment.take('a', 104_000);
    expect(waiting()).toEqual(['a']);
  });
});

describe('mentions', () => {
  it('joins to the same text again and marks the reader by the whole name', () => {
    const text = 'hi @Anna Maria, @bob_2 and https://a.org/@x mail a@b.org @';
    const pieces = saidOf(text, 'Anna Maria');
    expect(pieces.map((piece) => piece.text).join('')).toBe(text);
    expect(pieces.filter(({ mention }) => mention !== null).map((piece) => [piece.text, piece.mention])).toEqual([['@Anna Maria', 'self'], ['@bob_2', 'other']]);
  });

  it('does not take a longer name for the reader’s', () => {
    expect(mentions('@Annabel hello', 'Anna')).toBe(false);
    expect(mentions('hello @ANNA!', 'Anna')).toBe(true);
    expect(mentions('x@Anna', 'Anna')).toBe(false);
    expect(mentions('@نور الهدى مرحبا', 'نور الهدى')).toBe(true);
    expect(mentions('@', '')).toBe(false);
  });
});

describe('room for more', () => {
  it('is counted in characters as people see them', () => {
    expect(roomIn('short')).toEqual({ over: 0, left: null });
    expect(roomIn('a'.repeat(4_000))).toEqual({ over: 0, left: 96 });
    expect(roomIn('a'.repeat(4_100))).toEqual({ over: 4, left: null });
    expect(roomIn('👩‍👩‍👧'.repeat(250))).toEqual({ over: 23, left: null });
  });
});

describe('settings of the chat', () => {
  it('are what was stored, field by field', () => {
    expect(settingsFrom(null)).toEqual(DEFAULTS);
    for (const wrong of ['', 'x', '[]', 'null', '{"size":"vast","times":1,"ignored":[1]}']) expect(settingsFrom(wrong)).toEqual({ ...DEFAULTS, ignored: {} });
    expect(settingsFrom('{"size":"huge","align":"off","times":true,"ignored":{"a":"Ann","b":3}}')).toEqual({ ...DEFAULTS, size: 'huge', align: 'off', times: true, ignored: { a: 'Ann' } });
  });
});

describe('quoted messages', () => {
  it('are asked for once, and again when no answer came', async () => {
    const asked: string[] = [];
    const answers: (MessageAnswer | null)[] = [null, { ok: true, message: message(1) }, { ok: false, error: { code: 'not_found', message: '' } }];
    const quotes = new Quotes((id) => {
      asked.push(id);
      return Promise.resolve(answers.shift() ?? null);
    });
    quotes.want('a');
    quotes.want('a');
    await vi.waitFor(() => expect(quotes.view.get().known.has('a')).toBe(false));
    quotes.want('a');
    quotes.want('b');
    await vi.waitFor(() => expect(quotes.view.get().known.get('b')).toBe('gone'));
    expect(quotes.view.get().known.get('a')).toMatchObject({ text: 'text 1' });
    expect(asked).toEqual(['a', 'a', 'b']);
  });
});
