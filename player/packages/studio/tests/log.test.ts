import { describe, expect, it } from 'vitest';
import { EVERYTHING, auditQuery } from '../src/log/filter';
import { dayAfter, dayOf, spanOf } from '../src/places/days';

describe('a day of the reader’s', () => {
  it('lasts until the next one begins, also where the clock is changed', () => {
    const { since, until } = spanOf('2026-03-29') ?? { since: '', until: '' };
    expect([dayOf(new Date(since)), dayOf(new Date(until))]).toEqual(['2026-03-29', '2026-03-30']);
    expect([new Date(since).getHours(), new Date(until).getHours()]).toEqual([0, 0]);
  });

  it('is followed over months and years', () => {
    expect([dayAfter('2026-12-31', 1), dayAfter('2026-03-01', -1)]).toEqual(['2027-01-01', '2026-02-28']);
  });

  it('is nothing for a text that is no day', () => {
    expect([spanOf(''), spanOf('soon'), dayAfter('soon', 1)]).toEqual([null, null, 'soon']);
  });
});

describe('the query of an audit log', () => {
  it('has only what was chosen, and the last day as a whole', () => {
    expect(auditQuery(EVERYTHING, '')).toBe('limit=50');
    const asked = new URLSearchParams(auditQuery({ action: 'key.created', actor: '', since: '', until: '2026-11-28' }, 'next'));
    expect(asked.get('action')).toBe('key.created');
    expect(asked.has('actor')).toBe(false);
    expect(dayOf(new Date(asked.get('until') ?? ''))).toBe('2026-11-29');
    expect(asked.get('cursor')).toBe('next');
  });
});
