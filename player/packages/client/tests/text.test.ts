import { describe, expect, it } from 'vitest';
import { piecesOf } from '../src/links';
import { bytesOf, bytesText, fieldless, hueOf, secondsText, viewersText } from '../src/format';

const links = (text: string) => piecesOf(text).flatMap(({ href }) => href ?? []);

describe('a message in pieces', () => {
  it('joins to the same text again', () => {
    for (const text of ['', 'plain', 'a https://x.org/y?z=1#q, b', 'http://a.b http://c.d', '(https://x.org).', 'https://', 'ünï https://ü.org/ß 🎉']) {
      expect(piecesOf(text).map((piece) => piece.text).join('')).toBe(text);
    }
  });

  it('links http and https addresses without the punctuation behind them', () => {
    expect(links('See (https://example.org/a?b=1), or http://b.org!')).toEqual(['https://example.org/a?b=1', 'http://b.org/']);
  });

  it('links bare addresses that begin with www', () => {
    expect(links('see www.a.org/b, or WWW.b.org.')).toEqual(['https://www.a.org/b', 'https://www.b.org/']);
  });

  it('links nothing else', () => {
    expect(links('javascript:alert(1) data:text/html,x ftp://a.org file:///etc JAVASCRIPT:https')).toEqual([]);
    expect(links('https:// https://[bad www. www.a awww.a.org a@www.a.org')).toEqual([]);
  });

  it('keeps markup as text', () => {
    expect(piecesOf('<b>https://a.org/<script></b>')).toEqual([
      { text: '<b>', href: null },
      { text: 'https://a.org/', href: 'https://a.org/' },
      { text: '<script></b>', href: null },
    ]);
  });
});

describe('wording', () => {
  it('gives a person the same hue always and neighbours distant ones', () => {
    expect(hueOf('usr_1')).toBe(hueOf('usr_1'));
    expect(new Set(['usr_1', 'usr_2', 'usr_3', 'usr_4'].map(hueOf)).size).toBe(4);
    for (const id of ['', 'a', 'usr_🎉']) expect(hueOf(id)).toBeGreaterThanOrEqual(0);
  });

  it('counts a message in the bytes that the server counts', () => {
    expect(bytesOf('aä€🎉')).toBe(1 + 2 + 3 + 4);
  });

  it('writes sizes, times and counts for people', () => {
    expect([0, 999, 1_000, 1_234_567, 9.9e10].map(bytesText)).toEqual(['0 B', '999 B', '1.0 kB', '1.2 MB', '99.0 GB']);
    expect([0.72, 12.4].map(secondsText)).toEqual(['0.7 s', '12 s']);
    expect([1, 0, 12_345].map(viewersText)).toEqual(['1 viewer', '0 viewers', '12,345 viewers']);
  });
});

describe('a refusal', () => {
  it('names fields as people read them, and lines of a list from one', () => {
    expect(fieldless('origins.0: an origin is https://host')).toBe('Allowed origins, line 1: an origin is https://host');
    expect(fieldless('public_key: this is not a public key')).toBe('Public key: this is not a public key');
    expect(fieldless('roles.str_a.x: no such role')).toBe('Roles: no such role');
  });

  it('leaves sentences alone', () => {
    expect(fieldless('This name is taken.')).toBe('This name is taken.');
    expect(fieldless('Too many messages; slow down: 5 s')).toBe('Too many messages; slow down: 5 s');
  });
});
