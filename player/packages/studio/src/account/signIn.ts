import { Problem } from '@weir/client/http.ts';
import { Store } from '@weir/client/observable.ts';
import { auth, type Account, type FoundInvitation, type Registration, type SignedIn, type SignInOptions } from '../api';

const MARGIN_MS = 60_000;
const RETRY_MS = 3_000;

/** `unknown` until the cookie was tried. */
export interface SignInView {
  phase: 'unknown' | 'out' | 'in';
  account: Account | null;
}

/** Who is signed in. The access token lives in memory only and is renewed a minute before it expires. */
export class SignIn {
  readonly view = new Store<SignInView>({ phase: 'unknown', account: null });
  #token = '';
  #expires = 0;
  #refreshing: Promise<void> | null = null;

  /** Tries the cookie of an earlier visit; retries while the server cannot be reached. */
  async resume(): Promise<void> {
    try {
      await this.#refresh();
    } catch (error) {
      if (error instanceof Problem && error.status >= 400 && error.status < 500) this.#forget();
      else setTimeout(() => void this.resume(), RETRY_MS);
    }
  }

  /** False when the address has to be verified first. */
  async register(registration: Registration): Promise<boolean> {
    const { account, access_token, expires_in } = await auth.register(registration);
    if (access_token === null || expires_in === null) return false;
    this.#take({ account, access_token, expires_in });
    return true;
  }

  options(): Promise<SignInOptions> {
    return auth.options();
  }

  /** Errors: Problem, `invitation_spent` for one that can't be taken any more. */
  invitation(token: string): Promise<FoundInvitation> {
    return auth.invitation(token);
  }

  async forgotten(email: string): Promise<void> {
    await auth.forgotten(email);
  }

  async reset(token: string, password: string): Promise<void> {
    this.#take(await auth.reset(token, password));
  }

  async verify(token: string): Promise<void> {
    this.#take(await auth.verify(token));
  }

  async join(token: string): Promise<void> {
    await auth.join(await this.token(), token);
  }

  async login(email: string, password: string): Promise<void> {
    this.#take(await auth.login(email, password));
  }

  /** Here, or on every device. Errors: Problem. */
  async logout(everywhere = false): Promise<void> {
    await auth.logout(everywhere);
    this.#forget();
  }

  /** Other devices are signed out. Errors: Problem. */
  async changePassword(present: string, password: string): Promise<void> {
    this.#take(await auth.changePassword(await this.token(), present, password));
  }

  /** Deletes the account. */
  async erase(password: string): Promise<void> {
    await auth.erase(await this.token(), password);
    this.#forget();
  }

  /** A valid access token. Errors: Problem; signed out when the server says so. */
  async token(): Promise<string> {
    if (performance.now() > this.#expires - MARGIN_MS) {
      try {
        await this.#refresh();
      } catch (error) {
        if (error instanceof Problem && error.status === 401) this.#forget();
        throw error;
      }
    }
    return this.#token;
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= oneTabAtATime(async () => this.#take(await auth.refresh())).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  #take(signedIn: SignedIn): void {
    this.#token = signedIn.access_token;
    this.#expires = performance.now() + signedIn.expires_in * 1000;
    this.view.update({ phase: 'in', account: signedIn.account });
  }

  #forget(): void {
    this.#token = '';
    this.#expires = 0;
    this.view.update({ phase: 'out', account: null });
  }
}

/** A refresh token is good for one use, and a spent one ends the sign-in: two tabs must not send the same one. */
async function oneTabAtATime(work: () => Promise<void>): Promise<void> {
  // Without a secure context there are no locks; then only the tabs' own timing keeps them apart.
  if ('locks' in navigator) await navigator.locks.request('weir-refresh', work);
  else await work();
}
