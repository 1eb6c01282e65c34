import { t } from '@lingui/core/macro';
import type { DetailedError, Upload } from 'tus-js-client';
import { Store } from '@weir/client/observable.ts';

const RETRY_MS = [0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];
const KEPT_MS = 10_000; // until the list of recordings has it

/** A file on its way. `video` is its id at the server, empty until that has taken it. */
export interface Transfer {
  key: number;
  stream: string;
  video: string;
  name: string;
  sent: number;
  size: number;
  state: 'sending' | 'paused' | 'sent' | 'failed';
  /** Why it has failed, in words. */
  trouble: string | null;
}

interface UploadsView {
  transfers: readonly Transfer[];
}

/** Files that this page sends. One that is chosen again after the page was closed continues where it was. */
export class Uploads {
  readonly view = new Store<UploadsView>({ transfers: [] });
  readonly #uploads = new Map<number, Upload>();
  #next = 1;

  /** `token` gives one that may upload now; it is asked before each request. */
  async send(stream: string, file: File, token: () => Promise<string>): Promise<void> {
    const key = this.#next++;
    const transfer: Transfer = { key, stream, video: '', name: file.name, sent: 0, size: file.size, state: 'sending', trouble: null };
    this.view.update({ transfers: [...this.view.get().transfers, transfer] });
    const tus = await import('tus-js-client');
    const upload = new tus.Upload(file, {
      endpoint: '/v1/vod',
      metadata: { filename: file.name, filetype: file.type, stream },
      retryDelays: RETRY_MS,
      removeFingerprintOnSuccess: true,
      // The same file may go to two streams; each is an upload of its own.
      fingerprint: (_, { endpoint }) => Promise.resolve(['weir', endpoint, stream, file.name, file.size, file.lastModified].join('·')),
      onBeforeRequest: async (request) => request.setHeader('Authorization', `Bearer ${await token()}`),
      onUploadUrlAvailable: () => this.#change(key, { video: upload.url?.split('/').pop() ?? '' }),
      onProgress: (sent) => this.#change(key, { sent }),
      onSuccess: () => this.#sent(key),
      onError: (error) => this.#change(key, { state: 'failed', trouble: troubleOf(error) }),
    });
    this.#uploads.set(key, upload);
    const [earlier] = await upload.findPreviousUploads();
    if (earlier !== undefined) upload.resumeFromPreviousUpload(earlier);
    upload.start();
  }

  async pause(key: number): Promise<void> {
    await this.#uploads.get(key)?.abort();
    this.#change(key, { state: 'paused' });
  }

  resume(key: number): void {
    this.#change(key, { state: 'sending', trouble: null });
    this.#uploads.get(key)?.start();
  }

  /** Ends it here and at the server. */
  async cancel(key: number): Promise<void> {
    const failed = this.#find(key)?.state === 'failed';
    try {
      await this.#uploads.get(key)?.abort(!failed);
    } finally {
      this.#forget(key);
    }
  }

  #sent(key: number): void {
    this.#change(key, { state: 'sent' });
    window.setTimeout(() => this.#forget(key), KEPT_MS);
  }

  #find(key: number): Transfer | undefined {
    return this.view.get().transfers.find((one) => one.key === key);
  }

  #change(key: number, patch: Partial<Transfer>): void {
    this.view.update({ transfers: this.view.get().transfers.map((one) => (one.key === key ? { ...one, ...patch } : one)) });
  }

  #forget(key: number): void {
    this.#uploads.delete(key);
    this.view.update({ transfers: this.view.get().transfers.filter((one) => one.key !== key) });
  }
}

/** The server's own sentence, where it gave one. */
export function troubleOf(error: Error | DetailedError): string {
  const response = 'originalResponse' in error ? error.originalResponse : null;
  if (!response) return t`The server cannot be reached.`;
  try {
    const told = JSON.parse(response.getBody()) as { detail?: unknown };
    if (typeof told.detail === 'string') return told.detail;
  } catch {
    // a proxy before the server has answered in a form of its own
  }
  return t`The server answered ${response.getStatus()}.`;
}
