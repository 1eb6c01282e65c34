/** What this browser keeps between visits. Storage may be closed to us (private windows, embedding); then nothing is kept. */
type Item = 'user' | 'device' | 'name' | 'volume' | 'language' | 'theme' | 'app' | 'quality' | 'saving' | 'theatre' | 'followed' | 'chat';

export function recall(item: Item): string | null {
  try {
    return localStorage.getItem(`weir.${item}`);
  } catch {
    return null;
  }
}

export function keep(item: Item, value: string): void {
  try {
    localStorage.setItem(`weir.${item}`, value);
  } catch {
    return;
  }
}

export function forget(item: Item): void {
  try {
    localStorage.removeItem(`weir.${item}`);
  } catch {
    return;
  }
}

/** The user token that this tab came with, or comes with now: kept over a reload, gone with the tab. */
export function seat(playback: string, given: string | null): string | null {
  try {
    if (given !== null) sessionStorage.setItem(`weir.seat.${playback}`, given);
    return sessionStorage.getItem(`weir.seat.${playback}`);
  } catch {
    return given;
  }
}
