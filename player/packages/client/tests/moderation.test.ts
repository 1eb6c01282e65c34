import { describe, expect, it } from 'vitest';
import { EMPTY } from '../src/chat/log';
import { draft, type Message } from '../src/chat/messages';
import { deedsFor, holdWords, ruleOf } from '../src/chat/rights';
import { started, still, stopped, typingWords } from '../src/chat/typing';
import { shares } from '../src/reactions';
import { durationText } from '../src/format';

function said(role: string, patch: Partial<Message> = {}): Message {
  return { ...draft('c', { id: 'usr_b', name: 'Bert', role, badges: [] }, 'hello', ''), id: 'msg_1', seq: 1, state: 'sent', ...patch };
}

const member = { role: 'member', badges: [], guest: false };
const labels = (message: Message, role: string | null, own = false) => deedsFor(message, role, own).map(({ label }) => label);
const commands = (message: Message, role: string) => deedsFor(message, role, false).map(({ command }) => command);

describe('a message’s menu', () => {
  it('offers moderators what they may do to those below them', () => {
    expect(labels(said('member'), 'moderator')).toEqual(['Pin', 'Delete message', 'Time out for 10 min', 'Mute', 'Shadow-ban', 'Ban']);
    expect(labels(said('moderator'), 'moderator')).toEqual(['Pin']);
    expect(labels(said('moderator'), 'owner')).toContain('Ban');
  });

  it('offers others only to delete what is their own', () => {
    expect(labels(said('member'), 'member')).toEqual([]);
    expect(labels(said('member'), 'member', true)).toEqual(['Delete message']);
    expect(labels(said('member'), null, true)).toEqual([]);
  });

  it('offers nothing on the text of a message that is gone, hidden or not sent yet', () => {
    expect(labels(said('member', { state: 'removed' }), 'moderator')).not.toContain('Delete message');
    expect(labels(said('member', { shadow: true }), 'moderator')).toEqual(['Time out for 10 min', 'Mute', 'End shadow ban', 'Ban']);
    expect(labels(said('member', { id: null, seq: null, state: 'pending' }), 'moderator', true)).toEqual([]);
  });

  it('names people by id in a way that no id can break', () => {
    expect(commands(said('member'), 'moderator')).toContain('/ban @id:usr_b');
    const odd = said('member', { author: { id: '@a b', name: 'x', role: 'member', badges: [] } });
    expect(commands(odd, 'moderator')).toContain('/ban @id:"@a b"');
  });
});

describe('the words above the composer', () => {
  it('say what holds, and bar whom it holds for', () => {
    expect(ruleOf(EMPTY.settings, member)).toEqual({ words: null, barred: false });
    expect(ruleOf({ ...EMPTY.settings, lockdown: true }, member).barred).toBe(true);
    expect(ruleOf({ ...EMPTY.settings, lockdown: true }, { ...member, role: 'vip' }).barred).toBe(false);
    expect(ruleOf({ ...EMPTY.settings, slow: 90, emoteonly: true }, member)).toEqual({
      words: 'Only emotes may be sent. Slow mode: one message every 1 min 30 s.', barred: false,
    });
  });

  it('let in whom the server lets in', () => {
    const only = { ...EMPTY.settings, subscribers: true };
    expect(ruleOf(only, member).barred).toBe(true);
    expect(ruleOf(only, { ...member, badges: ['follower'] }).barred).toBe(true);
    expect(ruleOf(only, { ...member, badges: ['subscriber'] }).barred).toBe(false);
    expect(ruleOf({ ...EMPTY.settings, followers: true }, { ...member, badges: ['follower'] }).barred).toBe(false);
    expect(ruleOf({ ...EMPTY.settings, guestsread: true }, member).barred).toBe(false);
    expect(ruleOf({ ...EMPTY.settings, guestsread: true }, { ...member, guest: true })).toEqual({ words: 'Guests may only read: sign in to write.', barred: true });
  });

  it('say how long a new guest waits', () => {
    expect(ruleOf({ ...EMPTY.settings, guestwait: 600 }, member)).toEqual({ words: 'New guests may write after 10 min.', barred: false });
    expect(holdWords({ why: 'new', left: 75, reason: null })).toBe('You are new here: you may write in 1 min 15 s.');
  });

  it('count a timeout down and tell a mute without an end', () => {
    expect(holdWords({ why: 'muted', left: 61, reason: 'too loud' })).toBe('You are timed out: you may write again in 1 min 1 s. Reason: too loud');
    expect(holdWords({ why: 'muted', left: null, reason: null })).toBe('A moderator muted you.');
    expect(holdWords({ why: 'slow', left: 5, reason: null })).toBe('Slow down: you may write again in 5 s.');
  });

  it('write durations in at most two units', () => {
    expect([0, 59, 600, 3_661, 86_400, 180_000].map(durationText)).toEqual(['0 s', '59 s', '10 min', '1 h 1 min', '1 day', '2 days 2 h']);
  });
});

describe('those who are typing', () => {
  it('are named once, until they stop or their time is over', () => {
    const both = started(started(started([], { id: 'a', name: 'Ann' }, 5), { id: 'b', name: 'Bob' }, 9), { id: 'a', name: 'Ann' }, 7);
    expect(both.map(({ id, until }) => [id, until])).toEqual([['b', 9], ['a', 7]]);
    expect(still(both, 7).map(({ id }) => id)).toEqual(['b']);
    expect(stopped(both, 'b').map(({ id }) => id)).toEqual(['a']);
    expect(still(both, 1)).toBe(both);
  });

  it('are told in one short sentence', () => {
    const people = ['Ann', 'Bob', 'Cy'].map((name) => ({ id: name, name }));
    expect([0, 1, 2, 3].map((count) => typingWords(people.slice(0, count)))).toEqual([
      '', 'Ann is typing …', 'Ann and Bob are typing …', 'Ann, Bob and others are typing …',
    ]);
  });
});

describe('reactions', () => {
  it('become few signs that stand for all of them', () => {
    for (const count of [0, 1, 4, 5, 6, 1_003]) {
      expect(shares(count).length).toBe(Math.min(5, count));
      expect(shares(count).reduce((sum, one) => sum + one, 0)).toBe(count);
    }
  });
});
