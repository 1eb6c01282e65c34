export type Tone = 'good' | 'bad' | 'busy' | 'off';

/** A state in one or two words. */
export function Pill({ tone, words }: { tone: Tone; words: string }) {
  return <span className="pill" data-tone={tone}>{words}</span>;
}
