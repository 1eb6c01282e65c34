import { describe, expect, it } from 'vitest';
import { parseJson, prettyJson } from '../src/json';
import type { Webhook } from '../src/webhooks/api';
import { EMPTY, changeOf, cropOf, draftOf, mistakeIn, usesMore, wishOf } from '../src/webhooks/draft';
import { groupToggled, groupsOf, includes, ownTypes, toggled, typesText } from '../src/webhooks/eventTypes';
import { answerText, msText, rateText, stateOf } from '../src/webhooks/health';
import { resultText } from '../src/webhooks/ReplayForm';

const KINDS = ['stream.live', 'stream.offline', 'place.full'].map((type) => ({ type, about: type === 'place.full' ? 'The last free space was taken.' : '', example: {} }));
const WELL = { breaker: 'closed', failures: 0, failing_since: null, next_attempt: null, last_success: null, last_failure: null, last_error: null, advice: null } as const;
const HOOK: Webhook = {
  id: 'whk_1', name: null, url: 'https://a.example/h', description: 'Orders', types: ['stream.*'], streams: ['str_1'], channels: [], places: [], filter: 'data.n > 1', enabled: true, disabled_reason: null,
  header_names: ['x-tenant'], auth: { kind: 'basic', name: null, username: 'ann', token_url: null, client_id: null, scope: null }, signature: 'hmac', public_key: null, encrypted: false, rate: 5, concurrency: 2,
  ordered: true, batch: { most: 10, wait_ms: 500 }, image: { type: 'left', crop: { left: 0, top: 0.1, width: 0.5, height: 0.9 } }, health: WELL, created: '2026-11-28T10:00:00Z',
};

describe('the choice of events', () => {
  it('is grouped by prefix, and searched by name and meaning', () => {
    expect(groupsOf(KINDS, '').map(({ prefix, kinds }) => [prefix, kinds.length])).toEqual([['stream', 2], ['place', 1]]);
    expect(groupsOf(KINDS, ' FREE ').map(({ prefix }) => prefix)).toEqual(['place']);
  });

  it('takes one from a group by naming the others', () => {
    expect(toggled(['stream.*', 'custom.x'], 'stream.live', KINDS)).toEqual(['stream.offline', 'custom.x']);
    expect(toggled(['*'], 'place.full', KINDS)).toEqual(['stream.live', 'stream.offline']);
    expect(toggled([], 'place.full', KINDS)).toEqual(['place.full']);
  });

  it('takes and leaves whole groups', () => {
    expect(groupToggled(['stream.live', 'place.full'], 'stream', KINDS)).toEqual(['place.full', 'stream.*']);
    expect(groupToggled(['place.full', 'stream.*'], 'stream', KINDS)).toEqual(['place.full']);
    expect(groupToggled(['*'], 'stream', KINDS)).toEqual(['place.full']);
  });

  it('matches as the server does, and knows what no list shows', () => {
    expect([includes(['stream.*'], 'stream.live'), includes(['*'], 'x.y'), includes(['stream.live'], 'stream.lively')]).toEqual([true, true, false]);
    expect(ownTypes(['stream.*', 'custom.a', 'partner.*', '*', 'place.full'], KINDS)).toEqual(['custom.a', 'partner.*']);
    expect([typesText(['*', 'a.b']), typesText(['a', 'b', 'c', 'd'])]).toEqual(['All events', 'a, b and 2 more']);
  });
});

