import type { ChatClient } from '@weir/client/chat/client.ts';
import type { ChatLog } from '@weir/client/chat/log.ts';
import { moderates } from '@weir/client/chat/rights.ts';
import { Glyph } from '@weir/ui/icons.tsx';

/** The pinned message, above all others. */
export function PinnedBar({ log: { pinned }, chat, role }: { log: ChatLog; chat: ChatClient; role: string | null }) {
  if (pinned === null || pinned.state !== 'sent') return null;
  return (
    <section className="pinned" aria-label="Pinned message" data-testid="chat-pinned">
      <Glyph name="pin" />
      <p title={pinned.text}><b>{pinned.author.name}</b> {pinned.text}</p>
      {moderates(role) && (
        <button type="button" className="plain-icon" aria-label="Unpin" title="Unpin" onClick={() => void chat.command('/unpin')}>
          <Glyph name="close" />
        </button>
      )}
    </section>
  );
}
