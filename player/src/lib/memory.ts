/** What this browser keeps between visits. Storage may be closed to us (private windows, embedding); then nothing is kept. */
type Item = 'user' | 'name' | 'volume';

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
