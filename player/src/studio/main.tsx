import { createRoot } from 'react-dom/client';
import '../ui/base.css';
import '../ui/player.css';
import './studio.css';
import { SignIn } from './account';
import { oneTimeLink } from './links';
import { StudioPage } from './StudioPage';

/** A one-time token leaves the address bar and the history at once. */
const link = oneTimeLink(location.hash);
if (link !== null) history.replaceState(null, '', location.pathname);

const signIn = new SignIn();
void signIn.resume();
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<StudioPage signIn={signIn} link={link} />);
