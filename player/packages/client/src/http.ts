import { fieldless } from './format';

const PATIENCE_MS = 10_000;

/** A refused or failed request. `status` 0 means that the server was not reached; `message` is one sentence for a person. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

interface Options {
  body?: unknown;
  bearer?: string;
}

/** The JSON answer of our API; undefined for 204. Errors: Problem. */
export async function request<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.bearer !== undefined) headers['Authorization'] = `Bearer ${options.bearer}`;
  const response = await reach(path, {
    method,
    headers,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  if (response.status === 204) return undefined as T;
  const data: unknown = await response.json().catch(() => null);
  if (!response.ok || data === null) throw problem(response.status, data);
  return data as T;
}

/** An answer of our API as a file in the reader's downloads. Errors: Problem. */
export async function download(path: string, bearer: string, name: string): Promise<void> {
  const response = await reach(path, { headers: { Authorization: `Bearer ${bearer}` }, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw problem(response.status, await response.json().catch(() => null));
  const address = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch {
    throw new Problem(0, 'unreachable', 'The server cannot be reached.');
  }
}

function problem(status: number, data: unknown): Problem {
  const told = (data ?? {}) as { code?: unknown; detail?: unknown };
  const code = typeof told.code === 'string' ? told.code : 'unavailable';
  const detail = typeof told.detail === 'string' ? told.detail : `The server answered ${status}.`;
  return new Problem(status, code, detail);
}

/** The sentence for the user about anything thrown. */
export function wordsOf(error: unknown): string {
  if (error instanceof Problem) return error.code === 'invalid' ? fieldless(error.message) : error.message;
  return 'Something went wrong on this page; reload it.';
}
