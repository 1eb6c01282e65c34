import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import '@weir/ui/base.css';
import '@weir/kit/kit.css';
import './studio.css';
import { KitRoot } from '@weir/kit/KitRoot.tsx';
import { loadLanguage } from '@weir/ui/language.tsx';
import { applyTheme } from '@weir/ui/theme.ts';
import * as texts from 'virtual:messages/studio';
import { SignIn } from './account/signIn';
import { takeLink } from './account/links';
import { StudioPage } from './StudioPage';

const link = takeLink();
const signIn = new SignIn();
void signIn.resume();
// A request is repeated once; a page that polls asks again anyway, and says what does not work meanwhile.
const queries = new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 1_000 } } });

applyTheme();
const root = document.getElementById('root');
void loadLanguage(texts).then(() => {
  if (root !== null) createRoot(root).render(<KitRoot><QueryClientProvider client={queries}><StudioPage signIn={signIn} link={link} /></QueryClientProvider></KitRoot>);
});
