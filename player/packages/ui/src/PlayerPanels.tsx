import { useEffect, useState, type RefObject } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { statistics, type Figure } from '@weir/client/playback/statistics.ts';

const EVERY_MS = 1_000;
const KEYS: readonly [string, string][] = [
  ['space, k', 'Play or pause'],
  ['← →', '5 seconds back or forward'],
  ['↑ ↓', 'Louder or quieter'],
  ['m', 'Sound on or off'],
  ['f', 'Full screen'],
  ['i', 'Statistics'],
  ['?', 'This list'],
];

export type PanelName = 'statistics' | 'keys';

interface Props {
  name: PanelName;
  playback: Playback;
  video: RefObject<HTMLVideoElement | null>;
  onClose: () => void;
}

/** What lies over a corner of the picture on request: figures for those who help, or the keys. */
export function PlayerPanel({ name, playback, video, onClose }: Props) {
  useEffect(() => {
    const onKeyDown = ({ key }: KeyboardEvent) => { if (key === 'Escape') onClose(); };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [onClose]);
  return (
    <section className="player-panel" data-testid={`panel-${name}`} aria-label={name === 'keys' ? 'Keys of the player' : 'Statistics'}>
      <button type="button" className="player-panel-close" aria-label="Close" onClick={onClose}>×</button>
      {name === 'keys' ? <Rows rows={KEYS} /> : <Statistics playback={playback} video={video} />}
    </section>
  );
}

function Statistics({ playback, video }: Pick<Props, 'playback' | 'video'>) {
  const [figures, setFigures] = useState<readonly Figure[]>([]);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const read = () => setFigures(statistics(playback.handles().hls, video.current, playback.view.get()));
    read();
    const timer = setInterval(read, EVERY_MS);
    return () => clearInterval(timer);
  }, [playback, video]);
  const copy = async () => {
    await navigator.clipboard.writeText(figures.map(([label, value]) => `${label}: ${value}`).join('\n'));
    setCopied(true);
  };
  return (
    <>
      <Rows rows={figures} />
      {window.isSecureContext && <button type="button" className="player-panel-copy" onClick={() => void copy()}>{copied ? 'Copied' : 'Copy as text'}</button>}
    </>
  );
}

function Rows({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return <dl>{rows.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}
