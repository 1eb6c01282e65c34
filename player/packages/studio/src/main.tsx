import { createRoot } from 'react-dom/client';
import '@weir/ui/base.css';
import '@weir/ui/player.css';
import './studio.css';
import { Texts, loadLanguage } from '@weir/ui/language.tsx';
import { applyTheme } from '@weir/ui/theme.ts';
import * as texts from 'virtual:messages/studio';
import { SignIn } from './account';
import { takeLink } from './links';
import { StudioPage } from './StudioPage';

const link = takeLink();

const signIn = new SignIn();
void signIn.resume();
applyTheme();
const root = document.getElementById('root');
void loadLanguage(texts).then(() => {
  if (root !== null) createRoot(root).render(<Texts><StudioPage signIn={signIn} link={link} /></Texts>);
});
