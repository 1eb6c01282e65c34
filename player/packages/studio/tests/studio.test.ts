import { describe, expect, it } from 'vitest';
import { dayText, lastDays } from '../src/days';
import { SECTIONS, atLeast, givable, sectionOf } from '../src/sections';

describe('sections', () => {
  it('are those that the address names and the role may see', () => {
    expect(sectionOf('#keys', 'owner')).toBe('keys');
    expect(sectionOf('#team', 'viewer')).toBe('team');
    expect(sectionOf('#keys', 'editor')).toBe('streams');
    expect(sectionOf('#nothing', 'owner')).toBe('streams');
    expect(sectionOf('', 'owner')).toBe('streams');
    expect(SECTIONS.filter(({ least }) => atLeast('viewer', least)).map(({ id }) => id)).toEqual(['streams', 'usage', 'team']);
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
