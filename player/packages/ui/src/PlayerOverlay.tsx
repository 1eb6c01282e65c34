import type { WatchedStream } from '@weir/client/api.ts';
import type { Scene } from '@weir/client/playerState.ts';
import { momentText } from '@weir/client/format.ts';
import { Glyph, type IconName } from './icons';

interface Told {
  icon: IconName;
  title: string;
  text: string;
}

const SCENES: Record<Exclude<Scene, 'air'>, Told> = {
  loading: { icon: 'waves', title: 'One moment', text: 'The picture is on its way.' },
  offline: { icon: 'moon', title: 'Not on air yet', text: 'The stream has not started. Playback starts automatically.' },
  starting: { icon: 'waves', title: 'Starting', text: 'The streamer is connecting; the picture comes in a few seconds.' },
  interrupted: { icon: 'broken', title: 'Interrupted', text: 'The streamer’s connection dropped. Waiting for it to be restored …' },
  ended: { icon: 'flag', title: 'The stream has ended', text: 'Thank you for watching. The next broadcast starts here automatically.' },
  over: { icon: 'flag', title: 'Off air', text: 'The last broadcast has ended. The next one starts here automatically.' },
  missing: { icon: 'lost', title: 'There is no stream here', text: 'Check the address: this stream does not exist, or no longer exists.' },
  closed: { icon: 'lock', title: 'This stream is not open to everybody', text: 'Open it with the link that its owner gave you.' },
  withdrawn: { icon: 'lock', title: 'Access withdrawn', text: 'Your access to this stream has been withdrawn. Ask its owner if you think this is a mistake.' },
  expired: { icon: 'lock', title: 'Access has ended', text: 'Your time of access has expired. Ask the stream’s owner for a new link.' },
  unsupported: { icon: 'lost', title: 'This browser cannot play the stream', text: 'Update it, or open this page in another browser.' },
  unreachable: { icon: 'broken', title: 'Connection lost', text: 'The server cannot be reached. Trying again …' },
};

const BUSY: ReadonlySet<Scene> = new Set<Scene>(['loading', 'starting', 'interrupted', 'unreachable']);

interface Props {
  scene: Exclude<Scene, 'air'>;
  /** The server's reason for the failure of the last broadcast. */
  error: string | null;
  stream: WatchedStream | null;
}

/** Anyone may reload the page of a public stream. */
const DISMISSED = 'The stream’s owner has ended this viewing session. The stream is public: reload the page to watch again.';

function textOf({ scene, error, stream }: Props): string {
  if (error !== null) return `The encoder’s picture cannot be shown: ${error}`;
  if (scene === 'withdrawn' && stream?.visibility === 'public') return DISMISSED;
  if (scene === 'over' && stream?.ended) return `The last broadcast ended on ${momentText(stream.ended)}. The next one starts here automatically.`;
  return SCENES[scene].text;
}

/** Shown in the picture area while there is no picture. */
export function PlayerOverlay(props: Props) {
  const { scene, stream } = props;
  const { icon, title } = SCENES[scene];
  const recording = scene === 'ended' || scene === 'over' ? stream?.recording : null;
  return (
    <div className="scene" data-scene={scene} role="status">
      <div className="scene-sign" data-busy={BUSY.has(scene)}>
        <Glyph name={icon} />
      </div>
      <h2>{title}</h2>
      <p data-testid="notice">{textOf(props)}</p>
      {recording && <a className="scene-way" data-testid="to-recording" href={recording}>Watch the recording</a>}
    </div>
  );
}
