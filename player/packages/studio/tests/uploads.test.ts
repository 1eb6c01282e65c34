import { describe, expect, it } from 'vitest';
import { troubleOf } from '../src/recordings/uploads';

function refused(status: number, body: string): Error {
  return Object.assign(new Error('tus: unexpected response'), { originalResponse: { getStatus: () => status, getBody: () => body } });
}

describe('the trouble of an upload', () => {
  it('is the sentence of the server, where it gave one', () => {
    expect(troubleOf(refused(507, '{"code":"storage_full","detail":"The disk is full."}'))).toBe('The disk is full.');
    expect(troubleOf(refused(502, '<html>'))).toBe('The server answered 502.');
    expect(troubleOf(refused(500, '{}'))).toBe('The server answered 500.');
    expect(troubleOf(Object.assign(new Error('tus: failed'), { originalResponse: null }))).toBe('The server cannot be reached.');
  });
});
