import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ReactNode } from 'react';
import type { StreamState } from '@weir/client/api.ts';

export type Shown = StreamState | 'ended' | 'lost' | 'unknown';

const WORDS: Record<Shown, MessageDescriptor> = {
  idle: msg`Offline`, starting: msg`Starting`, live: msg`Live`, interrupted: msg`Interrupted`, ended: msg`Ended`, lost: msg`Connection lost`, recorded: msg`Recording`, unknown: msg`Unknown`,
};

/** The stream's state as a word in a pill. */
export function StateBadge({ state, detail }: { state: Shown; detail?: ReactNode }) {
  return (
    <span className="badge" data-state={state}>
      <span data-testid="stream-state" data-state={state}>{i18n._(WORDS[state])}</span>
      {detail}
    </span>
  );
}
