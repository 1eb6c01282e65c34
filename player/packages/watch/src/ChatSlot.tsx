import { Suspense, lazy } from 'react';
import { useLingui } from '@lingui/react/macro';
import { fetched } from '@weir/client/fetched.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { ChatDisabled } from './chat/ChatDisabled';

const Chat = lazy(async () => ({ default: (await fetched(() => import('./chat/Chat'))).Chat }));

/** The chat's place, which is the same before its code has come. */
export function ChatSlot({ watching }: { watching: Watching }) {
  const { chat } = useStore(watching.view);
  return (
    <div className="chat-slot" id="chat-panel">
      {chat === null ? <ChatDisabled watching={watching} /> : <Suspense fallback={<Awaited />}><Chat watching={watching} chat={chat} /></Suspense>}
    </div>
  );
}

function Awaited() {
  const { t } = useLingui();
  return <aside className="chat" aria-label={t`Chat`} aria-busy="true" />;
}
