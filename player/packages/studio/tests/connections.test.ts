import { describe, expect, it } from 'vitest';
import { credentialsOf, endpointDraft, endpointWish, fieldsText, newIntegration, stateWords } from '../src/integrations/draft';
import { CUSTOM, NO_AUTH, authOf, authText, mappingDraft, networksOf, newSource, previewWish, takenText, type NewDraft } from '../src/sources/draft';

const SHOWN = { url: 'https://a.example', credentials: { kind: 'oauth2', header: null, prefix: null, username: null, token_url: 'https://a.example/t', client_id: 'c', scope: null }, credentials_set: '2026-11-28T10:00:00Z' } as const;

describe('an integration', () => {
  it('keeps stored credentials until they are replaced', () => {
    const draft = endpointDraft(SHOWN, '');
    expect(endpointWish(draft)).toEqual({ url: 'https://a.example' });
    expect(endpointWish({ ...draft, renew: true, fields: { ...draft.fields, client_secret: 's', key: 'left over' } })).toEqual({
      url: 'https://a.example', credentials: { kind: 'oauth2', token_url: 'https://a.example/t', client_id: 'c', client_secret: 's' },
    });
    expect(credentialsOf({ url: '', renew: true, kind: 'api_key', fields: { header: 'X-Key', key: 'k', prefix: '' } })).toEqual({ kind: 'api_key', header: 'X-Key', key: 'k' });
  });

  it('is made in one environment', () => {
    const draft = { kind: 'ips', name: ' IPS ', environment: 'production', endpoint: endpointDraft(null, 'https://a.example'), kid: '', key: '', testPath: '' } as const;
    expect(newIntegration(draft)).toEqual({ kind: 'ips', name: 'IPS', environment: 'production', production: { url: 'https://a.example', credentials: { kind: 'none' } } });
    expect(newIntegration({ ...draft, kid: 'k1', key: 'AA==' }).encryption).toEqual({ kid: 'k1', key: 'AA==' });
  });

  it('says how it is, the worst first', () => {
    expect(stateWords({ state: 'failing', breaker: 'open', last_success: null }).tone).toBe('bad');
    expect(stateWords({ state: 'ok', breaker: 'half_open', last_success: 'x' }).words).toContain('one call is tried');
    expect([stateWords({ state: 'unused', breaker: 'closed', last_success: null }).words, stateWords({ state: 'unused', breaker: 'closed', last_success: 'x' }).words]).toEqual(['Not called yet', 'Tested, not called yet']);
  });

  it('lists the fields of an operation, needed ones first', () => {
    const one = { name: 'a', summary: '', method: 'POST', path: '/', data: { properties: { zone: {}, plate: {} }, required: ['plate'] } };
    expect(fieldsText(one)).toBe('plate; optional: zone');
    expect(fieldsText({ ...one, data: {} })).toBe('');
  });
});

describe('a source', () => {
  const auth = { kind: 'hmac', header: 'x-sign', prefix: null, encoding: 'hex', algorithm: 'sha256', username: null } as const;
  const preset = { kind: 'ips', title: 'IPS', note: '', auth, mapping: { rules: [] }, sample: { a: 1 }, query: { q: '1' }, headers: {} };
  const draft: NewDraft = { kind: 'ips', name: 'N', ownAuth: false, auth: NO_AUTH, secret: '', networks: '', ownMapping: false, mapping: mappingDraft(preset, null) };

  it('takes from the preset what is not changed', () => {
    expect(newSource(draft)).toEqual({ name: 'N', kind: 'ips', networks: [] });
    expect(newSource({ ...draft, ownMapping: true })).toMatchObject({ mapping: { rules: [] } });
    expect(newSource({ ...draft, kind: CUSTOM, mapping: mappingDraft(undefined, null) })).toMatchObject({ auth: { kind: 'standard' }, mapping: { id: 'body.id' } });
    expect(networksOf(' 10.0.0.0/8,\n10.0.0.0/8 ')).toEqual(['10.0.0.0/8']);
  });

  it('says which text is wrong, and where', () => {
    const { mapping } = draft;
    expect(previewWish('ips', mapping)).toEqual({ kind: 'ips', mapping: { rules: [] }, sample: { a: 1 }, query: { q: '1' }, headers: {} });
    expect(previewWish('ips', { ...mapping, mapping: '{\n"a" 1}' })).toEqual({ mistake: expect.stringMatching(/^Mapping: .*line 2/) as string });
    expect(previewWish('ips', { ...mapping, mapping: '[]' })).toEqual({ mistake: expect.stringContaining('“rules”') as string });
    expect(previewWish('ips', { ...mapping, sample: '' })).toEqual({ mistake: 'Sample: This is not JSON: it is empty.' });
    expect(newSource({ ...draft, ownMapping: true, mapping: { ...mapping, mapping: '{' } })).toContain('Mapping: This is not JSON');
  });

  it('sends only what belongs to the proof that is chosen', () => {
    expect(authOf({ ...NO_AUTH, kind: 'hmac', header: ' X-Sign ', username: 'left over' })).toEqual({ kind: 'hmac', header: 'x-sign', encoding: 'hex', algorithm: 'sha256' });
    expect(authOf({ ...NO_AUTH, header: 'x' })).toEqual({ kind: 'standard' });
    expect(authText(auth)).toBe('HMAC of the body in a header (x-sign, sha256, hex)');
  });

  it('counts what a body became', () => {
    expect(takenText({ id: 'd', events: 1, readings: 2, repeated: false })).toBe('Taken: 1 event and 2 readings.');
    expect(takenText({ id: 'd', events: 0, readings: 0, repeated: false })).toContain('nothing of it');
    expect(takenText({ id: 'd', events: 1, readings: 0, repeated: true })).toContain('before');
  });
});
