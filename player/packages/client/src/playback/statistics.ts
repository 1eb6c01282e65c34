import type Hls from 'hls.js';
import { t } from '@lingui/core/macro';
import { rateText } from '../format';
import type { PlaybackView } from './view';

/** A label and its value in words. */
export type Figure = readonly [string, string];

/** What is played and how it goes, for people who look for the cause of a fault. Unknown values are left out. */
export function statistics(hls: Hls | null, video: HTMLVideoElement | null, view: PlaybackView): Figure[] {
  if (video === null) return [];
  const frames = video.getVideoPlaybackQuality();
  const shown = video.videoWidth > 0;
  const found: (readonly [string, string | null])[] = [
    [t`Behind the encoder`, view.latency === null ? null : `${view.latency.toFixed(2)} s`],
    [t`Buffer`, `${ahead(video).toFixed(2)} s`],
    [t`Picture`, shown ? `${video.videoWidth} × ${video.videoHeight}` : null],
    [t`Shown in`, shown ? `${video.clientWidth} × ${video.clientHeight}` : null],
    ...(hls === null ? [] : ofEngine(hls, view.chosen === null)),
    [t`Frames dropped`, droppedText(frames)],
    [t`Speed`, `${video.playbackRate.toFixed(2)} ×`],
    [t`Volume`, video.muted ? t`off` : `${Math.round(video.volume * 100)} %`],
  ];
  return found.filter((one): one is Figure => one[1] !== null);
}

function ofEngine({ levels, currentLevel, bandwidthEstimate }: Hls, automatic: boolean): (readonly [string, string | null])[] {
  const level = levels[currentLevel];
  return [
    [t`Quality`, level === undefined ? null : [`${level.height}p`, rateText(level.bitrate), automatic ? t`automatic` : null].filter(Boolean).join(', ')],
    [t`Frame rate`, level === undefined || !(level.frameRate > 0) ? null : t`${level.frameRate} per second`],
    [t`Codecs`, [level?.videoCodec, level?.audioCodec].filter(Boolean).join(', ') || null],
    [t`Line`, Number.isFinite(bandwidthEstimate) ? rateText(bandwidthEstimate) : null],
  ];
}

/** Seconds of picture after the present place. */
function ahead({ buffered, currentTime }: HTMLVideoElement): number {
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime && currentTime <= buffered.end(index)) return buffered.end(index) - currentTime;
  }
  return 0;
}

function droppedText({ droppedVideoFrames: dropped, totalVideoFrames: total }: VideoPlaybackQuality): string {
  const share = total === 0 ? '0.0' : ((dropped / total) * 100).toFixed(1);
  return t`${dropped} of ${total} (${share} %)`;
}
