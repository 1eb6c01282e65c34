import type { Signals } from '../lib/chat/signals';
import { typingWords } from '../lib/chat/typing';
import { useStore } from '../lib/store';

/** Who is writing. Its place is always there, so that nothing moves when somebody begins. */
export function TypingLine({ signals }: { signals: Signals }) {
  return <p className="typing" data-testid="chat-typing">{typingWords(useStore(signals.view).typists)}</p>;
}
