import { useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { useStore } from '@weir/client/observable.ts';
import type { SignIn } from './account/signIn';
import type { SignInOptions } from './api';
import { StudioRoutes } from './shell/StudioRoutes';
import { Invited, Joining } from './account/Invitation';
import { takeLink, type OneTimeLink } from './account/links';
import { ForgottenForm, RegisterForm, ResetForm, SignInForm, VerifyForm } from './account/SignInForm';

type Way = 'sign-in' | 'register' | 'forgotten';

export function StudioPage({ signIn, link }: { signIn: SignIn; link: OneTimeLink | null }) {
  const { t } = useLingui();
  const { phase, account } = useStore(signIn.view);
  const [present, setPresent] = useLink(link);
  const done = () => setPresent(null);
  if (account !== null && present !== null) {
    if (present.purpose === 'invitation') return <Joining signIn={signIn} account={account} token={present.token} onDone={done} />;
    if (present.purpose !== 'setup') return <MailedLink signIn={signIn} link={present} back={t`Not now`} onDone={done} />;
  }
  if (account !== null) return <StudioRoutes key={account.id} signIn={signIn} account={account} />;
  if (phase === 'unknown') return <p className="studio-wait" role="status">{t`One moment …`}</p>;
  return <Door signIn={signIn} link={present} onLinkDone={done} />;
}

/** The link that this page was opened with, or that was followed in its tab since. */
function useLink(first: OneTimeLink | null): [OneTimeLink | null, (link: OneTimeLink | null) => void] {
  const [link, setLink] = useState(first);
  useEffect(() => {
    const look = () => {
      const given = takeLink();
      if (given !== null) setLink(given);
    };
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return [link, setLink];
}

function Door({ signIn, link, onLinkDone }: { signIn: SignIn; link: OneTimeLink | null; onLinkDone: () => void }) {
  const [way, setWay] = useState<Way>('sign-in');
  const [known, setKnown] = useState(false);
  const [{ sign_up, mail }, setOptions] = useState<SignInOptions>({ sign_up: 'invitation', mail: false });
  useEffect(() => {
    signIn.options().then(setOptions, () => undefined); // the forms show the error
  }, [signIn]);
  const back = () => setWay('sign-in');
  if (link?.purpose === 'reset' || link?.purpose === 'verify') return <MailedLink signIn={signIn} link={link} onDone={onLinkDone} />;
  if (link !== null && !known) return <FirstAccount signIn={signIn} link={link} mail={mail} onDone={onLinkDone} onKnown={link.purpose === 'invitation' ? () => setKnown(true) : onLinkDone} />;
  if (way === 'register') return <RegisterForm signIn={signIn} link={null} invitation={null} mail={mail} onDone={back} onKnown={back} />;
  if (way === 'forgotten') return <ForgottenForm signIn={signIn} mail={mail} onDone={back} />;
  return <SignInForm signIn={signIn} onRegister={sign_up === 'open' ? () => setWay('register') : undefined} onForgotten={() => setWay('forgotten')} />;
}

interface FirstAccountProps {
  signIn: SignIn;
  link: OneTimeLink;
  mail: boolean;
  onDone: () => void;
  onKnown: () => void;
}

/** The account of a set-up link, or of an invitation, which is read first. */
function FirstAccount(props: FirstAccountProps) {
  if (props.link.purpose !== 'invitation') return <RegisterForm invitation={null} {...props} />;
  return (
    <Invited signIn={props.signIn} token={props.link.token} onDone={props.onDone}>
      {(invitation) => <RegisterForm invitation={invitation} {...props} />}
    </Invited>
  );
}

interface MailedLinkProps {
  signIn: SignIn;
  link: OneTimeLink;
  back?: string;
  onDone: () => void;
}

function MailedLink({ link, ...props }: MailedLinkProps) {
  return link.purpose === 'reset' ? <ResetForm token={link.token} {...props} /> : <VerifyForm token={link.token} {...props} />;
}
