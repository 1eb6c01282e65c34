/** Tells a viewer's pause from one that the browser made because nobody looks at the page. */
export class Background {
  #held = false;
  #suspended = false;

  /** The viewer paused here. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
  }

  get held(): boolean {
    return this.#held;
  }

  /** True when the place where it paused is the viewer's choice. */
  paused(hidden: boolean, ended: boolean): boolean {
    this.#suspended = hidden && !this.#held && !ended;
    return !this.#suspended && !ended;
  }

  /** The page is looked at again; true once when the browser had paused it. */
  returned(): boolean {
    const suspended = this.#suspended;
    this.#suspended = false;
    return suspended;
  }
}
