import type { Signals } from '@weir/client/chat/typingReactions.ts';
import { typingWords } from '@weir/client/chat/typing.ts';
import { useStore } from '@weir/client/observable.ts';

/** Who is writing. Its place is always there, so that nothing moves when a user begins. */
export function TypingLine({ signals }: { signals: Signals }) {
  return <p className="typing" data-testid="chat-typing">{typingWords(useStore(signals.view).typists)}</p>;
}
