import type { StreamState } from '@weir/client/api.ts';

export type Shown = StreamState | 'ended' | 'lost' | 'unknown';

const WORDS: Record<Shown, string> = {
  idle: 'Offline', starting: 'Starting', live: 'Live', interrupted: 'Interrupted', ended: 'Ended', lost: 'Connection lost', recorded: 'Recording', unknown: 'Unknown',
};

/** The stream's state as a word in a pill. */
export function StateBadge({ state }: { state: Shown }) {
  return (
    <span className="badge" data-testid="stream-state" data-state={state}>
      {WORDS[state]}
    </span>
  );
}
