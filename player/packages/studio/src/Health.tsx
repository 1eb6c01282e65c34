import { useEffect, useState } from 'react';
import { rateText } from '@weir/client/format.ts';
import type { Health as Measured } from './api';
import type { Desk } from './studioStore';

const POLL_MS = 2_000;
const WIDTH = 240;
const HEIGHT = 44;
const LONGEST_KEYFRAME_S = 2.6;
const SLOW = 0.9;
const LATE_S = 2;

/** The state of the encoder and of the transcoder, while an encoder publishes. */
export function Health({ desk, stream }: { desk: Desk; stream: string }) {
  const health = useHealth(desk, stream);
  if (health === null || !health.publishing) return null;
  const { bitrate, frame_rate, keyframe_s, height, history } = health;
  const trouble = troubleWith(health);
  return (
    <section className="health" aria-label="Encoder" data-testid="health">
      <div className="health-line">
        <Sparkline values={history.map((moment) => moment.bitrate)} />
        <dl className="health-facts">
          <div><dt>Arrives</dt><dd>{rateText(bitrate ?? 0)}</dd></div>
          <div><dt>Picture</dt><dd>{height ?? '–'}p{frame_rate === null ? '' : ` · ${Math.round(frame_rate)} fps`}</dd></div>
          <div><dt>Key frames</dt><dd>{keyframe_s === null ? '–' : `${keyframe_s.toFixed(1)} s`}</dd></div>
        </dl>
      </div>
      {trouble.map((words) => <p key={words} className="health-trouble" role="status">{words}</p>)}
    </section>
  );
}

/** Bits a second over the last two minutes. */
function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 2) return <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />;
  const most = Math.max(...values, 1);
  const points = values.map((value, index) => `${(index / (values.length - 1)) * WIDTH},${HEIGHT - 2 - (value / most) * (HEIGHT - 6)}`);
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`Rate over the last minutes, at most ${rateText(most)}`}>
      <polygon points={`0,${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`} />
      <polyline points={points.join(' ')} />
    </svg>
  );
}

export function troubleWith({ keyframe_s, left_out, speed, behind_s, dropped_frames, trouble }: Measured): string[] {
  const found = trouble === null ? [] : [trouble];
  if (keyframe_s !== null && keyframe_s > LONGEST_KEYFRAME_S) {
    found.push(`Key frames come each ${keyframe_s.toFixed(1)} s. Set the encoder’s keyframe interval to 2 s: viewers start sooner.`);
  }
  if (left_out.length > 0) {
    found.push(`This machine can’t carry ${left_out.map((height) => `${height}p`).join(' and ')} now; viewers get the smaller pictures.`);
  } else if (speed !== null && speed < SLOW && (behind_s ?? 0) > LATE_S) {
    found.push('Transcoding does not keep up with the encoder.');
  }
  if ((dropped_frames ?? 0) > 100) found.push(`${dropped_frames} frames were left out: the encoder sends more than it announced, or unevenly.`);
  return found;
}

function useHealth(desk: Desk, stream: string): Measured | null {
  const [health, setHealth] = useState<Measured | null>(null);
  useEffect(() => {
    const look = () => void desk.health(stream).then(setHealth, () => undefined); // the desk shows the error
    look();
    const timer = window.setInterval(look, POLL_MS);
    return () => clearInterval(timer);
  }, [desk, stream]);
  return health;
}
