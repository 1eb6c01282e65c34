import type { default as Hls, ErrorData } from 'hls.js';
import Light from 'hls.js/light';
import type { Access } from '../sessionTokens';
import type { StreamState } from '../api';
import { keep, recall } from '../browserStorage';
import { Store } from '../observable';
import { Calm } from './latencyReset';
import { EngineLoader, createHls, masterUrl, rungsOf } from './engine';
import { paceFor } from './pace';
import { Tracks } from './tracks';
import { cureFor, FAR_S, shouldCatchUp } from './recovery';

const TICK_MS = 500;
const RELOAD_MS = 1_500;
const STUCK_MS = 8_000;
const DRAIN_MS = 6_000;
const NATIVE_LATENCY_S = 8; // what players without low latency keep from the end of the playlist
const MOST_AUTHORISATIONS = 3;
const EXTRA_S = 0.1; // distance beyond the stream's own that is worth taking back
const LONG_S = 60; // a window of this length is worth a bar to seek in
const NEAR_EDGE_S = 2;
const WHOLE_S = 0.67; // for a part's length where segments come whole: a second ahead is enough to play faster

/** `index` is the engine's number of the rendition. */
export interface Rung {
  index: number;
  height: number;
}

export interface PlaybackView {
  /** A frame of this source has been shown. */
  picture: boolean;
  playing: boolean;
  waiting: boolean;
  muted: boolean;
  volume: number;
  /** Muted because browsers allow no sound before a gesture, not because the viewer wants silence. */
  offerSound: boolean;
  /** Seconds behind the encoder's edge; null while unknown. */
  latency: number | null;
  atLive: boolean;
  rungs: readonly Rung[];
  /** The chosen height, null for automatic. */
  chosen: number | null;
  height: number | null;
  /** Where the viewer is between `from` and `to`, seconds on the video's clock; null where there is nothing to seek in. */
  at: number | null;
  from: number;
  to: number;
  failure: 'refused' | 'unsupported' | null;
}

const START: PlaybackView = {
  picture: false, playing: false, waiting: false, muted: true, volume: 1, offerSound: true, latency: null, atLive: true,
  rungs: [], chosen: null, height: null, at: null, from: 0, to: 0, failure: null,
};

/** Plays one stream in a video element as long as it is on air, and resumes by itself after every failure but a refusal. */
export class Playback {
  readonly view = new Store<PlaybackView>({ ...START, volume: Number(recall('volume') ?? 1) });
  readonly tracks = new Tracks();
  readonly #access: Access;
  readonly #playback: string;
  #video: HTMLVideoElement | null = null;
  #hls: Hls | null = null;
  readonly #engine = new EngineLoader();
  #state: StreamState = 'idle';
  #placeChosen = false;
  #soughtAt = 0;
  #decoderAt = -Infinity;
  #authorisations = 0;
  #movedAt = 0;
  #lastTime = 0;
  #calm = new Calm(0);
  #timers: { tick?: number; reload?: number; drain?: number } = {};
  #listening = new AbortController();

  constructor(access: Access, playback: string) {
    this.#access = access;
    this.#playback = playback;
  }

