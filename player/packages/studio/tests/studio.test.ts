import { describe, expect, it } from 'vitest';
import { dayText, lastDays } from '../src/usage/days';
import { atLeast, givable } from '../src/roles';
import { GROUPS, formerPath } from '../src/shell/sections';

describe('sections', () => {
  it('are found by the addresses that they had after the #', () => {
    expect(formerPath('#keys')).toBe('/keys');
    expect(formerPath('#app')).toBe('/settings');
    expect(formerPath('#webhooks/whk_1')).toBe('/webhooks/whk_1');
    expect(formerPath('#nothing')).toBeNull();
    expect(formerPath('')).toBeNull();
  });

  it('show viewers nothing that is for admins', () => {
    const shown = GROUPS.flatMap(({ sections }) => sections).filter(({ least }) => atLeast('viewer', least)).map(({ id }) => id);
    expect(shown).toContain('streams');
    expect(shown).not.toContain('keys');
    expect(shown).not.toContain('settings');
  });

  it('let only owners make owners', () => {
    expect(givable('admin')).not.toContain('owner');
    expect(givable('owner')).toContain('owner');
  });
});

describe('days', () => {
  it('go on over the end of a month and of February', () => {
    expect(lastDays(3, Date.UTC(2028, 2, 1, 23, 59))).toEqual(['2028-02-28', '2028-02-29', '2028-03-01']);
    expect(lastDays(30, Date.UTC(2026, 10, 24)).at(-1)).toBe('2026-11-24');
  });

  it('are told in UTC wherever the reader is', () => {
    expect(dayText('2026-11-24')).toBe('24 Nov');
  });
});
