import { useStore } from '@weir/client/observable.ts';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { LineState } from '@weir/client/chat/connection.ts';
import { ruleOf } from '@weir/client/chat/rights.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Composer } from './Composer';
import { MessageList } from './MessageList';
import { DisplayName } from './DisplayName';
import { People } from './People';
import { PinnedBar } from './PinnedBar';
import { PrivateNotice } from './PrivateNotice';
import { TypingLine } from './TypingLine';

const LINE_WORDS: Record<LineState, string> = {
  connecting: 'Connecting …', online: 'Connected', reconnecting: 'Reconnecting …', closed: 'Chat closed',
};

export function Chat({ watching, chat }: { watching: Watching; chat: ChatClient }) {
  const { line, log, older, role, self, closedBecause, hold, notice } = useStore(chat.view);
  const user = useStore(watching.access.view).session?.user ?? null;
  const readOnly = role === 'guest';
  return (
    <aside className="chat" aria-label="Chat">
      <header className="chat-head">
        <h2>Chat</h2>
        <span className="spacer" />
        <span className="line" role="status" data-testid="connection-state" data-state={line}>{LINE_WORDS[line]}</span>
        {line === 'online' && <People chat={chat} />}
      </header>
      <PinnedBar log={log} chat={chat} role={role} />
      <MessageList chat={chat} log={log} older={older} ownId={user?.id ?? null} role={role} closed={line === 'closed'} />
      <TypingLine signals={chat.signals} />
      <PrivateNotice chat={chat} notice={notice} />
      {readOnly ? (
        <p className="chat-foot read-only">You are reading as a guest. Sign in on the streamer’s site to take part.</p>
      ) : (
        <footer className="chat-foot">
          <Composer chat={chat} line={line} closedBecause={closedBecause} hold={hold} rule={ruleOf(log.settings, self)} />
          {user !== null && line !== 'closed' && <DisplayName key={user.name} watching={watching} user={user} />}
        </footer>
      )}
    </aside>
  );
}
