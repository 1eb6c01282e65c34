import type Hls from 'hls.js';
import type { PlaybackView } from './playback';

/** A label and its value in words. */
export type Figure = readonly [string, string];

/** What is played and how it goes, for people who look for the cause of a fault. Unknown values are left out. */
export function statistics(hls: Hls | null, video: HTMLVideoElement | null, view: PlaybackView): Figure[] {
  if (video === null) return [];
  const frames = video.getVideoPlaybackQuality();
  const shown = video.videoWidth > 0;
  const found: (readonly [string, string | null])[] = [
    ['Behind the encoder', view.latency === null ? null : `${view.latency.toFixed(2)} s`],
    ['Buffer', `${ahead(video).toFixed(2)} s`],
    ['Picture', shown ? `${video.videoWidth} × ${video.videoHeight}` : null],
    ['Shown in', shown ? `${video.clientWidth} × ${video.clientHeight}` : null],
    ...(hls === null ? [] : ofEngine(hls, view.chosen === null)),
    ['Frames dropped', `${frames.droppedVideoFrames} of ${frames.totalVideoFrames}`],
    ['Speed', `${video.playbackRate.toFixed(2)} ×`],
    ['Volume', video.muted ? 'off' : `${Math.round(video.volume * 100)} %`],
  ];
  return found.filter((one): one is Figure => one[1] !== null);
}

function ofEngine({ levels, currentLevel, bandwidthEstimate }: Hls, automatic: boolean): (readonly [string, string | null])[] {
  const level = levels[currentLevel];
  return [
    ['Quality', level === undefined ? null : `${level.height}p, ${rate(level.bitrate)}${automatic ? ', automatic' : ''}`],
    ['Codecs', [level?.videoCodec, level?.audioCodec].filter(Boolean).join(', ') || null],
    ['Line', Number.isFinite(bandwidthEstimate) ? rate(bandwidthEstimate) : null],
  ];
}

/** Seconds of picture after the present place. */
function ahead({ buffered, currentTime }: HTMLVideoElement): number {
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime && currentTime <= buffered.end(index)) return buffered.end(index) - currentTime;
  }
  return 0;
}

function rate(bits: number): string {
  return bits >= 1_000_000 ? `${(bits / 1_000_000).toFixed(1)} Mb/s` : `${Math.round(bits / 1_000)} kb/s`;
}
