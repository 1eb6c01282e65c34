import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useEffect, useState, type RefObject } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { statistics, type Figure } from '@weir/client/playback/statistics.ts';

const EVERY_MS = 1_000;
const KEYS: readonly (readonly [string, MessageDescriptor])[] = [
  ['space k', msg`Play or pause`],
  ['← →', msg`5 seconds back or forward`],
  ['j l', msg`10 seconds back or forward`],
  ['0 … 9', msg`To that tenth of it`],
  ['Home End', msg`To the beginning, or to the end or live`],
  [', .', msg`A frame back or forward, while paused`],
  ['< >', msg`Slower or faster`],
  ['↑ ↓', msg`Louder or quieter`],
  ['m', msg`Sound on or off`],
  ['c', msg`Subtitles on or off`],
  ['t', msg`Theatre view`],
  ['f', msg`Full screen`],
  ['i', msg`Statistics`],
  ['?', msg`This list`],
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
  const { t } = useLingui();
  useEffect(() => {
    const onKeyDown = ({ key }: KeyboardEvent) => { if (key === 'Escape') onClose(); };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [onClose]);
  return (
    <section className="player-panel" tabIndex={0} data-testid={`panel-${name}`} aria-label={name === 'keys' ? t`Keyboard shortcuts` : t`Statistics`}>
      <button type="button" className="player-panel-close" aria-label={t`Close`} onClick={onClose}>×</button>
      {name === 'keys' ? <Rows rows={KEYS.map(([keys, deed]) => [keys, i18n._(deed)] as const)} /> : <Statistics playback={playback} video={video} />}
    </section>
  );
}

function Statistics({ playback, video }: Pick<Props, 'playback' | 'video'>) {
  const { t } = useLingui();
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
      {window.isSecureContext && <button type="button" className="player-panel-copy" onClick={() => void copy()}>{copied ? t`Copied` : t`Copy as text`}</button>}
    </>
  );
}

function Rows({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return <dl>{rows.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}
