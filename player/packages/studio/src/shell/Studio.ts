import type { SignIn } from '../account/signIn';
import type { Account, App } from '../api';

/** Who is signed in, and the apps that the person may open. */
export interface Studio {
  signIn: SignIn;
  account: Account;
  apps: readonly App[];
  /** Reads the apps again, after one was made, changed, left or deleted. */
  reload: () => Promise<void>;
}
