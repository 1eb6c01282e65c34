import { createRoot } from 'react-dom/client';
import '@weir/ui/base.css';
import '@weir/ui/player.css';
import './page.css';
import './watch.css';
import { seat } from '@weir/client/browserStorage.ts';
import { secondsOf } from '@weir/client/playback/place.ts';
import { Watching } from '@weir/client/watchSession.ts';
import { Texts, loadLanguage } from '@weir/ui/language.tsx';
import { applyTheme } from '@weir/ui/theme.ts';
import * as texts from 'virtual:messages/watch';
import { ChatPage, chatForm } from './ChatPages';
import { EmbedPage } from './EmbedPage';
import { WatchPage } from './WatchPage';

declare global {
  interface Window {
    /** A handle for debugging in the browser's console, e.g. `weir.hls.latency`; no part of any interface. */
    weir: { readonly hls: unknown; readonly video: HTMLVideoElement | null };
  }
}

/** `/watch/<playback id>` or `/embed/<playback id>`; after the `#`, where no log sees them, a signed stream's `token` and the viewer's own `user` token. */
const [, kind, playback = ''] = location.pathname.split('/');
const given = new URLSearchParams(location.hash.slice(1));
const userToken = seat(playback, given.get('user'));
const embedded = kind === 'embed';
const form = chatForm(location.search);
const watching = new Watching(playback, !embedded, given.get('token'), userToken);

/** Whoever is shown the address must not get the seat with it. */
if (given.has('user')) {
  given.delete('user');
  history.replaceState(null, '', location.pathname + location.search + (given.size > 0 ? `#${given.toString()}` : ''));
}
watching.playback.start.set(secondsOf(new URLSearchParams(location.search).get('t')));
Object.defineProperty(window, 'weir', { get: () => watching.playback.handles() });
watching.start();
applyTheme();
const root = document.getElementById('root');

function page() {
  if (embedded) return <EmbedPage watching={watching} />;
  return form === null ? <WatchPage watching={watching} /> : <ChatPage watching={watching} form={form} />;
}

void loadLanguage(texts).then(() => {
  if (root !== null) createRoot(root).render(<Texts>{page()}</Texts>);
});
