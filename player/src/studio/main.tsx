import { createRoot } from 'react-dom/client';
import '../ui/base.css';
import '../ui/player.css';
import './studio.css';
import { SignIn } from './account';
import { StudioPage } from './StudioPage';

/** The one-time token of the set-up link stands behind the `#`; it leaves the address bar and the history at once. */
const setup = new URLSearchParams(location.hash.slice(1)).get('setup');
if (setup !== null) history.replaceState(null, '', location.pathname);

const signIn = new SignIn();
void signIn.resume();
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<StudioPage signIn={signIn} setup={setup} />);
