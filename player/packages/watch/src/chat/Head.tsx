import { Suspense, lazy, useState } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { LineState } from '@weir/client/chat/connection.ts';
import { moderates } from '@weir/client/chat/rights.ts';
import { fetched } from '@weir/client/fetched.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { usePick, useScope } from './hooks';
import { People } from './People';

const ChatSettings = lazy(async () => ({ default: (await fetched(() => import('./ChatSettings'))).ChatSettings }));

export function Head({ place }: { place: 'beside' | 'alone' | 'moderating' }) {
  const { t } = useLingui();
  const { chat, role } = useScope();
  const line = usePick(chat.view, (view) => view.line);
  const [settings, setSettings] = useState(false);
  const words: Record<LineState, string> = { connecting: t`Connecting …`, online: t`Connected`, reconnecting: t`Reconnecting …`, closed: t`Chat closed` };
  return (
    <header className="chat-head">
      <h2><Trans>Chat</Trans></h2>
      <span className="spacer" />
      <span className="line" role="status" data-testid="connection-state" data-state={line}>{words[line]}</span>
      {line === 'online' && <People />}
      <button type="button" className="plain-icon" data-testid="chat-settings" aria-label={t`Chat settings`} title={t`Chat settings`} aria-haspopup="dialog" onClick={() => setSettings(true)}><Glyph name="gear" /></button>
      {moderates(role) && place !== 'moderating' && (
        <a className="plain-icon" data-testid="mod-view" href={addressOf('mod')} target="_blank" rel="noopener" aria-label={t`Moderator view`} title={t`Moderator view`}><Glyph name="shield" /></a>
      )}
      {place === 'beside' && (
        <button type="button" className="plain-icon" data-testid="pop-out" aria-label={t`Open the chat in its own window`} title={t`Open the chat in its own window`} onClick={popOut}><Glyph name="out" /></button>
      )}
      {settings && <Suspense><ChatSettings onClose={() => setSettings(false)} /></Suspense>}
    </header>
  );
}

/** This page in another form; what opens a signed stream stays behind the `#`. */
function addressOf(form: 'chat' | 'mod'): string {
  return `${location.pathname}?${form}${location.hash}`;
}

function popOut(): void {
  window.open(addressOf('chat'), `weir-chat${location.pathname}`, 'popup,width=400,height=720');
}
