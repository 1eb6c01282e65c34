type Claims = Record<string, unknown>;

/** The readable parts of a JSON Web Token; its signature is not checked. */
export function decoded(token: string): { ok: true; header: Claims; claims: Claims } | { ok: false } {
  const [header, claims, signature, more] = token.trim().split('.');
  if (header === undefined || claims === undefined || signature === undefined || more !== undefined) return { ok: false };
  try {
    return { ok: true, header: part(header), claims: part(claims) };
  } catch {
    return { ok: false };
  }
}

function part(text: string): Claims {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
  return value as Claims;
}
