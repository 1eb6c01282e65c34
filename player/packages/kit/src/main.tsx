import { createRoot } from 'react-dom/client';
import '@weir/ui/base.css';
import './kit.css';
import { loadLanguage } from '@weir/ui/language.tsx';
import { applyTheme } from '@weir/ui/theme.ts';
import * as texts from 'virtual:messages/kit';
import { KitPage } from './KitPage';
import { KitRoot } from './KitRoot';

applyTheme();
const root = document.getElementById('root');
void loadLanguage(texts).then(() => {
  if (root !== null) createRoot(root).render(<KitRoot><KitPage /></KitRoot>);
});
