/** Where a link with `?t=` begins: seconds into a recording, or into a broadcast that keeps its past. Used once. */
export class StartPlace {
  #seconds: number | null = null;

  set(seconds: number | null): void {
    this.#seconds = seconds;
  }

  /** On the clock of a recording that is so long. */
  inRecording(duration: number): number | null {
    const seconds = this.#take();
    return seconds === null ? null : Math.min(seconds, Math.max(0, duration - 1));
  }

  /** On the video's clock, where `current` shows the picture of `shown`; `since` is the broadcast's beginning (ms since the epoch). */
  inBroadcast(current: number, shown: number | null, since: number | null): number | null {
    if (shown === null || since === null) return null;
    const seconds = this.#take();
    return seconds === null ? null : current + (since - shown) / 1000 + seconds;
  }

  #take(): number | null {
    const seconds = this.#seconds;
    this.#seconds = null;
    return seconds;
  }
}
