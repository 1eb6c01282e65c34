import type { default as Hls, ErrorData } from 'hls.js';
import Light from 'hls.js/light';
import type { Access } from '../sessionTokens';
import type { StreamState } from '../api';
import { recall } from '../browserStorage';
import { Store } from '../observable';
import { Background } from './background';
import { Calm } from './latencyReset';
import { EngineLoader, createHls, masterUrl } from './engine';
import { approach, lagOf, latencyOf, paceOf, targetOf } from './liveEdge';
import { spanOf } from './place';
import { Quality, keptWish } from './quality';
import { Sound } from './sound';
import { StartPlace } from './startPlace';
import { Tracks } from './tracks';
import { cureFor, failureOf, FAR_S, shouldCatchUp } from './recovery';
import { START, type Failure, type PlaybackView } from './view';
import { Wake } from './wake';

const TICK_MS = 500;
const RELOAD_MS = 1_500;
const STUCK_MS = 8_000;
const DRAIN_MS = 6_000;
const MOST_AUTHORISATIONS = 3;
const ASSUMED_FRAMES = 30;

export type { PlaybackView, Rung } from './view';

/** Plays one stream in a video element as long as it is on air, and resumes by itself after every failure but a refusal. */
export class Playback {
  readonly view = new Store<PlaybackView>({ ...START, ...keptWish(), volume: Number(recall('volume') ?? 1) });
  readonly tracks = new Tracks();
  readonly sound = new Sound(this.view);
  readonly quality = new Quality(this.view);
  readonly start = new StartPlace();
  readonly #background = new Background();
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
  readonly #wake = new Wake(Date.now());
  /** The beginning of the broadcast, milliseconds since the epoch. */
  #since: number | null = null;
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
    this.sound.attach(video);
    this.#listen(video);
    this.#timers.tick = window.setInterval(() => this.#tick(), TICK_MS);
    if (this.#wanted) this.#load();
    return () => {
      clearInterval(this.#timers.tick);
      this.#unload();
      this.#listening.abort();
      this.sound.attach(null);
      this.#video = null;
    };
  };

  /** Plays while the stream is on air. At the end the buffer is played out first. */
  follow(state: StreamState, since: string | null = null): void {
    const before = this.#wanted;
    this.#state = state;
    this.#since = since === null ? null : Date.parse(since);
    if (before === this.#wanted) return;
    clearTimeout(this.#timers.drain);
    if (this.view.get().failure === 'codec') this.view.update({ failure: null }); // the next broadcast may have another
    if (this.#wanted) this.#load();
    else if (state === 'idle') this.#timers.drain = window.setTimeout(() => this.#unload(), DRAIN_MS);
    else this.#unload();
  }

  get #wanted(): boolean {
    return this.#state !== 'idle' && this.#state !== 'starting';
  }

  /** Rights were taken back: what is shown goes at once. */
  refuse(): void {
    if (this.view.get().failure !== 'refused') this.#fail('refused');
  }

  #fail(failure: Failure): void {
    this.view.update({ failure });
    this.#unload();
  }

  // -- what viewers do

  toggle(): void {
    if (this.#video?.paused) this.play();
    else this.pause();
  }

  pause(): void {
    this.#background.hold();
    this.#video?.pause();
  }

  play(): void {
    const video = this.#video;
    if (video === null) return;
    this.#background.release();
    if (video.seekable.length > 0 && video.currentTime < video.seekable.start(0)) this.jumpToLive();
    video.play().catch(() => this.#refresh()); // refused without a gesture: the page shows the play button
  }

  jumpToLive(): void {
    this.#placeChosen = false;
    this.#background.release();
    if (this.#video === null) return;
    const target = this.#target();
    if (target !== null) this.#video.currentTime = target;
    if (this.#video.paused) this.#video.play().catch(() => this.#refresh());
    this.#refresh();
  }

  /** Moves by seconds within what can be sought; moving back is the viewer's choice and is kept. */
  step(seconds: number): void {
    if (this.#video !== null) this.seek(this.#video.currentTime + seconds);
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

  /** There is something to play faster or slower: a recording, or what a live stream keeps of its past. */
  get speedable(): boolean {
    const { at, atLive } = this.view.get();
    return at !== null && (this.#state === 'recorded' || !atLive);
  }

  setSpeed(speed: number): void {
    if (!this.speedable || this.#video === null) return;
    this.#placeChosen = true;
    this.view.update({ speed });
    this.#pace(this.#video);
  }

  /** One frame on or back, while paused. */
  stepFrame(step: 1 | -1): void {
    if (this.#video?.paused) this.step(step / (this.#hls?.levels[this.#hls.currentLevel]?.frameRate || ASSUMED_FRAMES));
  }

  /** To a share of the bar, 0…1. */
  seekShare(share: number): void {
    const { at, from, to } = this.view.get();
    if (at !== null) this.seek(from + share * (to - from));
  }

  /** For a link to what is seen now, as `start` takes it; null where nothing could be sought. */
  moment(): number | null {
    const { at, from } = this.view.get();
    if (at === null) return null;
    if (this.#state === 'recorded') return at - from;
    const shown = this.pictureTime();
    return shown === null || this.#since === null ? null : (shown - this.#since) / 1000;
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
    this.quality.parsed(hls);
    if (!this.#background.held) this.play();
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
    this.quality.detach();
    this.view.update({ picture: false, playing: false, waiting: false, latency: null, atLive: true, at: null, speed: 1 });
  }

  #reload(): void {
    clearTimeout(this.#timers.reload);
    this.#timers.reload = window.setTimeout(() => {
      if (this.#wanted) this.#load();
    }, RELOAD_MS);
  }

  // -- what goes wrong

  #erred(data: ErrorData): void {
    const cure = cureFor(failureOf(data), performance.now() - this.#decoderAt);
    if (cure === 'give up') this.#fail('codec'); // loading anew would fail in the same way
    else if (cure === 'authorise') void this.#authorise();
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

  #listen(video: HTMLVideoElement): void {
    const { signal } = this.#listening;
    const refresh = () => this.#refresh();
    for (const name of ['play', 'pause', 'waiting', 'playing', 'volumechange', 'resize', 'seeked']) {
      video.addEventListener(name, refresh, { signal });
    }
    video.addEventListener('playing', () => this.#began(video), { signal });
    video.addEventListener('loadedmetadata', () => this.#place(video), { signal });
    video.addEventListener('timeupdate', () => this.#pace(video), { signal });
    video.addEventListener('waiting', () => this.#calm.stalled(performance.now()), { signal });
    video.addEventListener('pause', () => { if (this.#background.paused(document.hidden, video.ended)) this.#placeChosen = true; }, { signal });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#returned(video); }, { signal });
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
      ...spanOf(video, this.#state !== 'recorded', this.#target()),
    });
  }

  /** The page is looked at again: what the browser paused goes on, and a live stream is shown as it is now. */
  #returned(video: HTMLVideoElement): void {
    const suspended = this.#background.returned();
    const live = this.#state === 'live';
    if (suspended && !live) this.play();
    else if (suspended || (live && !video.paused && !this.#placeChosen && this.#lag(this.#latency(video)) > FAR_S)) this.jumpToLive();
  }

  #began(video: HTMLVideoElement): void {
    this.view.update({ picture: true });
    this.#refresh();
    const goal = this.#state === 'recorded' ? null : this.start.inBroadcast(video.currentTime, this.pictureTime(), this.#since);
    if (goal !== null && spanOf(video, true, this.#target()).at !== null) this.seek(goal);
  }

  #place(video: HTMLVideoElement): void {
    if (this.#state === 'recorded') video.currentTime = this.start.inRecording(video.duration) ?? video.currentTime;
  }

  /** The machine slept: tokens may be over and what was buffered is past. */
  async #woke(): Promise<void> {
    const renewed = await this.#access.renew();
    if (renewed !== 'refused' && this.#state === 'live' && !this.#placeChosen) this.#load();
  }

  #tick(): void {
    const video = this.#video;
    if (video === null) return;
    if (this.#wake.slept(Date.now())) void this.#woke();
    this.#refresh();
    const now = performance.now();
    // Without a network, or while the encoder is away, the picture is frozen and loading anew would only lose it.
    if (video.currentTime !== this.#lastTime || video.paused || document.hidden || !navigator.onLine || this.#state !== 'live') this.#movedAt = now;
    if (video.currentTime !== this.#lastTime && this.view.get().picture) this.#authorisations = 0;
    this.#lastTime = video.currentTime;
    this.#catchUp(video, now);
    approach(this.#hls, this.#calm, now);
    if (this.#hls !== null && now - this.#movedAt > STUCK_MS) this.#load();
  }

  #catchUp(video: HTMLVideoElement, now: number): void {
    const { latency } = this.view.get();
    const target = this.#target();
    if (video.paused || target === null || this.#state === 'recorded') return; // hls.js gives a recording a live edge too: its end
    const lag = this.#lag(latency);
    if (lag <= FAR_S) this.#arrive();
    const position = { lag, target, current: video.currentTime, chosen: this.#placeChosen, sinceSeek: now - this.#soughtAt };
    if (!shouldCatchUp(position)) return;
    this.#soughtAt = now;
    video.currentTime = target;
  }

  /** At the live edge there is nothing to be faster for. */
  #arrive(): void {
    this.#placeChosen = false;
    this.view.update({ speed: 1 });
  }

  /** Plays a little faster while it is further behind than wanted, or as fast as the viewer chose. */
  #pace(video: HTMLVideoElement): void {
    const catching = this.#placeChosen ? null : paceOf(this.#hls, video, this.#lag(this.#latency(video)));
    const pace = catching ?? this.view.get().speed;
    if (video.playbackRate !== pace) video.playbackRate = pace;
  }

  #latency(video: HTMLVideoElement): number | null {
    return latencyOf(this.#hls, video, this.view.get().picture);
  }

  #lag(latency: number | null): number {
    return lagOf(this.#hls, latency);
  }

  #target(): number | null {
    return targetOf(this.#hls, this.#video?.seekable);
  }
}
