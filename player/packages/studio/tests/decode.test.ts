import { describe, expect, it } from 'vitest';
import { decoded } from '../src/tokens/decode';

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token that is looked into', () => {
  it('shows its header and claims, also in other scripts', () => {
    expect(decoded(` ${part({ alg: 'HS256' })}.${part({ sub: '1', name: 'منى' })}.xx `)).toEqual({ ok: true, header: { alg: 'HS256' }, claims: { sub: '1', name: 'منى' } });
  });

  it('is refused when it is none', () => {
    for (const text of ['', 'a.b', 'a.b.c', `${part([])}.${part({})}.x`, `${part({})}.${part({})}.x.y`]) expect(decoded(text)).toEqual({ ok: false });
  });
});
