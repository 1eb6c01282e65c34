import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import type { FollowedView } from '@weir/client/streamStatus.ts';
import type { Scene } from '@weir/client/playerState.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { durationText, momentText } from '@weir/client/format.ts';
import { Glyph, type IconName } from './icons';
import { Poster } from './Poster';

interface Told {
  icon: IconName;
  title: MessageDescriptor;
  text: MessageDescriptor;
}

const SCENES: Record<Exclude<Scene, 'air'>, Told> = {
  loading: { icon: 'waves', title: msg`One moment`, text: msg`The picture is on its way.` },
  offline: { icon: 'moon', title: msg`Not on air yet`, text: msg`The stream has not started. Playback starts automatically.` },
  starting: { icon: 'waves', title: msg`Starting`, text: msg`The streamer is connecting; the picture comes in a few seconds.` },
  interrupted: { icon: 'broken', title: msg`Interrupted`, text: msg`The streamer’s connection dropped. Waiting for it to be restored …` },
  ended: { icon: 'flag', title: msg`The stream has ended`, text: msg`Thank you for watching. The next broadcast starts here automatically.` },
  over: { icon: 'flag', title: msg`Off air`, text: msg`The last broadcast has ended. The next one starts here automatically.` },
  missing: { icon: 'lost', title: msg`There is no stream here`, text: msg`Check the address: this stream does not exist, or no longer exists.` },
  closed: { icon: 'lock', title: msg`This stream is not open to everybody`, text: msg`Open it with the link that its owner gave you.` },
  withdrawn: { icon: 'lock', title: msg`Access withdrawn`, text: msg`Your access to this stream has been withdrawn. Ask its owner if you think this is a mistake.` },
  expired: { icon: 'lock', title: msg`Access has ended`, text: msg`Your time of access has expired. Ask the stream’s owner for a new link.` },
  unsupported: { icon: 'lost', title: msg`This browser cannot play the stream`, text: msg`Update it, or open this page in another browser.` },
  codec: { icon: 'lost', title: msg`This browser cannot play this format`, text: msg`Open this page in another browser, or on another device. The streamer can help by sending H.264 and AAC.` },
  unreachable: { icon: 'broken', title: msg`Connection lost`, text: msg`The server cannot be reached. Trying again …` },
};

const BUSY: ReadonlySet<Scene> = new Set<Scene>(['loading', 'starting', 'interrupted', 'unreachable']);
const PICTURED: ReadonlySet<Scene> = new Set<Scene>(['loading', 'offline', 'starting', 'ended', 'over']);
const AFTER: ReadonlySet<Scene> = new Set<Scene>(['offline', 'ended', 'over']);

interface Props {
  scene: Exclude<Scene, 'air'>;
  watching: Watching;
  /** What comes next, where the page knows it. */
  next: ReactNode;
}

function textOf(scene: Props['scene'], { stream, error, since }: FollowedView): string {
  if (error !== null && (scene === 'interrupted' || scene === 'starting')) return t`The encoder’s picture cannot be shown: ${error}`;
  if (scene === 'withdrawn' && stream?.visibility === 'public') {
    return t`The stream’s owner has ended this viewing session. The stream is public: reload the page to watch again.`; // anyone may
  }
  return (stream?.ended ? afterText(scene, stream.ended, since) : null) ?? i18n._(SCENES[scene].text);
}

function afterText(scene: Props['scene'], ended: string, since: string | null): string | null {
  if (scene === 'ended' && since !== null) return endedText(since, ended);
  if (scene !== 'over') return null;
  const when = momentText(ended);
  return t`The last broadcast ended on ${when}. The next one starts here automatically.`;
}

function endedText(since: string, ended: string): string {
  const seconds = (Date.parse(ended) - Date.parse(since)) / 1000;
  if (!(seconds > 0)) return i18n._(SCENES.ended.text);
  const long = durationText(seconds >= 60 ? Math.round(seconds / 60) * 60 : seconds);
  return t`The broadcast lasted ${long}. Thank you for watching. The next one starts here automatically.`;
}

/** Shown in the picture area while there is no picture. */
export function PlayerOverlay({ scene, watching, next }: Props) {
  const followed = useStore(watching.follower.view);
  const { stream } = followed;
  const { icon, title } = SCENES[scene];
  const Title = scene === 'missing' ? 'h1' : 'h2'; // the only one on that page
  const recording = AFTER.has(scene) ? (stream?.recording ?? null) : null;
  return (
    <>
      {stream !== null && stream.poster !== null && PICTURED.has(scene) && <Poster key={stream.state} address={watching.poster(stream.poster)} />}
      <div className="scene" data-scene={scene} role="status">
        {recording === null ? (
          <div className="scene-sign" data-busy={BUSY.has(scene)}>
            <Glyph name={icon} />
          </div>
        ) : <PlayRecording id={recording} />}
        <Title className="scene-title">{i18n._(title)}</Title>
        <p data-testid="notice">{textOf(scene, followed)}</p>
        {AFTER.has(scene) && next}
      </div>
    </>
  );
}

function PlayRecording({ id }: { id: string }) {
  const { t } = useLingui();
  return (
    <a className="scene-play" data-testid="to-recording" href={id}>
      <Glyph name="play" />
      <span>{t`Watch the last broadcast`}</span>
    </a>
  );
}
