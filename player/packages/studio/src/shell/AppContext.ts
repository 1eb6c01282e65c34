import { createContext, use } from 'react';
import type { SignIn } from '../account/signIn';
import type { Account, App, Role } from '../api';
import type { Ask, AskAsApp } from '../authorizedApi';
import type { AppSession } from './appSession';

/** What every page of an app needs. `ask` calls verbs about the app as its member, `askAs` those of the app itself. */
export interface StudioApp {
  app: App;
  account: Account;
  signIn: SignIn;
  session: AppSession;
  ask: Ask;
  askAs: AskAsApp;
  /** Whether the reader's role allows what needs at least this one. */
  can: (least: Role) => boolean;
}

export const AppContext = createContext<StudioApp | null>(null);

export function useApp(): StudioApp {
  const app = use(AppContext);
  if (app === null) throw new Error('This page belongs to an app.');
  return app;
}
