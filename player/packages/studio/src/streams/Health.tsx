import { useLingui } from '@lingui/react/macro';
import { plural, t } from '@lingui/core/macro';
import { useQuery } from '@tanstack/react-query';
import { TriangleAlert } from 'lucide-react';
import { locale, rateText } from '@weir/client/format.ts';
import { Card, Facts } from '@weir/kit/Layout.tsx';
import { TimeChart } from '@weir/kit/TimeChart.tsx';
import { streams, type Health as Measured } from '../api';
import { useApp } from '../shell/AppContext';

const POLL_MS = 2_000;
const LONGEST_KEYFRAME_S = 2.6;
const SLOW = 0.9;
const LATE_S = 2;

/** The state of the encoder and of the transcoder, while an encoder publishes. */
export function Health({ stream }: { stream: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data } = useQuery({ queryKey: [app.id, 'health', stream], queryFn: () => askAs(streams.health, stream), refetchInterval: POLL_MS });
  if (data === undefined || !data.publishing) return null;
  const { bitrate, frame_rate, keyframe_s, height, history } = data;
  const picture = height === null ? '–' : frame_rate === null ? `${height}p` : `${height}p · ${Math.round(frame_rate)} fps`;
  return (
    <Card title={t`Encoder`} data-testid="health" aria-label={t`Encoder`}>
      {troubleWith(data).map((words) => (
        <p key={words} className="health-trouble flex items-start gap-2 text-warn" role="status"><TriangleAlert size={17} className="mt-0.5 shrink-0" aria-hidden />{words}</p>
      ))}
      <TimeChart label={t`Incoming bitrate`} height={130} times={history.map(({ at }) => Date.parse(at) / 1000)} lines={[{ name: t`Incoming bitrate`, values: history.map((moment) => moment.bitrate) }]} format={rateText} />
      <Facts facts={[[t`Incoming bitrate`, rateText(bitrate ?? 0)], [t`Picture`, <bdi key="picture">{picture}</bdi>], [t`Key frame interval`, keyframe_s === null ? '–' : t`${keyframe_s.toFixed(1)} s`]]} />
    </Card>
  );
}

export function troubleWith({ keyframe_s, left_out, speed, behind_s, dropped_frames, trouble }: Measured): string[] {
  const found = trouble === null ? [] : [trouble];
  if (keyframe_s !== null && keyframe_s > LONGEST_KEYFRAME_S) {
    found.push(t`Key frames come every ${keyframe_s.toFixed(1)} s. Set the encoder’s keyframe interval to 2 s: viewers start sooner.`);
  }
  if (left_out.length > 0) {
    const heights = new Intl.ListFormat(locale(), { type: 'conjunction' }).format(left_out.map((height) => `${height}p`));
    found.push(t`This server is too busy for ${heights} now; viewers get lower quality.`);
  } else if (speed !== null && speed < SLOW && (behind_s ?? 0) > LATE_S) {
    found.push(t`Transcoding does not keep up with the encoder.`);
  }
  if ((dropped_frames ?? 0) > 100) found.push(plural(dropped_frames ?? 0, { one: '# frame was left out: the encoder sends more than it announced, or unevenly.', other: '# frames were left out: the encoder sends more than it announced, or unevenly.' }));
  return found;
}
