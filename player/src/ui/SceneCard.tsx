import type { Scene } from '../lib/scene';
import { Glyph, type IconName } from './icons';

interface Told {
  icon: IconName;
  title: string;
  text: string;
}

const SCENES: Record<Exclude<Scene, 'air'>, Told> = {
  loading: { icon: 'waves', title: 'One moment', text: 'The picture is on its way.' },
  offline: { icon: 'moon', title: 'Not on air yet', text: 'The stream has not started. This page begins to play by itself.' },
  starting: { icon: 'waves', title: 'Starting', text: 'The streamer is connecting; the picture comes in a few seconds.' },
  interrupted: { icon: 'broken', title: 'Interrupted', text: 'The streamer’s line dropped. Waiting for it to come back …' },
  ended: { icon: 'flag', title: 'The stream has ended', text: 'Thank you for watching. The next one begins here by itself.' },
  missing: { icon: 'lost', title: 'There is no stream here', text: 'Check the address: this stream does not exist, or not any more.' },
  closed: { icon: 'lock', title: 'This stream is not open to everybody', text: 'Open it with the link that its owner gave you.' },
  withdrawn: { icon: 'lock', title: 'Access withdrawn', text: 'Your access to this stream has been withdrawn. Ask its owner if you think this is a mistake.' },
  expired: { icon: 'lock', title: 'Access has ended', text: 'The time for which you were let in is over. Ask the stream’s owner for a new link.' },
  unsupported: { icon: 'lost', title: 'This browser cannot play the stream', text: 'Update it, or open this page in another browser.' },
  unreachable: { icon: 'broken', title: 'Connection lost', text: 'The server cannot be reached. Trying again …' },
};

const BUSY: ReadonlySet<Scene> = new Set<Scene>(['loading', 'starting', 'interrupted', 'unreachable']);

interface Props {
  scene: Exclude<Scene, 'air'>;
  /** What the server told about the failure of the last broadcast. */
  error: string | null;
}

/** What stands in the picture area while there is no picture to show. */
export function SceneCard({ scene, error }: Props) {
  const { icon, title, text } = SCENES[scene];
  return (
    <div className="scene" data-scene={scene} role="status">
      <div className="scene-sign" data-busy={BUSY.has(scene)}>
        <Glyph name={icon} />
      </div>
      <h2>{title}</h2>
      <p data-testid="notice">{error === null ? text : `The encoder’s picture cannot be shown: ${error}`}</p>
    </div>
  );
}
