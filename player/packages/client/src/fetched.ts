const AGAIN_MS = 3_000;

/** A part of the page's code, asked for until it comes: the line may be away for a moment. */
export async function fetched<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
