import { Problem } from '@weir/client/http.ts';
import type { SignIn } from '../account/signIn';
import { apps, type App } from '../api';
import { asker, type Ask, type AskAsApp } from '../authorizedApi';
import { Uploads } from '../recordings/uploads';

const MARGIN_MS = 60_000;

/** One app as the person who is signed in: what asks its API, and what this tab uploads to it. */
export class AppSession {
  readonly uploads = new Uploads();
  readonly ask: Ask;
  readonly #signIn: SignIn;
  readonly #app: string;
  #token = '';
  #expires = 0;
  #renewing: Promise<string> | null = null;

  constructor(signIn: SignIn, app: App) {
    this.#signIn = signIn;
    this.#app = app.id;
    this.ask = asker(signIn, app);
  }

  /** Calls a verb with the app's token. A refused token (e.g. of a former role) is replaced once. Errors: Problem. */
  readonly askAs: AskAsApp = async (verb, ...rest) => {
    try {
      return await verb(await this.token(), ...rest);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      this.#expires = 0;
      return await verb(await this.token(), ...rest);
    }
  };

  /** Good for at least another minute. */
  async token(): Promise<string> {
    if (performance.now() < this.#expires - MARGIN_MS) return this.#token;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return await this.#renewing;
  }

  async #renew(): Promise<string> {
    const { app_token, expires_in } = await apps.session(await this.#signIn.token(), this.#app);
    this.#token = app_token;
    this.#expires = performance.now() + expires_in * 1000;
    return app_token;
  }
}