describe('the form', () => {
  it('changes nothing that was not touched, and keeps stored secrets', () => {
    expect(changeOf(draftOf(HOOK), HOOK)).toEqual({});
    expect(changeOf({ ...draftOf(HOOK), filter: ' ', rate: '' }, HOOK)).toEqual({ filter: null, rate: null });
    expect(changeOf({ ...draftOf(HOOK), newHeaders: true, headers: [] }, HOOK)).toEqual({ headers: {} });
    expect(changeOf({ ...draftOf(HOOK), newAuth: true, auth: { ...EMPTY.auth, kind: 'none' } }, HOOK)).toEqual({ auth: { kind: 'none' } });
  });

  it('sends only the credentials of the kind that is chosen', () => {
    const auth = { ...EMPTY.auth, kind: 'oauth2' as const, token_url: 'https://a.example/t', client_id: 'c', client_secret: 's', password: 'left over' };
    expect(wishOf({ ...EMPTY, auth }).auth).toEqual({ kind: 'oauth2', token_url: 'https://a.example/t', client_id: 'c', client_secret: 's' });
    expect(wishOf({ ...EMPTY, headers: [['X-A', '1'], ['', '']] }).headers).toEqual({ 'X-A': '1' });
  });

  it('says what is missing before the server is asked', () => {
    const good = { ...EMPTY, url: 'https://a.example/h', types: ['*'] };
    expect(mistakeIn(good)).toBeNull();
    expect(mistakeIn({ ...good, url: 'a.example' })).toContain('whole address');
    expect(mistakeIn({ ...good, types: [] })).toContain('at least one');
    expect(mistakeIn({ ...good, headers: [['X-A', '']] })).toContain('header');
    expect(mistakeIn({ ...good, pictured: true, crop: '60, 0, 50, 100' })).toContain('inside the picture');
    expect(cropOf('10 20 30 40')).toEqual({ left: 0.1, top: 0.2, width: 0.3, height: 0.4 });
    expect(typeof cropOf('10, x, 3, 4')).toBe('string');
    expect([cropOf(' '), usesMore(EMPTY), usesMore(draftOf(HOOK))]).toEqual([null, false, true]);
  });
});

describe('what is said of an endpoint', () => {
  it('is its state, the worst first', () => {
    const at = '2026-11-28T10:00:00Z';
    expect(stateOf({ ...HOOK, enabled: false, disabled_reason: 'The receiver answered 410 Gone.' })).toMatchObject({ words: 'Disabled', reason: 'The receiver answered 410 Gone.' });
    expect(stateOf({ ...HOOK, health: { ...WELL, failing_since: at, next_attempt: at, last_error: 'It answered 500.' } }).words).toContain('Waiting until');
    expect(stateOf({ ...HOOK, health: { ...WELL, failing_since: at, last_success: at } }).words).toContain('Failing since');
    expect(stateOf({ ...HOOK, health: { ...WELL, last_success: at } }).words).toBe('Working');
    expect(stateOf(HOOK).words).toBe('Ready');
  });

  it('never rounds a failure away', () => {
    expect([rateText(1), rateText(0.9999), rateText(0.5), rateText(null)]).toEqual(['100 %', '99.9 %', '50 %', '–']);
    expect([msText(12), msText(1_500), msText(14_999), msText(null)]).toEqual(['12 ms', '1.5 s', '15 s', '–']);
  });

  it('has answers in words', () => {
    expect(answerText({ status: 204, detail: '', error: '' })).toBe('204 No Content');
    expect(answerText({ status: 299, detail: '', error: '' })).toBe('299');
    expect(answerText({ status: 0, detail: 'Nothing answered within 15 s.', error: 'timeout' })).toBe('Nothing answered within 15 s.');
    expect(resultText({ deliveries: 2, recovered: 1, more: true })).toBe('Queued: 2 sent again, 1 sent for the first time. There are more: repeat it.');
    expect(resultText({ deliveries: 0, recovered: 0, more: false })).toBe('There was nothing to send.');
  });
});

describe('JSON', () => {
  it('say where a text stops being JSON', () => {
    expect(parseJson('{"a": 1}')).toEqual({ ok: true, value: { a: 1 } });
    expect(parseJson('')).toEqual({ ok: false, error: 'This is not JSON: it is empty.' });
    expect(parseJson('{\n "a": 1,\n b}')).toMatchObject({ ok: false, error: expect.stringContaining('line 3') as string });
    expect([prettyJson('{"a":1}'), prettyJson('no')]).toEqual(['{\n  "a": 1\n}', 'no']);
  });
});
