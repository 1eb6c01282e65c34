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

/** `match` is an ETag: the change is refused when another came first. `patienceMs` is how long an answer may take. */
interface Options {
  body?: unknown;
  bearer?: string;
  match?: string | null;
  patienceMs?: number;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Tagged<T> {
  value: T;
  etag: string | null;
}

/** The JSON answer of our API; undefined for 204. Errors: Problem. */
export async function request<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  return (await requestTagged<T>(method, path, options)).value;
}

/** The same with the answer's ETag. */
export async function requestTagged<T>(method: Method, path: string, options: Options = {}): Promise<Tagged<T>> {
  const headers: Record<string, string> = {};
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.bearer !== undefined) headers['Authorization'] = `Bearer ${options.bearer}`;
  if (typeof options.match === 'string') headers['If-Match'] = options.match;
  const response = await reach(path, {
    method,
    headers,
    signal: AbortSignal.timeout(options.patienceMs ?? PATIENCE_MS),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const etag = response.headers.get('ETag');
  if (response.status === 204) return { value: undefined as T, etag };
  const data: unknown = await response.json().catch(() => null);
  if (!response.ok || data === null) throw problem(response.status, data);
  return { value: data as T, etag };
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
