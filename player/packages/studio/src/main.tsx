import { createRoot } from 'react-dom/client';
import '@weir/ui/base.css';
import '@weir/ui/player.css';
import './studio.css';
import { SignIn } from './account';
import { takeLink } from './links';
import { StudioPage } from './StudioPage';

const link = takeLink();

const signIn = new SignIn();
void signIn.resume();
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<StudioPage signIn={signIn} link={link} />);