  /** Gives the engine its video element; the returned function takes it back. */
  readonly attach = (video: HTMLVideoElement): (() => void) => {
    this.#video = video;
    this.#listening = new AbortController();
    video.muted = this.view.get().muted;
    video.volume = this.view.get().volume;
    this.#listen(video);
    this.#timers.tick = window.setInterval(() => this.#tick(), TICK_MS);
    if (this.#wanted) this.#load();
    return () => {
      clearInterval(this.#timers.tick);
      this.#unload();
      this.#listening.abort();
      this.#video = null;
    };
  };

  /** Plays while the stream is on air. At the end the buffer is played out first. */
  follow(state: StreamState): void {
    const before = this.#wanted;
    this.#state = state;
    if (before === this.#wanted) return;
    clearTimeout(this.#timers.drain);
    if (this.#wanted) this.#load();
    else if (state === 'idle') this.#timers.drain = window.setTimeout(() => this.#unload(), DRAIN_MS);
    else this.#unload();
  }

  get #wanted(): boolean {
    return this.#state === 'live' || this.#state === 'interrupted' || this.#state === 'recorded';
  }

  /** Rights were taken back: what is shown goes at once. */
  refuse(): void {
    if (this.view.get().failure === 'refused') return;
    this.view.update({ failure: 'refused' });
    this.#unload();
  }

  // -- what viewers do

  toggle(): void {
    if (this.#video?.paused) this.play();
    else this.#video?.pause();
  }

  play(): void {
    const video = this.#video;
    if (video === null) return;
    const start = video.seekable.length > 0 ? video.seekable.start(0) : 0;
    if (video.currentTime < start) this.jumpToLive();
    video.play().catch(() => this.#refresh()); // refused without a gesture: the page shows the play button
  }

  jumpToLive(): void {
    this.#placeChosen = false;
    if (this.#video === null) return;
    const target = this.#target();
    if (target !== null) this.#video.currentTime = target;
    if (this.#video.paused) this.#video.play().catch(() => this.#refresh());
    this.#refresh();
  }

  /** Moves by seconds within what can be sought; moving back is the viewer's choice and is kept. */
  step(seconds: number): void {
    const video = this.#video;
    if (video === null || video.seekable.length === 0) return;
    this.seek(video.currentTime + seconds);
  }

  /** Goes to a place on the video's clock, within what can be sought; the end of a live stream is its live edge. */
  seek(seconds: number): void {
    const video = this.#video;
    if (video === null || video.seekable.length === 0) return;
    const live = this.#state !== 'recorded';
    const end = (live ? this.#target() : null) ?? video.seekable.end(0);
    if (live && seconds >= end) {
      this.jumpToLive();
      return;
    }
    this.#placeChosen = true;
    video.currentTime = Math.min(Math.max(seconds, video.seekable.start(0)), end);
    this.#refresh();
  }

  /** Of a file in the folder of the playlists. */
  address(file: string): string {
    return masterUrl(this.#access.playbackToken(), this.#playback).replace('master.m3u8', file);
  }

  toggleSound(): void {
    this.setVolume(this.view.get().volume || 0.5, !this.view.get().muted);
  }

  setVolume(volume: number, muted = volume === 0): void {
    const bounded = Math.min(1, Math.max(0, volume));
    if (this.#video !== null) {
      this.#video.volume = bounded;
      this.#video.muted = muted;
    }
    keep('volume', String(bounded));
    this.view.update({ volume: bounded, muted, offerSound: false });
  }

  /** A height of the ladder, or null for automatic. */
  choose(height: number | null): void {
    const rung = this.view.get().rungs.find((one) => one.height === height);
    if (this.#hls !== null) this.#hls.nextLevel = rung?.index ?? -1;
    this.view.update({ chosen: height });
  }

  /** What the viewer sees now, milliseconds since the epoch on the encoder's clock; null while unknown. */
  pictureTime(): number | null {
    return this.#hls?.playingDate?.getTime() ?? null;
  }

  /** For people who debug in the browser's console: `weir.hls`, `weir.video`. */
  handles(): { hls: Hls | null; video: HTMLVideoElement | null } {
    return { hls: this.#hls, video: this.#video };
  }

  // -- the source

  #load(): void {
    const video = this.#video;
    if (video === null || this.view.get().failure !== null) return;
    this.#unload();
    this.#movedAt = performance.now();
    this.#calm.stalled(this.#movedAt);
    if (!Light.isSupported()) {
      this.#loadNatively(video);
      return;
    }
    this.#engine.load(this.#state === 'recorded', (Engine) => (Engine === null ? this.#reload() : this.#start(video, Engine)));
  }

  #start(video: HTMLVideoElement, Engine: typeof Hls): void {
    const hls = (this.#hls = createHls(Engine, () => this.#access.playbackToken()));
    hls.on(Light.Events.MANIFEST_PARSED, () => this.#parsed(hls));
    hls.on(Light.Events.LEVEL_SWITCHED, () => this.#refresh());
    this.tracks.attach(hls);
    hls.on(Light.Events.ERROR, (_event, data) => this.#erred(data));
    hls.loadSource(masterUrl(this.#access.playbackToken(), this.#playback));
    hls.attachMedia(video);
  }

  #parsed(hls: Hls): void {
    this.view.update({ rungs: rungsOf(hls) });
    const { chosen } = this.view.get();
    if (chosen !== null) this.choose(chosen);
    this.play();
  }

  /** Browsers without Media Source Extensions (iPhones): the system plays; the token cannot be swapped, so failing reloads. */
  #loadNatively(video: HTMLVideoElement): void {
    if (video.canPlayType('application/vnd.apple.mpegurl') === '') {
      this.view.update({ failure: 'unsupported' });
      return;
    }
    video.src = masterUrl(this.#access.playbackToken(), this.#playback);
    this.play();
  }

  #unload(): void {
    this.#engine.cancel();
    clearTimeout(this.#timers.reload);
    clearTimeout(this.#timers.drain);
    this.#hls?.destroy();
    this.#hls = null;
    if (this.#video?.hasAttribute('src')) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    this.#placeChosen = false;
    this.tracks.detach();
    this.view.update({ picture: false, playing: false, waiting: false, latency: null, atLive: true, height: null, rungs: [], at: null });
  }

  #reload(): void {
    clearTimeout(this.#timers.reload);
    this.#timers.reload = window.setTimeout(() => {
      if (this.#wanted) this.#load();
    }, RELOAD_MS);
  }

  // -- what goes wrong

  #erred(data: ErrorData): void {
    const { type, fatal, response } = data;
    const status = response?.code ?? null;
    const failure = { network: type === Light.ErrorTypes.NETWORK_ERROR, media: type === Light.ErrorTypes.MEDIA_ERROR, fatal, status };
    const cure = cureFor(failure, performance.now() - this.#decoderAt);
    if (cure === 'authorise') void this.#authorise();
    else if (cure === 'decode') this.#decodeAnew();
    else if (cure === 'reload') this.#reload();
  }

  #decodeAnew(): void {
    this.#decoderAt = performance.now();
    this.#hls?.recoverMediaError();
  }

  /** Loads were refused: asks for new rights, and ends if there are none. Loading is paused meanwhile. */
  async #authorise(): Promise<void> {
    const hls = this.#hls;
    if (hls === null) return;
    this.#hls = null;
    hls.destroy();
    this.#authorisations += 1;
    const renewed = await this.#access.renew();
    if (renewed === 'refused' || this.#authorisations > MOST_AUTHORISATIONS) {
      this.refuse();
    } else {
      this.#reload();
    }
  }

  // -- what is seen

  #listen(video: HTMLVideoElement): void {
    const { signal } = this.#listening;
    const refresh = () => this.#refresh();
    for (const name of ['play', 'pause', 'waiting', 'playing', 'volumechange', 'resize', 'seeked']) {
      video.addEventListener(name, refresh, { signal });
    }
    video.addEventListener('playing', () => this.view.update({ picture: true }), { signal });
    video.addEventListener('timeupdate', () => this.#pace(video), { signal });
    video.addEventListener('waiting', () => this.#calm.stalled(performance.now()), { signal });
    video.addEventListener('pause', () => (this.#placeChosen = !video.ended), { signal });
    video.addEventListener('ended', () => { if (!this.#wanted) this.#unload(); }, { signal });
    video.addEventListener('error', () => { if (this.#hls === null && video.hasAttribute('src')) this.#reload(); }, { signal });
  }

  #refresh(): void {
    const video = this.#video;
    if (video === null) return;
    const latency = this.#latency(video);
    this.view.update({
      playing: !video.paused, waiting: !video.paused && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
      muted: video.muted, latency, atLive: !video.paused && this.#lag(latency) <= FAR_S, height: video.videoHeight || null,
      ...this.#span(video),
    });
  }

  /** Null where a bar would have nothing to offer: a live stream without a DVR window. */
  #span(video: HTMLVideoElement): Pick<PlaybackView, 'at' | 'from' | 'to'> {
    const nothing = { at: null, from: 0, to: 0 };
    if (video.seekable.length === 0) return nothing;
    const live = this.#state !== 'recorded';
    const from = video.seekable.start(0);
    const to = (live ? this.#target() : null) ?? video.seekable.end(video.seekable.length - 1);
    if (!Number.isFinite(to) || (live && to - from < LONG_S)) return nothing;
    const at = live && to - video.currentTime < NEAR_EDGE_S ? to : video.currentTime;
    return { at: Math.min(Math.max(at, from), to), from, to };
  }

  #tick(): void {
    const video = this.#video;
    if (video === null) return;
    this.#refresh();
    const now = performance.now();
    // Without a network, or while the encoder is away, the picture is frozen and loading anew would only lose it.
    if (video.currentTime !== this.#lastTime || video.paused || document.hidden || !navigator.onLine || this.#state !== 'live') this.#movedAt = now;
    if (video.currentTime !== this.#lastTime && this.view.get().picture) this.#authorisations = 0;
    this.#lastTime = video.currentTime;
    this.#catchUp(video, now);
    this.#approach(now);
    if (this.#hls !== null && now - this.#movedAt > STUCK_MS) this.#load();
  }

  #catchUp(video: HTMLVideoElement, now: number): void {
    const { latency } = this.view.get();
    const target = this.#target();
    if (video.paused || target === null || this.#state === 'recorded') return; // hls.js gives a recording a live edge too: its end
    const lag = this.#lag(latency);
    if (lag <= FAR_S) this.#placeChosen = false;
    const position = { lag, target, current: video.currentTime, chosen: this.#placeChosen, sinceSeek: now - this.#soughtAt };
    if (!shouldCatchUp(position)) return;
    this.#soughtAt = now;
    video.currentTime = target;
  }

  /** Takes back the distance that stalls have added, once they are over. */
  #approach(now: number): void {
    const hls = this.#hls;
    const wanted = hls?.latestLevelDetails?.partHoldBack;
    if (hls === null || !wanted || (hls.targetLatency ?? 0) < wanted + EXTRA_S) return;
    if (this.#calm.daresAgain(now)) hls.targetLatency = wanted;
  }

  /** Plays a little faster while it is further behind than wanted. */
  #pace(video: HTMLVideoElement): void {
    const { buffered, currentTime } = video;
    const details = this.#hls?.latestLevelDetails;
    const partS = details?.live && !this.#placeChosen ? details.partTarget || WHOLE_S : 0;
    const ahead = buffered.length > 0 ? buffered.end(buffered.length - 1) - currentTime : 0;
    const pace = partS ? paceFor(this.#lag(this.#latency(video)), ahead, partS) : 1;
    if (video.playbackRate !== pace) video.playbackRate = pace;
  }

  #latency(video: HTMLVideoElement): number | null {
    if (this.#hls !== null) return this.#hls.levels.length > 0 && this.view.get().picture ? this.#hls.latency : null;
    return video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) - video.currentTime : null;
  }

  /** Seconds behind the latency that is aimed at: it grows a little with every stall. */
  #lag(latency: number | null): number {
    return (latency ?? 0) - (this.#hls?.targetLatency ?? NATIVE_LATENCY_S);
  }

  #target(): number | null {
    if (this.#hls !== null) return this.#hls.liveSyncPosition;
    const seekable = this.#video?.seekable;
    return seekable !== undefined && seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }
}
