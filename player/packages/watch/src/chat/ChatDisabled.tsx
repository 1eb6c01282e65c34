import { useLingui } from '@lingui/react/macro';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';

/** The chat's place while there is none: not yet, or not for this viewer. */
export function ChatDisabled({ watching }: { watching: Watching }) {
  const { t } = useLingui();
  const { session, refusal } = useStore(watching.access.view);
  const words = session === null && refusal === null ? t`Connecting …` : t`There is no chat here.`;
  return (
    <aside className="chat chat-empty" aria-label={t`Chat`}>
      <p data-testid="connection-state" data-state="none">{words}</p>
    </aside>
  );
}
