import { Suspense, lazy } from 'react';
import { fetched } from '@weir/client/fetched.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { ChatDisabled } from './chat/ChatDisabled';

const Chat = lazy(async () => ({ default: (await fetched(() => import('./chat/Chat'))).Chat }));
const ModPage = lazy(async () => ({ default: (await fetched(() => import('./chat/mod/ModPage'))).ModPage }));

export type ChatForm = 'chat' | 'mod';

/** `?chat`: the chat alone, for a window of its own. `?mod`: what moderators need. */
export function chatForm(search: string): ChatForm | null {
  const asked = new URLSearchParams(search);
  return asked.has('mod') ? 'mod' : asked.has('chat') ? 'chat' : null;
}

export function ChatPage({ watching, form }: { watching: Watching; form: ChatForm }) {
  const { chat } = useStore(watching.view);
  return (
    <div className="chat-page">
      {chat === null ? <ChatDisabled watching={watching} /> : (
        <Suspense fallback={<aside className="chat" aria-busy="true" />}>
          {form === 'mod' ? <ModPage watching={watching} chat={chat} /> : <Chat watching={watching} chat={chat} place="alone" />}
        </Suspense>
      )}
    </div>
  );
}
