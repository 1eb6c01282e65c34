import type { SignIn } from './account/signIn';
import type { App } from './api';

/** Calls one of the API's verbs for an app as the person who is signed in. Errors: Problem. */
export type Ask = <Rest extends unknown[], T>(verb: (bearer: string, app: string, ...rest: Rest) => Promise<T>, ...rest: Rest) => Promise<T>;

export function asker(signIn: SignIn, app: App): Ask {
  return async (verb, ...rest) => await verb(await signIn.token(), app.id, ...rest);
}

/** The same with an app token, whose scopes are those of the person's role. Errors: Problem. */
export type AskAsApp = <Rest extends unknown[], T>(verb: (bearer: string, ...rest: Rest) => Promise<T>, ...rest: Rest) => Promise<T>;
