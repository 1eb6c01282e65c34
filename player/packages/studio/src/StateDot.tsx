import type { StreamState } from '@weir/client/api.ts';

const WORDS: Record<StreamState, string> = { idle: 'Offline', starting: 'Starting', live: 'Live', recorded: 'Recording', interrupted: 'Interrupted' };

export function StateDot({ state }: { state: StreamState }) {
  return <span className="dot" data-state={state} role="img" aria-label={WORDS[state]} title={WORDS[state]} />;
}
