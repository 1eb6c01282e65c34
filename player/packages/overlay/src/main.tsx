import { createRoot } from 'react-dom/client';
import { Reactions } from '@weir/client/reactions.ts';
import { Texts, loadLanguage } from '@weir/ui/language.tsx';
import * as texts from 'virtual:messages/overlay';
import { AlertQueue } from './alerts';
import { Feed } from './feed';
import { keyOf, kindOf, optionsFrom } from './options';
import { Overlay } from './Overlay';
import './overlay.css';

const alerts = new AlertQueue();
const reactions = new Reactions();
const feed = new Feed(keyOf(location.hash), alerts.add, (counts) => reactions.show(counts));
void feed.open();
// A link that is changed in OBS alone after the # loads nothing anew.
window.addEventListener('hashchange', () => location.reload());
const root = document.getElementById('root');
void loadLanguage(texts).then(() => {
  if (root !== null) createRoot(root).render(<Texts><Overlay kind={kindOf(location.pathname)} options={optionsFrom(location.search)} feed={feed} alerts={alerts} reactions={reactions} /></Texts>);
});
