import { useEffect } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { Message } from '@weir/client/chat/messages.ts';
import type { Quote } from '@weir/client/chat/quotes.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { useCalmPick, usePick, useScope } from './hooks';
import { Name } from './person';

/** What a message answers; a click leads there. */
export function QuoteLine({ id }: { id: string }) {
  const { t } = useLingui();
  const { chat, jump } = useScope();
  const onPage = useCalmPick(chat.view, ({ log }) => log.messages.find((one) => one.id === id));
  const waits = usePick(chat.alignment.view, ({ waiting }) => waiting.has(id));
  const fetched = usePick(chat.quotes.view, ({ known }) => known.get(id));
  useEffect(() => {
    if (onPage === undefined && fetched === undefined) chat.quotes.want(id);
  }, [chat, id, onPage, fetched]);
  const quote: Quote = waits ? 'loading' : (onPage ?? fetched ?? 'loading');
  if (quote === 'loading') return <span className="quote"><Glyph name="reply" /><span>…</span></span>;
  if (quote === 'gone' || quote.state === 'removed') return <span className="quote"><Glyph name="reply" /><span><Trans>A message that was removed</Trans></span></span>;
  return (
    <button type="button" tabIndex={-1} className="quote" data-testid="quote" title={t`Go to this message`} onClick={() => jump(id)}>
      <Glyph name="reply" />
      <Quoted message={quote} />
    </button>
  );
}

export function Quoted({ message: { author, text } }: { message: Message }) {
  return <span className="quoted"><Name id={author.id} name={author.name} /> <bdi>{text.replace(/\s+/g, ' ')}</bdi></span>;
}
