import type { ChatClient } from '../lib/chat/client';
import type { ChatLog } from '../lib/chat/log';
import { moderates } from '../lib/chat/rights';
import { Glyph } from '../ui/icons';

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
